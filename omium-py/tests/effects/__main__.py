"""The command line of a campaign."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .campaign import Campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m effects", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--directory", type=Path, help="keep everything here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        print(f"seed {arguments.seed}", flush=True)
        began = time.monotonic()
        findings = Campaign(directory, seed=arguments.seed).run(arguments.kills, progress)
    print(file=sys.stderr)
    kills = findings.kills.total()
    stages = ", ".join(f"{count} in a {stage}" for stage, count in sorted(findings.kills.items()))
    print(f"{kills} kills ({stages}) of {findings.executions} programs in {time.monotonic() - began:.0f} s")
    print(f"{findings.acts} effects and {findings.undone} compensations; {len(findings.broken)} promises broken")
    for promise in findings.broken:
        print(f"BROKEN {promise}")
    return 1 if findings.broken else 0


def progress(kills: int) -> None:
    print(f"\r{kills} kills", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
