"""Thirty steps. BAD=1: one page is gone, so the last check fails. PROMPT: another constant; STRICT=1: another check."""

import os
import sys

import omium

PROMPT = os.environ.get("PROMPT") or "Rate the fact from 0 to 10: {fact}"
FORBIDDEN = "hive number 5" if os.environ.get("STRICT") else "404"


@omium.step
def search(topic: str) -> list[str]:
    return [f"https://example.org/{topic}/{number}" for number in range(8)]


@omium.step
def read(url: str) -> dict:
    if os.environ.get("BAD") and url.endswith("3"):
        return {"url": url, "body": "404 not found; please try again later, thank you."}
    return {"url": url, "body": f"Page {url[-1]} says that bees make honey in hive number {url[-1]}{url[-1]}."}


@omium.step
def extract(page: dict) -> list[str]:
    return page["body"].split(" that ")[-1:]


@omium.step
def rank(facts: list[str]) -> list[str]:
    return sorted(facts, key=lambda fact: len(PROMPT.format(fact=fact)))


@omium.step
def outline(facts: list[str]) -> list[dict]:
    return [{"title": f"Section {number}", "fact": fact} for number, fact in enumerate(facts)]


@omium.step
def section(plan: dict) -> str:
    return f"## {plan['title']}\n\nAs is well known, {plan['fact']}"


@omium.step
def edit(sections: list[str]) -> str:
    return "\n\n".join(sections)


@omium.effect
def reserve(day: str) -> str:
    return f"slot-{day}"


@omium.step(postconditions=[f"!result.contains('{FORBIDDEN}')"])
def publish(text: str, slot: str) -> str:
    return text + slot


@omium.workflow
def article(topic: str) -> str:
    slot = reserve("monday")
    facts = [fact for url in search(topic) for fact in extract(read(url))]
    plans = outline(rank(facts))
    return publish(edit([section(plan) for plan in plans]), slot)


if __name__ == "__main__":
    article.options(id=sys.argv[1]).start("bees")
