"""Kills each scenario at every model call and inside every tool, resumes it, and checks every promise.

    python omium-py/tests/crewai/sweep.py [--short] [SCENARIO ...]

The result and the token count of a resumed run are those of a run nobody killed. No finished model call is
made again; in concurrent scenarios at most those in flight. Of tools at most those in flight run again.
Exits with 1 when a promise is broken.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake import journal
from forks import in_child
from offline import HOME as PLACE
from scenarios import CONCURRENT, SCENARIOS

import omium


def run(scenario: str, store: Path, kill: tuple[str, int] | None = None) -> Any:
    journal.begin(store.with_suffix(".journal"), kill)
    omium.init(store=store)
    omium.crewai.instrument()
    with omium.execution("crew-7", workflow=scenario):
        return SCENARIOS[scenario]()


class Sweep:
    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.allowed = CONCURRENT.get(scenario, 0)
        self.points = 0
        self.repeated_models = 0
        self.repeated_tools = 0
        self.problems: list[str] = []
        whole = self.child(PLACE / f"{scenario}-whole")
        if whole.error:
            self.problems.append(f"the undisturbed run failed: {whole.error}")
        self.result = whole.result
        self.models, self.tools = journal_of(PLACE / f"{scenario}-whole")

    def child(self, store: Path, kill: tuple[str, int] | None = None) -> Any:
        return in_child(lambda: run(self.scenario, store, kill), store.with_suffix(".json"))

    def all(self, short: bool, progress: Callable[[str], None]) -> None:
        for kind, count in (("llm", self.models.total()), ("tool", self.tools.total())):
            points = range(1, count + 1)
            for n in sorted({1, (count + 1) // 2, count} & set(points)) if short else points:
                progress(f"{self.scenario}: {kind} {n} of {count}")
                self.at(kind, n)

    def at(self, kind: str, n: int) -> None:
        store = PLACE / f"{self.scenario}-{kind}-{n}"
        where = f"{self.scenario}, killed at {kind} {n}"
        self.points += 1
        if not self.child(store, (kind, n)).killed:
            self.problems.append(f"{where}: the run went on to its end, so nothing was shown")
        resumed = self.child(store)
        if resumed.error:
            self.problems.append(f"{where}: the resumed run failed: {resumed.error}")
            return
        models, tools = journal_of(store)
        again, tools_again = (models - self.models).total(), (tools - self.tools).total()
        self.repeated_models += again
        self.repeated_tools += tools_again
        if again > self.allowed:
            self.problems.append(f"{where}: {again} model calls were made again")
        if tools_again > self.allowed + (kind == "tool"):
            self.problems.append(f"{where}: {tools_again} tool calls were made again")
        if self.models - models or self.tools - tools:
            self.problems.append(f"{where}: calls are missing")
        if resumed.result != self.result:
            self.problems.append(f"{where}: another result: {resumed.result} instead of {self.result}")
        shutil.rmtree(store)


def journal_of(store: Path) -> tuple[Counter[str], Counter[str]]:
    journal.path = store.with_suffix(".journal")
    return journal.lines("llm"), journal.lines("tool")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], metavar="SCENARIO")
    parser.add_argument("--short", action="store_true", help="three kills of each kind instead of all")
    given = parser.parse_args()
    problems = []
    print(f"{'scenario':16}{'calls':>7}{'tools':>7}{'kills':>7}{'calls again':>13}{'tools again':>13}")
    try:
        for name in given.scenarios or SCENARIOS:
            sweep = Sweep(name)
            sweep.all(given.short, lambda text: print(f"\r{text:50}", end="", file=sys.stderr, flush=True))
            print("\r", end="", file=sys.stderr)
            print(
                f"{name:16}{sweep.models.total():7}{sweep.tools.total():7}{sweep.points:7}"
                f"{sweep.repeated_models:13}{sweep.repeated_tools:13}",
                flush=True,
            )
            problems += sweep.problems
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
