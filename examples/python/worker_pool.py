"""A pool of processes that take runs: each is done once, whoever dies.

    python worker_pool.py            six reports by three workers; run it as often as you like
    python worker_pool.py --crash    every worker dies in the middle of a report; run it again to see them go on
    python worker_pool.py --alone    the work of one worker, in this process

What is to be done is a file in `inbox/`, its name the id of the run. A worker needs no queue that hands out and takes
back: the lease does that. Whoever begins a run has it, and when they die it is anybody's again.

`omium torture worker_pool.py --alone` kills it everywhere.
"""

import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import omium

INBOX = Path("inbox")
DONE = Path("done.txt")
WORKERS = 3


def find_line(id: str, **_: object) -> str | None:
    lines = DONE.read_text().splitlines() if DONE.exists() else []
    return next((line for line in lines if line.startswith(f"{id}:")), None)


@omium.effect(key="id", probe=find_line)
def publish(id: str, text: str) -> str:
    with DONE.open("a") as done:
        done.write(f"{id}: {text}\n")
    return f"{id}: {text}"


@omium.step
def write(topic: str) -> str:
    time.sleep(0.05)
    return f"a report on {topic}"


@omium.workflow
def report(id: str, topic: str) -> str:
    text = write(topic)
    if "--crash" in sys.argv:
        os.abort()
    return publish(id, text)


def work() -> None:
    """Takes runs until none is left that nobody has."""
    while True:
        taken = 0
        for each in sorted(INBOX.iterdir()):
            try:
                # Finished ones return their record; one that a dead worker left is resumed.
                report.options(id=each.name).start(each.name, each.read_text())
            except (omium.LeaseHeld, FileNotFoundError):
                # Another worker has it, or has just done it.
                continue
            each.unlink(missing_ok=True)
            taken += 1
        if not taken:
            return


def fill() -> None:
    if not INBOX.exists():
        INBOX.with_suffix(".new").mkdir(exist_ok=True)
        for n, topic in enumerate(["leases", "logs", "forks", "chunks", "probes", "queues"]):
            (INBOX.with_suffix(".new") / f"report-{n}").write_text(topic)
        INBOX.with_suffix(".new").rename(INBOX)


def pool() -> None:
    # Not forked: a worker has nothing of its parent's but its orders.
    context = get_context("spawn")
    workers = [context.Process(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    fill()
    if "--alone" in sys.argv:
        work()
    else:
        pool()
    done = DONE.read_text().splitlines() if DONE.exists() else []
    print(f"{len(list(INBOX.iterdir()))} left, {len(done)} published")
