"""A workflow in which everything goes wrong once; DIE=1 kills it in its effect, BAD=1 fails it."""

import os
import sys

import omium

omium.init(store=".omium", durability="process")
tries = {"search": 0}


@omium.step(retries=omium.Retry(3, first=0.001))
def search(topic):
    tries["search"] += 1
    if tries["search"] < 3:
        raise ConnectionError("no line")
    return topic.upper()


@omium.effect(in_doubt="ask")
def mail(to):
    if os.environ.get("DIE"):
        os._exit(9)
    return f"sent to {to}"


@omium.effect(undo=lambda receipt: None)
def pay(cents):
    return f"paid {cents}"


@omium.workflow
def night(topic):
    found = search(topic)
    pay(5)
    mail("ann")
    if os.environ.get("BAD"):
        raise ValueError("a bad night")
    return omium.ask("publish?", choices=["yes", "no"]) + found


if __name__ == "__main__":
    night.options(id=sys.argv[1]).start("tea")
