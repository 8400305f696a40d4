"""Several invoke one LangGraph thread at once, and are killed, cancelled and deleted under way.

    python -m busy [--rounds N] [--seed S] [--workers W] [--bug none|superstep|token]     (in omium-py/tests/langgraph)

Every effect happens once, whoever is refused is told so, no state is doubled and the status is true. Each round is
made by its seed; `--rounds 1 --seed S` repeats it. Exits with 1 when a promise is broken. `--bug` plants a fault,
which has to be found: then it stops.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter

from busy import rounds
from busy.bugs import BUGS


def _one(task: tuple[int, str]) -> tuple[int, list[str], Counter[str]]:
    seed, bug = task
    broken, seen = rounds.run(seed, bug)
    return seed, broken, seen


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--bug", choices=BUGS, default="none")
    arguments = parser.parse_args()
    started, seen, broken = time.monotonic(), Counter[str](), {}
    # No daemons: each round starts processes of its own.
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork")
    tasks = [(arguments.seed + number, arguments.bug) for number in range(arguments.rounds)]
    with ProcessPoolExecutor(arguments.workers, mp_context=context) as pool:
        for seed, failed, counted in pool.map(_one, tasks):
            seen += counted
            if failed:
                broken[seed] = failed
                if arguments.bug != "none":
                    pool.shutdown(cancel_futures=True)
                    break
    json.dump(
        {"rounds": len(tasks), "seconds": round(time.monotonic() - started), "seen": seen, "broken": broken},
        sys.stdout,
        indent=1,
    )
    print()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
