"""Where runs are recorded, and how durably: arguments of `init` first, then the environment.

The only place in the package that reads the environment: OMIUM_STORE, OMIUM_DURABILITY and OMIUM_THREADS.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from omium import _children, _imports, _omium
from omium.exceptions import InvalidInput
from omium.recovery.detectors import Detect, checked
from omium.runtime import _changed, _threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium.wire.prices import Table

__all__ = [
    "Settings",
    "confine",
    "confined",
    "init",
    "instrument",
    "instrumented",
    "prices",
    "read_only",
    "settings",
    "store",
]

_CODECS = ("msgpack", "pickle")
_INSTRUMENTED = {
    "aiohttp": "omium.wire.unseen",
    "botocore.httpsession": "omium.wire.unseen",
    "concurrent.futures.thread": "omium.runtime._threads",
    "crewai": "omium.crewai._auto",
    "httpx": "omium.wire",
    "httpx2": "omium.wire",
    "requests": "omium.wire.unseen",
    "threading": "omium.runtime._threads",
}
"""What `init` instruments as soon as the program imports it, and by which adapter."""


class Settings(NamedTuple):
    """What is in force."""

    store: str
    """Absolute path of the store's directory."""
    durability: str
    codec: str
    detect: Detect | None
    threads: bool
    """Whether threads and pools that are started inside an execution carry it."""


class _Chosen(NamedTuple):
    store: str | None = None
    durability: str | None = None
    codec: str = "msgpack"
    prices: Table | None = None
    detect: Detect | None = Detect()
    changed_arguments: _changed.Reaction = "warn"
    threads: bool | None = None


class _Told(NamedTuple):
    """Everything this process was told, and hands on to its children."""

    chosen: _Chosen = _Chosen()
    confined: str | None = None
    read_only: bool = False


_told: _Told | None = None
"""None: it was told nothing itself."""
_open: tuple[tuple[str, str, bool], _omium.Store] | None = None
_lock = threading.Lock()
_instrumented = False


def init(
    store: str | os.PathLike[str] | None = None,
    durability: str | None = None,
    *,
    codec: Literal["msgpack", "pickle"] = "msgpack",
    prices: Mapping[str, Mapping[str, Any]] | str | os.PathLike[str] | None = None,
    detect: Detect | None = Detect(),  # noqa: B008  # Immutable.
    changed_arguments: _changed.Reaction = "warn",
    threads: bool | None = None,
) -> None:
    """Configures omium for this process; calling it is optional, and again replaces everything.

    Processes that it starts through multiprocessing take over what it was told, where they call no `init` themselves.

    `store` is a directory, ./.omium by default. `durability` is "strict" (the default: survives power
    loss), "process" (survives the death of the process) or "batch(MS)". `codec="pickle"` lets values be
    recorded that the codec does not cover, at the price that reading a store can run any code. `prices`
    are dollars per million tokens by model name, or a JSON file of them: they add to the list prices
    omium knows, as `{"my-model": {"input": 0.5, "output": 2, "cached": 0.1}}`. `detect` says when a
    run that repeats itself is warned of, or ended (`omium.Detect(action="fail")`); None: never.
    `changed_arguments` is what happens when a step or effect changes an argument in place: "warn", "error"
    (it fails) or "ignore".

    Threads that are started, and calls that are submitted to a `ThreadPoolExecutor`, inside an execution
    belong to it, as tasks of asyncio do: they get a copy of the context. `threads=False`, or
    OMIUM_THREADS=off, leaves them without.
    """
    if changed_arguments not in get_args(_changed.Reaction):
        choices = ", ".join(get_args(_changed.Reaction))
        raise InvalidInput(f"changed_arguments must be one of {choices}, not {changed_arguments!r}")
    if codec not in _CODECS:
        raise InvalidInput(f"codec must be one of {', '.join(_CODECS)}, not {codec!r}")
    path = None if store is None else os.path.abspath(os.fspath(store))
    known = None
    if prices is not None:
        from omium.wire.prices import table

        # Now: later the file may be gone, or the working directory another, and the answer to count paid for.
        known = table(prices)
    limits = None if detect is None else checked(detect)
    _tell(chosen=_Chosen(path, durability, codec, known, limits, changed_arguments, threads))
    instrument()


def _changed_arguments() -> _changed.Reaction:
    return _in_force().chosen.changed_arguments


_changed.reaction = _changed_arguments


def _tell(**changes: Any) -> None:
    global _told
    _told = _in_force()._replace(**changes)
    _children.hand_on(_told)


def _in_force() -> _Told:
    """What this process was told, else what its parent was."""
    return _told or _children.handed() or _Told()


def instrument() -> None:
    """Has what the program imports, now or later, recorded inside executions."""
    global _instrumented
    _instrumented = True
    _threads.on = settings().threads
    for framework, adapter in _INSTRUMENTED.items():
        _imports.when_imported(framework, adapter)


def instrumented() -> bool:
    """Whether that was done in this process, by `init` or by the first execution."""
    return _instrumented


def confine(path: str | None, *, read_only: bool = False) -> None:
    """Makes that store the only one of this process, whatever the program asks for; None: any again."""
    _tell(confined=None if path is None else os.path.abspath(path), read_only=read_only)


def confined() -> str | None:
    """The only store of this process; None in nearly every one."""
    return _in_force().confined


def read_only() -> bool:
    """Whether that store is only read: a program is replayed."""
    return _in_force().read_only


def settings() -> Settings:
    """What is in force now. The environment and the working directory are read at every call."""
    chosen, confined, _ = _in_force()
    return Settings(
        store=confined or chosen.store or os.path.abspath(os.environ.get("OMIUM_STORE") or ".omium"),
        durability=chosen.durability or os.environ.get("OMIUM_DURABILITY") or "strict",
        codec=chosen.codec,
        detect=chosen.detect,
        threads=chosen.threads if chosen.threads is not None else _switch("OMIUM_THREADS"),
    )


def _switch(variable: str) -> bool:
    word = os.environ.get(variable, "on").lower()
    if word not in ("on", "off"):
        raise InvalidInput(f"{variable} is on or off, not {word!r}")
    return word == "on"


def prices() -> Table | None:
    """The prices of models, where some were given to `init`."""
    return _in_force().chosen.prices


def store() -> _omium.Store:
    """The configured store, opened on first use and kept open while the settings stay."""
    global _open
    path, durability = settings()[:2]
    with _lock:
        wanted = path, durability, read_only()
        if _open is None or _open[0] != wanted:
            _open = wanted, _omium.Store(path, durability=durability, read_only=wanted[2])
        return _open[1]


def after_fork() -> None:
    """Replaces a lock another thread may have held at the fork."""
    global _lock
    _lock = threading.Lock()
