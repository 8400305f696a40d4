"""What `omium why` tells of model calls: another prompt, another model, another answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import omium
from omium.recovery._why import Explanation, explain

if TYPE_CHECKING:
    from conftest import Ask
    from wire_provider import Provider


def text_of(response: Any) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


@omium.step(postconditions=["result.contains('well')"])
def publish(text: str) -> str:
    return text


def run(id: str, ask: Ask, question: str, **more: Any) -> None:
    with omium.execution(id, workflow="article"):
        answer = ask(question, **more)
        if more.get("stream"):
            from omium.recovery._said import said

            (entry,) = omium.get(id).store.entries(id)
            publish(said(entry)["text"])
        else:
            publish(text_of(answer))


def why(id: str) -> Explanation:
    store = omium.config.store()
    return explain(store, store.execution(id))


@pytest.mark.parametrize("stream", [False, True])
def test_another_answer_for_the_same_question(ask: Ask, provider: Provider, stream: bool) -> None:
    run("good", ask, "why?", stream=stream)
    provider.answer = "badly said indeed"
    with pytest.raises(omium.PostconditionFailed):
        run("bad", ask, "why?", stream=stream)
    told = why("bad")
    first = [each for each in told.changes if each.first]
    assert [(each.entry.kind, each.what) for each in first] == [("llm", "output")]
    assert "well said indeed" in "\n".join(first[0].lines)
    assert "headers" not in "\n".join(first[0].lines)
    assert told.suspects[0] == 1
    assert [(link.entry.seq, link.into) for link in told.chain] == [(1, 2)]


def test_another_model_and_another_prompt(ask: Ask, provider: Provider) -> None:
    run("good", ask, "why do bees dance?")
    provider.answer = "badly said indeed"
    with pytest.raises(omium.PostconditionFailed):
        run("bad", ask, "why do wasps dance?", model="gpt-4o")
    (change, _) = why("bad").changes
    assert (change.what, change.first) == ("input", True)
    lines = "\n".join(change.lines)
    assert "body.model: 'gpt-4o-mini' → 'gpt-4o'" in lines
    assert "body.messages[0].content: 'why do bees dance?' → 'why do wasps dance?'" in lines


def test_the_same_answer_is_no_change(ask: Ask) -> None:
    run("good", ask, "why?")

    def later() -> None:
        publish(text_of(ask("why?")))
        raise ValueError("later")

    with pytest.raises(ValueError, match="later"), omium.execution("bad", workflow="article"):
        later()
    assert why("bad").changes == ()
