"""The command line of a campaign: generated programs, killed and run again, against what they are undisturbed."""

from __future__ import annotations

import argparse
import sys
import time

from .bugs import BUGS
from .campaign import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m identity", description=__doc__)
    parser.add_argument("--programs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--bug", choices=sorted(BUGS), help="breaks omium on purpose: the campaign must find it")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    began = time.monotonic()
    findings = run(arguments.programs, arguments.seed, jobs=arguments.jobs, bug=arguments.bug, progress=progress)
    print(file=sys.stderr)
    refused = ", ".join(f"{count} with {what}" for what, count in findings.refused.items())
    print(
        f"{findings.programs} programs, {findings.deaths} deaths ({findings.killed} programs by SIGKILL) in "
        f"{time.monotonic() - began:.0f} s; {findings.refusals} refusals{f' ({refused})' if refused else ''}; "
        f"{len(findings.broken)} promises broken"
    )
    for promise in findings.broken:
        print(f"BROKEN {promise}")
    return 1 if findings.broken else 0


def progress(programs: int) -> None:
    if programs % 100 == 0:
        print(f"\r{programs} programs", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
