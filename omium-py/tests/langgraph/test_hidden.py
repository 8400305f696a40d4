"""A serde that encrypts states: what nodes do lies beside them in plain text only where that was asked for."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy, interrupt
from store_search import find
from typing_extensions import TypedDict

import omium
from omium.exceptions import InvalidInput
from omium.langgraph import Saver
from omium.langgraph.hidden import hides

CONFIG: Any = {"configurable": {"thread_id": "t"}}
GIVEN, MADE, SAID = "pale-otter-4711", "OTTER-OF-4711", "no otter is to be had"
ENCRYPTED = EncryptedSerializer.from_pycryptodome_aes(key=b"1234567890123456")
did: Counter[str] = Counter()


class State(TypedDict, total=False):
    animal: str
    name: str


@pytest.fixture(autouse=True)
def calm(store: Path) -> None:  # The store comes first.
    did.clear()


@omium.step
def christen(animal: str) -> str:
    did["step"] += 1
    return MADE if animal == GIVEN else ""


@omium.effect(in_doubt="retry")
def order(animal: str) -> str:
    did["effect"] += 1
    return MADE if animal == GIVEN else ""


def graph(saver: Saver, node: Any) -> Any:
    again = RetryPolicy(initial_interval=0.001, retry_on=lambda _: True)
    return StateGraph(State).add_node("node", node, retry_policy=again).add_edge(START, "node").compile(saver)


def ask(_: str) -> str:
    return str(omium.ask(SAID))


@pytest.mark.parametrize("does", [christen, order, ask])
def test_without_a_word_nothing_is_recorded_and_nothing_runs(store: Path, does: Any) -> None:
    def node(state: State) -> Any:
        did["node"] += 1
        return {"name": does(state["animal"])}

    built = graph(Saver(store, serde=ENCRYPTED), node)
    with pytest.raises(InvalidInput, match=r'EncryptedSerializer.* nodes="plain".* nodes="off"'):
        built.invoke({"animal": GIVEN}, CONFIG)
    assert did == {"node": 1}, "no policy tries again what cannot be helped"
    assert find(store, [GIVEN, MADE, SAID]) == []


def test_nor_does_anything_lie_there_when_a_node_swallows_that_and_fails(store: Path) -> None:
    def node(state: State) -> Any:
        with pytest.raises(InvalidInput):
            christen(state["animal"])
        raise RuntimeError(f"{SAID}: {state['animal']}")

    with pytest.raises(RuntimeError):
        graph(Saver(store, serde=ENCRYPTED), node).invoke({"animal": GIVEN}, CONFIG)
    assert omium.get("t").status == "failed"
    assert find(store, [GIVEN, MADE, SAID]) == []


def test_a_model_call_is_refused_in_words_and_another_request_is_none(store: Path) -> None:
    """The client of a model makes a failure to connect of what it does not know."""

    def node(state: State) -> Any:
        sent: list[str] = []

        def serve(request: httpx.Request) -> httpx.Response:
            sent.append(request.url.path)
            return httpx.Response(200, json={})

        with httpx.Client(transport=httpx.MockTransport(serve)) as client:
            client.post("http://shop.test/orders", json={"animal": state["animal"]})
            asking = openai.OpenAI(api_key="k", base_url="http://model.test/v1", http_client=client)
            try:
                asking.chat.completions.create(model="m", messages=[{"role": "user", "content": state["animal"]}])
            finally:
                assert sent == ["/orders"]
        return {}

    with pytest.raises(InvalidInput, match=r'nodes="plain"') as refused:
        graph(Saver(store, serde=ENCRYPTED), node).invoke({"animal": GIVEN}, CONFIG)
    assert not isinstance(refused.value, openai.APIConnectionError)
    assert find(store, [GIVEN, MADE, SAID]) == []


def test_a_graph_that_records_nothing_needs_no_word(store: Path) -> None:
    def node(state: State) -> Any:
        return {"name": f"{MADE} {interrupt(SAID)}"}

    built = graph(Saver(store, serde=ENCRYPTED), node)
    assert built.invoke({"animal": GIVEN}, CONFIG)["__interrupt__"][0].value == SAID
    assert find(store, [GIVEN, MADE, SAID]) == []


def test_off_records_nothing_in_nodes(store: Path) -> None:
    def node(state: State) -> Any:
        return {"name": christen(state["animal"]) + order(state["animal"])}

    built = graph(Saver(store, serde=ENCRYPTED, nodes="off"), node)
    assert built.invoke({"animal": GIVEN}, CONFIG)["name"] == MADE * 2
    assert did == {"step": 1, "effect": 1}
    assert find(store, [GIVEN, MADE, SAID]) == []
    assert {entry.kind for entry in omium.get("t").store.entries("t")} == {"state"}


def test_plain_says_that_plain_text_is_wanted(store: Path) -> None:
    def node(state: State) -> Any:
        return {"name": christen(state["animal"]) + order(state["animal"])}

    built = graph(Saver(store, serde=ENCRYPTED, nodes="plain"), node)
    assert built.invoke({"animal": GIVEN}, CONFIG)["name"] == MADE * 2
    assert [each.state for each in omium.get("t").effects()] == ["done"]
    assert find(store, [GIVEN, MADE])


def test_what_hides_is_seen_by_what_it_writes() -> None:
    class Compressing(JsonPlusSerializer):
        def dumps_typed(self, value: Any) -> tuple[str, bytes]:
            kind, data = super().dumps_typed(value)
            return kind, zlib.compress(data)

    assert [hides(each) for each in (JsonPlusSerializer(), ENCRYPTED, Compressing())] == [False, True, True]
    with pytest.raises(InvalidInput, match="nodes must be"):
        Saver(nodes="secret")  # type: ignore[arg-type]
