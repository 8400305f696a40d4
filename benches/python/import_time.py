"""CPU time of `import omium`, beside Python's own start and LangGraph's import, in fresh processes that take turns.

python benches/python/import_time.py [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

PROGRAMS = {"python": "", "omium": "import omium", "langgraph": "import langgraph.graph"}


def cpu_ms(program: str) -> float:
    """Of the whole process."""
    measured = f"import time\n{program}\nprint(time.process_time() * 1000)"
    done = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(arguments.rounds):
        for name, program in PROGRAMS.items():
            found[name].append(cpu_ms(program))
    medians = {name: round(statistics.median(each), 1) for name, each in found.items()}
    if arguments.json:
        print(json.dumps(medians))
        return
    for name, median in medians.items():
        print(f"{name:10} {median:7.1f} ms, {median - medians['python']:+.1f} ms")


if __name__ == "__main__":
    main()
