"""`omium resume --all`: everything that nobody runs and whose code the record names, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _resume_all
from omium._handle import Execution
from omium.cli._code import load, printing_aside
from omium.cli._errors import DONE, FAILED, REFUSED, CommandError, is_refusal
from omium.cli._status import STYLES
from omium.cli._target import quoted
from omium.cli._terminal import Cell, Terminal, plural, visible
from omium.exceptions import LeaseHeld, OmiumError
from omium.runtime import _registry
from omium.workflow import AsyncWorkflow, Workflow

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from omium._omium import Execution as Known
    from omium._omium import Store

__all__ = ["run"]


class _Ended(NamedTuple):
    """What became of one of them."""

    known: Known
    word: str
    """Its status, or what was not done."""
    why: str = ""
    error: BaseException | None = None


def run(arguments: Namespace, terminal: Terminal, store: Store) -> int:
    """Resumes the oldest first, with a line for each as it ends; with --dry-run says what it would resume."""
    found = [each for each in _resume_all.unfinished(store) if arguments.workflow in (None, each.workflow)]
    reasons = {each.id: why for each in found if (why := _unknown_code(each))}
    known = [each for each in found if each.id not in reasons]
    ended: list[_Ended] = []
    if arguments.dry_run:
        ended = [_Ended(each, each.status, each.source or "") for each in known]
        for each in ended if not arguments.json else ():
            _tell(each, terminal)
    else:
        for each in _resumed(store, known, terminal):
            ended.append(each)
            if not arguments.json:
                _tell(each, terminal)
                terminal.out.flush()
    left = [_Ended(each, "left", reasons[each.id]) for each in found if each.id in reasons]
    if arguments.json:
        terminal.json([_json(each) for each in (*ended, *left)])
    for each in left:
        terminal.note(f"{quoted(each.known.id)} is left: {each.why}")
    terminal.note(_summary(ended, left, planned=arguments.dry_run))
    errors = [each.error for each in ended if each.error is not None]
    if not errors:
        return DONE
    return REFUSED if all(is_refusal(error) for error in errors) else FAILED


def _unknown_code(known: Known) -> str | None:
    """Why the command cannot run it on, in words that say what does."""
    if known.workflow == "langgraph":
        return "it is a LangGraph thread, and its graph, invoked with None, continues it"
    if known.source is None or known.input is None:
        return "its record does not say where its code is; its program, started again, continues it"
    return None


def _resumed(store: Store, found: list[Known], terminal: Terminal) -> Iterator[_Ended]:
    """By their sources: classes of a program are found again only while it is the program that was loaded last."""
    for source in dict.fromkeys(each.source for each in found):
        loaded: Any = None
        trouble: BaseException | None = None
        with printing_aside(True):
            try:
                loaded = load(str(source))
            except Exception as error:  # noqa: BLE001 - code of the user's: the others go on
                trouble = error
        for number, each in enumerate(each for each in found if each.source == source):
            if trouble is not None:
                yield _Ended(each, "not resumed", _said(trouble), trouble)
                continue
            if number == 0:
                terminal.flush()
            with printing_aside(True):
                yield _one(store, each, loaded)


def _one(store: Store, known: Known, loaded: Any) -> _Ended:
    try:
        workflow = loaded if _is(loaded, known.workflow) else _registry.find(known.workflow, known.id, known.source)
    except OmiumError as unknown:
        return _Ended(known, "not resumed", _said(unknown), unknown)
    handle: Execution[Any] = Execution(store, known.id, workflow)
    error = _resume_all.resume(_resume_all.Unfinished(handle, workflow)).error
    after = store.execution(known.id)
    if isinstance(error, LeaseHeld) and after.status != "failed":
        return _Ended(after, "taken", "somebody else runs it")
    if error is None:
        return _Ended(after, after.status, visible(after.error or ""))
    word = after.status if after.status in ("failed", "cancelled") else "not resumed"
    return _Ended(after, word, _said(error), error)


def _is(loaded: Any, name: str) -> bool:
    return isinstance(loaded, Workflow | AsyncWorkflow) and loaded.name == name


def _said(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return visible(first if isinstance(error, CommandError | OmiumError) else f"{type(error).__name__}: {first}")


def _tell(ended: _Ended, terminal: Terminal) -> None:
    word: Cell = terminal.style(f"{ended.word:<11}", STYLES.get(ended.word, "yellow"))
    rest = f"  {ended.why}" if ended.why else ""
    terminal.print(f"{word}  {quoted(ended.known.id)}{rest}")


def _summary(ended: list[_Ended], left: list[_Ended], *, planned: bool) -> str:
    if planned:
        told = f"{plural(len(ended), 'execution')} would be resumed"
    else:
        words = dict.fromkeys(each.word for each in ended)
        counts = ", ".join(f"{sum(each.word == word for each in ended):,} {word}" for word in words)
        told = f"{plural(len(ended), 'execution')} resumed" + (f": {counts}" if counts else "")
    return told + (f"; {len(left):,} left, whose code is not known here" if left else "")


def _json(ended: _Ended) -> dict[str, Any]:
    known = ended.known
    return {
        "id": known.id,
        "workflow": known.workflow,
        "source": known.source,
        "outcome": ended.word,
        "why": ended.why or None,
        "error": type(ended.error).__name__ if ended.error is not None else None,
    }
