"""After a cancel, a rollback or a deletion nothing is saved that an invocation begun before them still does."""

from __future__ import annotations

import asyncio
import operator
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import omium
from omium.exceptions import Fenced, InvalidInput, LeaseHeld
from omium.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t"}}
PATIENCE = 60


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


class Bot:
    """A thread in a node: it has recorded something already, or will only afterwards."""

    def __init__(self, store: Path, ran: Counter[str], *, records_first: bool) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self.saver = Saver(store)

        @omium.effect(in_doubt="fail")
        def charge(what: str) -> str:
            ran[what] += 1
            return what

        def node(_: Log) -> Any:
            if records_first:
                charge("first")
            self.reached.set()
            self.open.wait(PATIENCE)
            return {"log": [charge("second")]}

        builder = StateGraph(Log).add_node("node", node).add_node("last", lambda _: {"log": [charge("last")]})
        builder.add_edge(START, "node").add_edge("node", "last").add_edge("last", END)
        self.graph = builder.compile(checkpointer=self.saver)
        self.came: list[Any] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.reached.wait(PATIENCE)

    def _run(self) -> None:
        try:
            self.came.append(self.graph.invoke({"log": []}, CONFIG, durability="sync"))
        except Exception as error:
            self.came.append(error)

    def goes_on(self) -> Any:
        self.open.set()
        self._thread.join(PATIENCE)
        return self.came[0]


def deleted(bot: Bot) -> None:
    bot.saver.delete_thread("t")


def adeleted(bot: Bot) -> None:
    asyncio.run(bot.saver.adelete_thread("t"))


def pruned(bot: Bot) -> None:
    bot.saver.prune(["t"], strategy="delete")


@pytest.mark.parametrize("records_first", [False, True])
@pytest.mark.parametrize("delete", [deleted, adeleted, pruned])
def test_a_deleted_thread_stays_deleted(
    ran: Counter[str], store: Path, records_first: bool, delete: Callable[[Bot], None]
) -> None:
    bot = Bot(store, ran, records_first=records_first)
    delete(bot)
    assert isinstance(bot.goes_on(), Fenced)
    assert [*bot.saver.list(CONFIG)] == []
    assert ran == ({"first": 1} if records_first else {})
    ran.clear()
    bot.graph.invoke({"log": []}, CONFIG)
    assert (ran, omium.get("t").status) == (
        {**({"first": 1} if records_first else {}), "second": 1, "last": 1},
        "completed",
    )


def test_a_thread_begun_anew_is_not_disturbed_by_the_deleted_one(ran: Counter[str], store: Path) -> None:
    bot = Bot(store, ran, records_first=True)
    bot.saver.delete_thread("t")
    go_on = bot.open
    bot.open = threading.Event()
    bot.open.set()
    bot.graph.invoke({"log": ["new"]}, CONFIG)
    go_on.set()
    bot._thread.join(PATIENCE)
    assert isinstance(bot.came[0], Fenced)
    assert bot.graph.get_state(CONFIG).values["log"] == ["new", "second", "last"]
    assert (omium.get("t").status, omium.get("t").known().owner) == ("completed", None)


def by_hand(store: Path) -> None:
    omium.get("t").store.cancel("t")


def in_another_process(store: Path) -> None:
    subprocess.run([sys.executable, "-m", "omium.cli", "--store", str(store), "cancel", "t"], check=True)


@pytest.mark.parametrize("records_first", [False, True])
@pytest.mark.parametrize("cancel", [by_hand, in_another_process])
def test_nothing_is_recorded_after_a_cancel(
    ran: Counter[str], store: Path, records_first: bool, cancel: Callable[[Path], None]
) -> None:
    bot = Bot(store, ran, records_first=records_first)
    last = omium.get("t").head
    cancel(store)
    assert isinstance(bot.goes_on(), Fenced)
    assert (omium.get("t").status, omium.get("t").head) == ("cancelled", last)
    assert ran == ({"first": 1} if records_first else {})
    for given in ({"log": ["again"]}, None, Command(resume="yes")):
        with pytest.raises(InvalidInput, match="was cancelled: go on under another id, or roll it back"):
            bot.graph.invoke(given, CONFIG)
    with pytest.raises(InvalidInput, match="was cancelled"):
        bot.graph.update_state(CONFIG, {"log": ["edited"]})
    assert (omium.get("t").status, omium.get("t").head) == ("cancelled", last)


def test_a_thread_cancelled_at_an_interrupt_is_not_answered(ran: Counter[str], store: Path) -> None:
    @omium.effect(in_doubt="fail")
    def charge(what: str) -> str:
        ran[what] += 1
        return what

    def node(_: Log) -> Any:
        return {"log": [charge("x")] if interrupt("sure?") else []}

    graph = StateGraph(Log).add_node("node", node).add_edge(START, "node").compile(checkpointer=Saver(store))
    graph.invoke({"log": []}, CONFIG)
    omium.get("t").store.cancel("t")
    with pytest.raises(InvalidInput, match="was cancelled"):
        graph.invoke(Command(resume=True), CONFIG)
    assert (omium.get("t").status, ran) == ("cancelled", {})
    # To its very head: nothing falls, and it goes on.
    omium.get("t").rollback(to=omium.get("t").head)
    assert omium.get("t").status == "ready"
    assert graph.invoke(Command(resume=True), CONFIG)["log"] == ["x"]
    assert (omium.get("t").status, ran) == ("completed", {"x": 1})


def test_a_thread_that_runs_is_not_rolled_back(ran: Counter[str], store: Path) -> None:
    bot = Bot(store, ran, records_first=True)
    with pytest.raises(LeaseHeld):
        omium.get("t").rollback(to=1, abandon_effects=True)
    assert bot.goes_on()["log"] == ["second", "last"]


def test_one_that_recorded_nothing_yet_is_fenced_by_a_rollback(ran: Counter[str], store: Path) -> None:
    bot = Bot(store, ran, records_first=False)
    omium.get("t").rollback(to=0)
    assert isinstance(bot.goes_on(), Fenced)
    assert (omium.get("t").head, ran) == (0, {})
