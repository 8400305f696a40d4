"""A run that is good, or with BAD=1 in the environment fails its check because of what a search found."""

import os
import sys

import omium


@omium.step
def search(topic: str) -> list[str]:
    if os.environ.get("BAD"):
        return ["lorem ipsum dolor", "spam spam spam"]
    return ["bees are insects", "bees make honey"]


@omium.step
def style() -> str:
    return "plain and short"


@omium.effect
def notify(text: str) -> str:
    print("NOTIFIED", text, file=sys.stderr)
    return "sent"


@omium.step(postconditions=["result.contains('bees')"])
def write(sources: list[str], style: str) -> str:
    return f"In {style} words: " + "; ".join(sources)


@omium.workflow
def research(topic: str) -> str:
    text = write(search(topic), style())
    notify(text)
    return text


if __name__ == "__main__":
    research.options(id=sys.argv[1]).start("bees")
