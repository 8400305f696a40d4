"""The command line of a campaign."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .campaign import Campaign
from .programs import PROGRAMS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("programs", nargs="*", default=[], help=f"of {', '.join(PROGRAMS)}; all by default")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--size", type=int, default=30, help="steps of a program, roughly")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--durability", default="strict")
    parser.add_argument("--directory", type=Path, help="keep everything here")
    arguments = parser.parse_args()
    names = arguments.programs or list(PROGRAMS)
    if unknown := set(names) - set(PROGRAMS):
        parser.error(f"no program {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        campaign = Campaign(directory, seed=arguments.seed, size=arguments.size, durability=arguments.durability)
        print(f"seed {arguments.seed}, durability {arguments.durability}", flush=True)
        findings = campaign.run(names, arguments.kills, progress)
    print(file=sys.stderr)
    for name in names:
        print(f"{name}: {findings.kills[name]} kills, {findings.executions[name]} executions")
    kills, broken = findings.kills.total(), len(findings.broken)
    print(f"{kills} kills, {findings.acknowledged} acknowledged entries, {broken} promises broken")
    for promise in findings.broken:
        print(f"BROKEN {promise}")
    return 1 if findings.broken else 0


def progress(kills: int) -> None:
    print(f"\r{kills} kills", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
