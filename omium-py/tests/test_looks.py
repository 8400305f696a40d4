"""What the codec does not cover is told apart by what may be looked at of it, or refused before the call."""

from __future__ import annotations

import collections
import functools
import io
import ipaddress
import logging
import re
import sqlite3
import sys
import threading
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import looks_samples as s
import numpy as np
import openai
import pytest
from pydantic import BaseModel, SecretStr

import omium
from omium import Divergence, InvalidInput, codec


def look(value: Any) -> bytes:
    return codec.inputs({"it": value}, "call").data


def untold(value: Any) -> list[str]:
    return [type(each).__name__ for each in codec.inputs({"it": value}, "call").untold]


def tree(depth: int) -> s.Node:
    root = s.Node(depth)
    if depth:
        root.children = [tree(depth - 1), tree(depth - 1)]
        for each in root.children:
            each.parent = root
    return root


def enclosing(value: Any, default: Any = None) -> Callable[[], Any]:
    def inner(given: Any = default) -> Any:
        return value, given

    return inner


PAIRS: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: s.Document("a", "x"), lambda: s.Document("a", "y")),
    (lambda: [s.Document("a"), {"more": s.Document("b")}], lambda: [s.Document("a"), {"more": s.Document("c")}]),
    (lambda: s.Document("a", [s.Document("b")]), lambda: s.Document("a", [s.Document("c")])),  # type: ignore[arg-type]
    (lambda: s.Slotted(1, 2), lambda: s.Slotted(1, 3)),
    (lambda: s.Item("a"), lambda: s.Item("b")),
    (lambda: s.Named(1), lambda: s.Named(2)),
    (lambda: s.Words("a", "b"), lambda: s.Words("a", "c")),
    (lambda: s.Words("a"), lambda: s.Words("a", language="de")),
    (lambda: tree(3), lambda: tree(2)),
    (lambda: s.Document("a").__eq__, lambda: s.Document("b").__eq__),
    (lambda: s.Document("a").same, lambda: s.Document("b").same),
    (lambda: functools.partial(print, s.Document("a")), lambda: functools.partial(print, s.Document("b"))),
    (lambda: enclosing(1), lambda: enclosing(2)),
    (lambda: enclosing(1, s.Document("a")), lambda: enclosing(1, s.Document("b"))),
    (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    (lambda: s.Document, lambda: s.Agent),
    (lambda: print, lambda: sorted),
    (lambda: threading, lambda: logging),
    (lambda: logging.getLogger("a"), lambda: logging.getLogger("b")),
    (lambda: re.compile("a+"), lambda: re.compile("b+")),
    (lambda: ipaddress.ip_address("10.0.0.1"), lambda: ipaddress.ip_address("10.0.0.2")),
    (lambda: list[int], lambda: list[str]),
    (lambda: typing.Optional[int], lambda: typing.Optional[str]),  # noqa: UP045
    (lambda: types.SimpleNamespace(a=1), lambda: types.SimpleNamespace(a=2)),
    (lambda: types.MappingProxyType({"a": 1}), lambda: types.MappingProxyType({"a": 2})),
    (lambda: collections.defaultdict(lambda: 0, a=1), lambda: collections.defaultdict(lambda: 0, a=2)),
    (lambda: np.array([s.Document("a")], dtype=object), lambda: np.array([s.Document("b")], dtype=object)),
    (lambda: httpx.Timeout(5), lambda: httpx.Timeout(6)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_equal_objects_look_equal_and_others_do_not(number: int) -> None:
    one, other = PAIRS[number]
    first, same = one(), one()
    assert look(first) == look(same)
    assert look(first) != look(other())
    assert untold(first) == []


def test_live_objects_are_told_by_what_is_public_of_them_and_remembered() -> None:
    assert look(openai.OpenAI(api_key="a", timeout=5)) == look(openai.OpenAI(api_key="b", timeout=5))
    assert look(openai.OpenAI(api_key="a", timeout=5)) != look(openai.OpenAI(api_key="a", timeout=6))
    assert untold(openai.OpenAI(api_key="a")) == ["OpenAI"]
    assert look(s.Agent("a", httpx.Client())) != look(s.Agent("b", httpx.Client()))
    assert untold(s.Agent("a", httpx.Client())) == ["Client", "Agent"]
    assert look(s.Job("a", sqlite3.connect(":memory:"))) != look(s.Job("b", sqlite3.connect(":memory:")))
    assert untold(s.Job("a", threading.Lock())) == ["lock"]


def test_a_client_looks_the_same_when_it_was_used() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"object": "list", "data": []}, headers={"set-cookie": "a=b"})

    wire = httpx.Client(transport=httpx.MockTransport(answer))
    client = openai.OpenAI(api_key="k", http_client=wire, base_url="http://nowhere")
    agent = s.Agent("a", client)
    before = [look(each) for each in (wire, client, agent)]
    assert list(client.models.list()) == []
    assert agent.prompt == "You are a."
    assert "prompt" in vars(agent), "a cached property is no field"
    assert [look(each) for each in (wire, client, agent)] == before


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class of an installed library, which keeps what it holds behind an underscore, as those of tables do."""
    home = tmp_path / "site-packages"
    home.mkdir()
    (home / "frames_of_a_library.py").write_text(
        "class Frame:\n    def __init__(self, rows, title=None):\n        self._mgr = rows\n"
        "        if title: self.title = title\n"
    )
    monkeypatch.syspath_prepend(str(home))
    import frames_of_a_library  # type: ignore[import-not-found]

    yield frames_of_a_library.Frame
    sys.modules.pop("frames_of_a_library")


def test_what_tells_nothing_is_refused_by_name_before_anything_runs(frames: Any) -> None:
    @omium.step
    def use(first: int, thing: Any, **more: Any) -> None:
        pytest.fail("it ran")

    def generator() -> Iterator[int]:
        yield 1

    refused: list[Any] = [
        frames([1]), threading.Lock(), threading.Event(), sqlite3.connect(":memory:"), generator(), io.BytesIO(b"x"),
        object(),
    ]  # fmt: skip
    with open("/dev/null") as file, omium.execution("x") as run:
        for thing in [*refused, file]:
            with pytest.raises(InvalidInput, match=r"use was not called: its argument thing, a .* key=") as caught:
                use(1, thing)
            assert type(thing).__qualname__ in str(caught.value)
            assert "__omium_key__" in str(caught.value)
            assert "omium.codec.register" in str(caught.value)
        with pytest.raises(InvalidInput, match=r"its argument thing\[1\].deep, a frames_of_a_library.Frame,"):
            use(1, [0, {"deep": frames([1])}])
        with pytest.raises(InvalidInput, match=r"its argument more.sheet, a frames"):
            use(1, 2, sheet=frames([1]))
    assert run.checkpoints() == []


def test_the_public_part_of_a_librarys_object_tells_and_the_rest_is_remembered(frames: Any) -> None:
    assert look(frames([1], "a")) == look(frames([2], "a")) != look(frames([1], "b"))
    assert untold(frames([1], "a")) == ["Frame"]


def test_what_contains_itself_or_is_endless_is_refused_and_not_taken_for_another() -> None:
    @omium.step
    def use(n: int, thing: Any) -> None:
        pytest.fail("it ran")

    itself: list[Any] = []
    itself.append(itself)
    chain = s.Node(0)
    for n in range(1000):
        chain = s.Node(n, chain)
    with omium.execution("x") as run:
        for thing in (itself, chain):
            with pytest.raises(InvalidInput, match=r"its argument thing, a .* contains itself or is made of too much"):
                use(1, thing)
    assert run.checkpoints() == []


def test_secrets_stay_out_and_what_is_only_a_secret_is_accepted() -> None:
    assert look(s.Agent("a", api_key="one")) == look(s.Agent("a", api_key="two"))
    assert untold(s.OnlySecret("hunter2")) == ["OnlySecret"]
    assert look(SecretStr("hunter2")) == look(SecretStr("other"))

    class Settings(BaseModel):
        region: str
        token: SecretStr

    assert look(Settings(region="a", token=SecretStr("x"))) == look(Settings(region="a", token=SecretStr("y")))
    assert look(Settings(region="a", token=SecretStr("x"))) != look(Settings(region="b", token=SecretStr("x")))
    assert untold(s.Stateless()) == []


def test_no_value_of_a_field_is_in_the_store(store: Path) -> None:
    @omium.step
    def use(agent: Any, item: Any) -> None: ...

    with omium.execution("x"):
        use(s.Agent("the-name-of-it", httpx.Client(), "the-secret-of-it"), s.Job("the-title-of-it", httpx.Client()))
    whole = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    assert b"looks_samples" in whole
    for text in (b"the-name-of-it", b"the-secret-of-it", b"the-title-of-it"):
        assert text not in whole


def test_a_method_counts_its_object(ran: collections.Counter[str]) -> None:
    class Bot:
        def __init__(self, name: str) -> None:
            self.name = name

        @omium.step(name="ask")
        def ask(self, question: str) -> str:
            ran[self.name] += 1
            return f"{self.name}: {question}"

    def program(*names: str) -> list[str]:
        with omium.execution("x"):
            said = [Bot(name).ask("who?") for name in names]
            if not ran["stop"]:
                ran["stop"] += 1
                raise KeyboardInterrupt
        return said

    with pytest.raises(KeyboardInterrupt):
        program("ann", "bob")
    assert program("ann", "bob") == ["ann: who?", "bob: who?"]
    assert ran == {"ann": 1, "bob": 1, "stop": 1}
    with pytest.raises(Divergence) as caught:
        program("eve", "bob")
    assert caught.value.diff == ("~ self.name: differs (a digest is all that is recorded of it)",)


@pytest.mark.parametrize("verb", [omium.step, omium.effect])
def test_two_live_objects_that_look_the_same_do_not_make_one_call(verb: Any) -> None:
    @verb
    def ask(client: Any, question: str) -> str:
        return question

    one, two = openai.OpenAI(api_key="a"), openai.OpenAI(api_key="b")
    with omium.execution("x"):
        assert ask(one, "a") == ask(one, "a") == "a"
        assert ask(two, "b") == "b"
        with pytest.raises(InvalidInput, match=r"ask was not called: another openai.OpenAI that looks the same"):
            ask(two, "a")
    with omium.execution("y"):
        assert ask(two, "a") == "a"


def test_one_that_is_gone_is_not_in_the_way() -> None:
    @omium.step
    def ask(client: Any) -> int:
        return 1

    with omium.execution("x"):
        for _ in range(3):
            assert ask(openai.OpenAI(api_key="a")) == 1


@pytest.mark.parametrize("verb", [omium.step, omium.effect])
def test_beside_a_key_anything_may_be_passed(verb: Any, ran: collections.Counter[str], frames: Any) -> None:
    @verb(key="question")
    def ask(client: Any, log: logging.Logger, question: str) -> str:
        ran[question] += 1
        return question

    for _ in range(2):
        with omium.execution("x"):
            assert ask(httpx.Client(), logging.getLogger("a"), "who") == "who"
            assert ask(frames([1]), threading.Lock(), "what") == "what"
    assert ran == {"who": 1, "what": 1}


def test_a_model_counts_by_its_values_and_not_by_which_were_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point(BaseModel):
        x: int
        y: int = 0

    Point.__module__, Point.__qualname__ = "looks_samples", "Point"
    monkeypatch.setattr(s, "Point", Point, raising=False)
    assert look(Point(x=1)) == look(Point(x=1, y=0)) == look(Point.model_construct(x=1, y=0, _fields_set=set()))
    assert look(Point(x=1)) != look(Point(x=1, y=1))


def test_the_hook_counts_also_where_the_codec_could(ran: collections.Counter[str]) -> None:
    assert look(s.Named(1)) == look(s.Named(1)) != look(s.Named(2))
    for id in "ab":
        with omium.execution(id):
            pass
    assert look(omium.get("a")) == look(omium.get("a")) != look(omium.get("b"))
    shown = omium.view._inspect.plain("msgpack", look(s.Named(1)))  # type: ignore[attr-defined]
    assert shown == {"it": ("looks_samples.Named", [{"number": 1}])}


def test_a_pickled_workflow_knows_its_arguments_again(frames: Any) -> None:
    @omium.workflow(name="w", codec="pickle")
    def work(sheet: Any) -> int:
        if not again:
            raise KeyboardInterrupt
        return int(sum(sheet._mgr))

    again: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        work.options(id="w").start(frames([1, 2]))
    again.append(1)
    with pytest.raises(Divergence, match="other arguments"):
        work.options(id="w").start(frames([1, 3]))
    assert work.options(id="w").start(frames([1, 2])).result() == 3


def test_what_an_undo_returns_is_kept_whatever_it_is(frames: Any) -> None:
    @omium.effect(undo=lambda: [frames([1]), threading.Lock()])
    def act() -> None: ...

    with omium.execution("x"):
        act()
    omium.get("x").rollback(0)
    assert [each.state for each in omium.get("x").effects()] == ["undone"]
