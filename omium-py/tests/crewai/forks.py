"""Runs code in forked children of a process that has imported CrewAI, which takes seconds, once.

The parent must not have started a thread: a child has none of them.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS_MAX = 60


class Ended:
    """How a child ended: its result, or that it was killed, failed or hung."""

    def __init__(self, killed: bool, result: Any, error: str) -> None:
        self.killed = killed
        self.result = result
        self.error = error


def in_child(body: Callable[[], Any], out: Path) -> Ended:
    """The body's result, as JSON has it."""
    assert threading.active_count() == 1, threading.enumerate()
    out.unlink(missing_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _child(body, out)
    status = _wait(pid)
    if status is None:
        return Ended(False, None, f"hung for {SECONDS_MAX} seconds")
    if os.WIFSIGNALED(status):
        return Ended(True, None, "")
    told = json.loads(out.read_text()) if out.exists() else {"error": "ended without a word"}
    return Ended(False, told.get("result"), told.get("error", ""))


def _child(body: Callable[[], Any], out: Path) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        told = {"result": body()}
    except BaseException:
        told = {"error": traceback.format_exc()}
    partial = out.with_suffix(".partial")
    partial.write_text(json.dumps(told))
    partial.rename(out)
    os._exit(0)


def _wait(pid: int) -> int | None:
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.003)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None
