"""A report in plain Python: outline it, research each point, write it up.

    python workflow.py report-1

Kill it at any time and run the same command again: what finished is not asked for again.
"""

import sys
from pathlib import Path

import omium
from omium.demo.local_model import ask

POINTS = ["why agents die", "what a checkpoint holds", "who pays for a retry", "how to go back"]


@omium.step
def outline(topic: str) -> list[str]:
    """One model call."""
    return ask(f"outline {topic}", answer="\n".join(POINTS)).splitlines()


@omium.step
def research(point: str) -> str:
    """One model call."""
    return ask(f"research {point}")


@omium.step
def write(topic: str, notes: list[str]) -> str:
    """One model call."""
    return f"# {topic}\n\n" + "\n\n".join([*notes, ask(f"write {topic}")])


@omium.workflow
def report(topic: str) -> str:
    """The program is ordinary code; only what the steps return is recorded."""
    points = outline(topic)
    print(f"outline: {len(points)} points")
    notes = []
    for point in points:
        notes.append(research(point))
        print(f"research: {point}")
    text = write(topic, notes)
    print(f"write: {len(text.split())} words")
    return text


if __name__ == "__main__":
    run = report.options(id=sys.argv[1]).start("agents that survive")
    Path(f"{run.id}.md").write_text(run.result(), encoding="utf-8")
