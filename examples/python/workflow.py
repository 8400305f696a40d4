"""A report written step by step; what is done stays done.

    python workflow.py            run it, as often as you like
    python workflow.py --crash    the process dies after the first step; run it again to see it go on

`omium torture workflow.py` kills it everywhere else.
"""

import os
import sys

import omium


@omium.step
def search(topic: str) -> list[str]:
    print(f"  searching for {topic}")
    return [f"{topic}: a survey", f"{topic}: a handbook"]


@omium.step(retries=3, timeout=30)
def write(sources: list[str], style: str = "plain") -> str:
    print(f"  writing, {style}")
    return f"A {style} report on {' and '.join(sources)}."


@omium.workflow
def research(topic: str, style: str = "plain") -> str:
    sources = search(topic)
    if "--crash" in sys.argv:
        os.abort()
    return write(sources, style)


if __name__ == "__main__":
    run = research.options(id="report-42").start("durable agents")
    print(run.result())
    for checkpoint in run.checkpoints():
        print(f"  {checkpoint.seq} {checkpoint.name} ({checkpoint.size_bytes} bytes)")

    # Every line may be the last one of a process, so the fork is looked for before it is made.
    if any(execution.id == "report-42-survey" for execution in omium.executions()):
        fork = omium.get("report-42-survey")
    else:
        found = next(checkpoint.seq for checkpoint in run.checkpoints() if checkpoint.name == "search")
        fork = run.fork(at=found, id="report-42-survey", edit={"search": ["one survey only"]})
    print(fork.resume().result())

    report = run.replay()
    print(f"replayed {report.steps} steps, diverged at {report.diverged_at}")
