"""A program whose executions the tests of the command line look at."""

import os
import sys

import omium


@omium.step
def plan(topic):
    return {"topic": topic, "points": ["crashes", "leases"], "words": 300}


@omium.step
def search(point):
    return [f"{point}: result {n}" for n in range(3)]


@omium.step
def write(points, found):
    if os.environ.get("FAIL"):
        raise ValueError("the model said no")
    if os.environ.get("DIE"):
        os._exit(9)
    style = os.environ.get("STYLE", "plain")
    return f"A {style} report on {' and '.join(points)}, out of {len(found)} results."


@omium.workflow
def report(topic):
    points = plan(topic)["points"]
    found = [each for point in points for each in search(point)]
    return write(points, found)


if __name__ == "__main__":
    report.options(id=sys.argv[1]).start("durable agents")
