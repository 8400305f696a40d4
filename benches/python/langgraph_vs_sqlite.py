"""omium.langgraph.Saver beside langgraph-checkpoint-sqlite, both with their default settings.

    python benches/python/langgraph_vs_sqlite.py [--steps N] [--puts N] [--rounds N] [--json]

The savers take turns within each round, so that a noisy machine is noisy for both. Every call waits
for its commit: omium's "strict" and SqliteSaver's synchronous=FULL both survive power loss. The time
of one fdatasync on the same disk stands beside the figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph_load import Changing, chat

from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import Callable

SAVERS = ("sqlite", "omium")
STATES = {
    "channels": "put, 10 channels of 1 MB, 100 bytes changed",
    "messages": "put, 10,000 messages of 1 KB, one added",
}


def open_saver(name: str, directory: Path) -> tuple[Any, Callable[[], None]]:
    directory.mkdir(parents=True)
    if name == "omium":
        saver = Saver(directory)
        return saver, saver.close
    connection = sqlite3.connect(directory / "checkpoints.sqlite", check_same_thread=False)
    return SqliteSaver(connection), connection.close


def disk_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def fdatasync_ms(directory: Path, times: int = 200) -> float:
    """Median of appending a page to a file and making it durable."""
    taken = []
    with (directory / "probe").open("wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(os.urandom(4096))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def bench_chat(scratch: Path, steps: int, rounds: int) -> dict[str, Any]:
    """Overhead of each superstep over the same step without a checkpointer."""
    overhead: dict[str, list[float]] = {name: [] for name in SAVERS}
    result: dict[str, Any] = {name: {} for name in SAVERS}
    for turn in range(rounds):
        bare = chat(None, steps)
        for name in SAVERS if turn % 2 == 0 else SAVERS[::-1]:
            directory = scratch / f"chat-{turn}-{name}"
            saver, close = open_saver(name, directory)
            overhead[name] += [taken - base for taken, base in zip(chat(saver, steps), bare, strict=False)]
            result[name]["disk_open_bytes"] = disk_bytes(directory)
            close()
            result[name]["disk_bytes"] = disk_bytes(directory)
    for name, taken in overhead.items():
        result[name]["mean_ms"] = statistics.mean(taken) * 1000
        result[name]["median_ms"] = statistics.median(taken) * 1000
        tail = [taken[i] for i in range(len(taken)) if i % steps >= steps * 9 // 10]
        result[name]["median_last_tenth_ms"] = statistics.median(tail) * 1000
    return result


def bench_put(scratch: Path, kind: str, puts: int) -> dict[str, Any]:
    """One put each in turn, on the same values."""
    state = Changing(kind)
    where = {"configurable": {"thread_id": "big", "checkpoint_ns": ""}}
    opened = {name: open_saver(name, scratch / f"put-{kind}-{name}") for name in SAVERS}
    configs = {name: saver.put(where, state.checkpoint(), {}, state.versions) for name, (saver, _) in opened.items()}
    taken: dict[str, list[float]] = {name: [] for name in SAVERS}
    for turn in range(puts):
        new = state.change()
        checkpoint = state.checkpoint()
        for name in SAVERS if turn % 2 == 0 else SAVERS[::-1]:
            gc.collect()
            began = time.perf_counter()
            configs[name] = opened[name][0].put(configs[name], checkpoint, {"step": turn}, new)
            taken[name].append(time.perf_counter() - began)
    for saver, close in opened.values():
        found = saver.get_tuple(where)
        assert found.checkpoint["channel_values"] == state.values
        close()
    return {
        name: {"mean_ms": statistics.mean(times) * 1000, "median_ms": statistics.median(times) * 1000}
        for name, times in taken.items()
    }


def table(result: dict[str, Any]) -> list[str]:
    chat_rows = (("mean_ms", "step overhead, mean ms"), ("median_ms", "step overhead, median ms"))
    chat_rows += (("median_last_tenth_ms", "  in the last tenth"),)
    chat_rows += (("disk_open_bytes", "disk with open files, bytes"), ("disk_bytes", "disk after close, bytes"))
    rows = [(f"chat: {label}", *(result["chat"][name][key] for name in SAVERS)) for key, label in chat_rows]
    for kind, label in STATES.items():
        rows += [(f"{label}, median ms", *(result[kind][name]["median_ms"] for name in SAVERS))]
        rows += [(f"{label}, mean ms", *(result[kind][name]["mean_ms"] for name in SAVERS))]
    lines = [f"{'':58}{'sqlite':>16}{'omium':>16}{'ratio':>10}"]
    lines += [f"{label:58}{sqlite:>16,.2f}{omium:>16,.2f}{sqlite / omium:>9.1f}x" for label, sqlite, omium in rows]
    return [*lines, f"{'one fdatasync of a page, median ms':58}{result['fdatasync_ms']:>16,.2f}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--puts", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--directory", type=Path, help="where to write (default: the temporary directory)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as scratch:
        place = Path(scratch)
        result: dict[str, Any] = {"fdatasync_ms": fdatasync_ms(place)}
        result["chat"] = bench_chat(place, options.steps, options.rounds)
        for kind in STATES:
            result[kind] = bench_put(place, kind, options.puts)
    print(json.dumps(result) if options.json else "\n".join(table(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
