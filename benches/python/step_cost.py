"""What a step costs: recorded, and answered on a resume. Of this tree, or of it beside another one, in turns.

python benches/python/step_cost.py [--against PACKAGE] [--rounds N] [--calls N] [--json]

PACKAGE is the directory that holds the other `omium`, with its native module. Each round is a fresh process for each of
the two; figures are medians of the rounds' medians, ratios medians of the rounds' ratios. The store is in memory where
the machine has such a directory, with durability="process", so that no disk is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parents[2] / "omium-py" / "python"
MEMORY = Path("/dev/shm")


class Document:
    """An argument that the codec does not cover."""

    def __init__(self, number: int) -> None:
        self.name = f"document {number}"
        self.text = "a text of some length " * 10
        self.tags = ["a", "b", "c"]
        self.source = {"url": f"https://example.org/{number}", "pages": number}


def nested(number: int) -> dict[str, Any]:
    """About 100 kB of lists and dicts."""
    rows = [
        {"id": row, "title": f"row {row} of {number}", "scores": [row * 0.5, row], "text": "x" * 40}
        for row in range(850)
    ]
    return {"number": number, "rows": rows}


def measure(calls: int) -> dict[str, float]:
    """Microseconds of each case in this process."""
    import omium

    @omium.step
    def small(number: int, text: str, options: dict[str, Any]) -> str:
        return f"{text} {number} {options['limit']}"

    @omium.step
    def large(number: int, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "again": number}

    @omium.step
    def of_object(document: Document) -> int:
        return len(document.text)

    makers: dict[str, tuple[int, Callable[[int], Any]]] = {
        "small": (calls, lambda n: (small, (n, "a short text", {"limit": n, "lang": ["en"]}))),
        "100 kB": (max(calls // 20, 10), lambda n: (large, (n, nested(n)))),
        "object": (calls, lambda n: (of_object, (Document(n),))),
    }
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as store:
        omium.init(store=store, durability="process")
        for name, (number, make) in makers.items():
            given = [make(n) for n in range(number)]
            for what in ("recorded", "answered"):
                times = []
                with omium.execution(name):
                    for step, arguments in given:
                        began = time.perf_counter_ns()
                        step(*arguments)
                        times.append(time.perf_counter_ns() - began)
                # The first ones load code.
                found[f"{name} {what}"] = statistics.median(times[len(times) // 10 :]) / 1000
    return found


def child(package: Path, calls: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", "--calls", str(calls)]
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def module(package: Path) -> str:
    """The native module of a package; a debug build is several times as large as a release build."""
    path = next((package / "omium").glob("_omium*.so"))
    return f"{package} ({path.name}, {path.stat().st_size / 1e6:.0f} MB)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(arguments.calls)))
        return
    trees = [HERE] if arguments.against is None else [arguments.against.resolve(), HERE]
    rounds: list[list[dict[str, float]]] = [[] for _ in trees]
    for number in range(arguments.rounds):
        for index in range(len(trees)) if number % 2 == 0 else reversed(range(len(trees))):
            rounds[index].append(child(trees[index], arguments.calls))
    report: dict[str, dict[str, float]] = {}
    for name in rounds[0][0]:
        medians = [statistics.median(each[name] for each in found) for found in rounds]
        row = dict(zip(("before", "now") if len(trees) > 1 else ("now",), medians, strict=True))
        if len(trees) > 1:
            pairs = zip(*rounds, strict=True)
            row["ratio"] = statistics.median(now[name] / before[name] for before, now in pairs)
        report[name] = row
    if arguments.json:
        print(json.dumps(report))
        return
    for label, tree in zip(("before", "now") if len(trees) > 1 else ("now",), trees, strict=True):
        print(f"{label:7} {module(tree)}")
    for name, row in report.items():
        shown = "  ".join(f"{label} {value:9.1f} µs" for label, value in row.items() if label != "ratio")
        print(f"{name:18} {shown}" + (f"  ratio {row['ratio']:.2f}" if "ratio" in row else ""))


if __name__ == "__main__":
    main()
