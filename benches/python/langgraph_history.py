"""Time and peak memory of get_state_history over a long chat, in a fresh process.

    python benches/python/langgraph_history.py [--checkpoints N] [--limit-mb M] [--json]

With --limit-mb it exits with 1 when the peak is higher.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from langgraph_load import MESSAGE_BYTES, Chat, chat


def rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(directory: str) -> dict[str, Any]:
    from langgraph.graph import START, StateGraph

    from omium.langgraph import Saver

    builder = StateGraph(Chat)
    builder.add_node("say", lambda state: state).add_edge(START, "say")
    app = builder.compile(checkpointer=Saver(directory))
    before, began = rss_mb(), time.perf_counter()
    states = [*app.get_state_history({"configurable": {"thread_id": "chat"}})]
    seconds = time.perf_counter() - began
    lengths = [len(state.values.get("messages", ())) for state in states]
    assert max(lengths) == lengths[0]
    assert len(states[0].values["messages"][-1].content) == MESSAGE_BYTES
    return {
        "checkpoints": len(states),
        "messages_in_all_states": sum(lengths),
        "seconds": round(seconds, 2),
        "rss_before_mb": round(before, 1),
        "rss_peak_mb": round(rss_mb(), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--limit-mb", type=float)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=["write", "read"], help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "write":
        from omium.langgraph import Saver

        # Nothing here asks for power-loss safety, and what is read is the same.
        with Saver(options.directory, durability="process") as saver:
            chat(saver, options.checkpoints)
        return 0
    if options.step == "read":
        print(json.dumps(read(options.directory)))
        return 0
    with tempfile.TemporaryDirectory() as directory:
        again = [sys.executable, __file__, "--directory", directory, "--checkpoints", str(options.checkpoints)]
        subprocess.run([*again, "--step", "write"], check=True)
        found = subprocess.run([*again, "--step", "read"], check=True, capture_output=True, text=True).stdout
    result = json.loads(found)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24} {value:>12,}")
    return int(options.limit_mb is not None and result["rss_peak_mb"] > options.limit_mb)


if __name__ == "__main__":
    sys.exit(main())
