"""Model calls over other libraries: not recorded, and never silently so."""

from __future__ import annotations

import asyncio
import importlib
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from wire_provider import Provider

import omium

BODY = {"model": "gpt-4o-mini", "messages": []}
Post = Callable[[str, Any], int]


@pytest.fixture(params=["aiohttp", "botocore.httpsession", "requests"])
def post(request: pytest.FixtureRequest) -> Post:
    name: str = request.param
    library = pytest.importorskip(name)

    async def over_aiohttp(url: str, body: Any) -> int:
        async with library.ClientSession() as session, session.post(url, json=body) as response:
            return int(response.status)

    def send(url: str, body: Any) -> int:
        if name == "aiohttp":
            return asyncio.run(over_aiohttp(url, body))
        if name == "botocore.httpsession":
            head = {"content-type": "application/json"}
            asked = importlib.import_module("botocore.awsrequest").AWSRequest("POST", url, head, json.dumps(body))
            return int(library.URLLib3Session().send(asked.prepare()).status_code)
        return int(library.post(url, json=body).status_code)

    return send


def test_a_call_that_is_not_recorded_is_told(provider: Provider, post: Post) -> None:
    with omium.execution("x"), pytest.warns(UserWarning, match=r"chat gpt-4o-mini at 127.0.0.1 goes over \w+"):
        assert post(provider.url + "/chat/completions", BODY) == 200
    assert not [entry for entry in omium.config.store().entries("x") if entry.kind == "llm"]


def test_other_requests_are_nobodys_business(provider: Provider, post: Post) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert post(provider.url + "/chat/completions", BODY) == 200
        with omium.execution("x"):
            assert post(provider.root + "/v1/files", BODY) == 200

            @omium.step
            def think() -> int:
                return post(provider.url + "/chat/completions", BODY)

            assert think() == 200


def test_a_replay_makes_no_such_call(provider: Provider, post: Post) -> None:
    with omium.execution("x"):
        pass
    with pytest.raises(omium.Divergence, match="nothing may run in a replay"), omium.execution("x", mode="replay"):
        post(provider.url + "/chat/completions", BODY)
    assert provider.hits == 0


def test_a_budget_is_not_gone_round(provider: Provider, post: Post) -> None:
    with pytest.raises(omium.BudgetExceeded, match="cannot be kept"), omium.execution("x", budget_tokens=10_000):
        post(provider.url + "/chat/completions", BODY)
    assert provider.hits == 0


def test_the_libraries_get_their_own_methods_back(post: Post) -> None:
    requests = pytest.importorskip("requests")
    omium.wire.instrument()
    assert hasattr(requests.Session.send, "__wrapped__")
    omium.wire.uninstrument()
    assert not hasattr(requests.Session.send, "__wrapped__")
    omium.wire.instrument()
