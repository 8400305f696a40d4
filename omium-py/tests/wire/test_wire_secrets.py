"""No credential reaches the store: searched in the bytes of its files and in every value, decompressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire_provider import COOKIE, Provider

import omium
from omium.wire import secrets

SECRETS = {
    "authorization": "sk-bearer-1111111111",
    "x-api-key": "sk-ant-2222222222",
    "api-key": "azure-3333333333",
    "x-goog-api-key": "goog-4444444444",
    "proxy-authorization": "Basic cHJveHk6c2VjcmV0",
    "cookie": "session=cookie-5555555555; other=cookie-6666666666",
    "x-amz-security-token": "amz-7777777777",
}
QUERY = {"key": "query-8888888888", "api_key": "query-9999999999", "access_token": "query-aaaaaaaaaa"}
HIDDEN = [
    *(value.removeprefix("Basic ") for name, value in SECRETS.items() if name != "cookie"),
    "cookie-5555555555",
    "cookie-6666666666",
    *QUERY.values(),
    COOKIE.partition("=")[2],
    "basic-password-bbbb",
    "YWRhOmJhc2ljLXBhc3N3b3JkLWJiYmI=",
    "tool-server-cccccccc",
    "tool-header-dddddddd",
]


def all_bytes(store: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a store, and every value in it."""
    opened = omium.config.store()
    for execution in opened.executions():
        for blob in (execution.input, execution.result):
            if blob is not None:
                yield f"{execution.id} itself", blob.read()
        yield f"{execution.id} error", str(execution.error).encode()
        for entry in opened.entries(execution.id, all=True):
            told = f"{entry.name} {entry.key} {entry.scope} {entry.error}"
            yield f"{execution.id}@{entry.seq} told", told.encode()
            for blob in (entry.value, entry.input, entry.meta, *entry.values.values()):
                if blob is not None:
                    yield f"{execution.id}@{entry.seq} {blob.codec}", blob.read()
    opened.close()
    for path in store.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("trouble", ["", "401", "garbage", "half", "drop", "echo"])
def test_no_credential_is_kept(provider: Provider, library: Any, store: Path, stream: bool, trouble: str) -> None:
    provider.troubles.append(trouble)
    headers = {**SECRETS, "authorization": f"Bearer {SECRETS['authorization']}"}
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "A harmless question about harmless things."}],
        "stream": stream,
        "tools": [
            {
                "type": "mcp",
                "authorization": "tool-server-cccccccc",
                "headers": {"X-Api-Key": "tool-header-dddddddd"},
            }
        ],
    }
    with omium.execution("x"), library.Client(params=QUERY) as client:
        for auth in (None, ("ada", "basic-password-bbbb")):
            own = dict(headers) if auth is None else {"cookie": headers["cookie"]}
            try:
                client.post(provider.url + "/chat/completions", json=body, headers=own, auth=auth)
            except library.TransportError:
                assert trouble == "drop"
            provider.troubles.append(trouble)
    assert provider.heads[0]["authorization"] == headers["authorization"]
    seen = dict(all_bytes(store))
    assert any(b"harmless question" in data for data in seen.values()), "the search finds what is there"
    for secret in HIDDEN:
        for place, data in seen.items():
            assert secret.encode() not in data, f"{secret} in {place}"


def test_tokens_of_tool_servers_do_not_identify_a_request(provider: Provider, library: Any) -> None:
    """They expire within the hour; a resume tomorrow asks the same question."""
    for token in ("first-token", "second-token"):
        with omium.execution("x"):
            tools = [{"type": "mcp", "server_url": "https://tools.example", "authorization": token}]
            library.post(provider.url + "/responses", json={"model": "m", "input": "hi", "tools": tools})
    assert provider.hits == 1


def test_a_credential_in_the_prompt_is_taken_out(provider: Provider, library: Any, store: Path) -> None:
    key = 'sk-with-"quotes"-0001'
    with omium.execution("x"):
        body = {"model": "m", "messages": [{"role": "user", "content": f"my key is {key}"}]}
        library.post(provider.url + "/chat/completions", json=body, headers={"x-api-key": key})
    assert provider.requests[0]["messages"][0]["content"] == f"my key is {key}"
    assert all(b"quotes" not in data for _, data in all_bytes(store))


def test_the_conversation_itself_is_kept_as_it_is() -> None:
    talk = [{"role": "user", "content": [{"type": "text", "text": "my password is 12345678", "token": "abc"}]}]
    schema = {"properties": {"author": {"title": "Author"}, "api_key": {"type": "string"}}, "required": ["author"]}
    body = {"messages": talk, "max_tokens": 5, "author": "ada", "tools": [{"name": "f", "parameters": schema}]}
    assert secrets.settings(body) == body
    assert secrets.settings({"api_key": "k", "nested": [{"client-secret": "s", "n": 1}]}) == {
        "api_key": "[redacted]",
        "nested": [{"client-secret": "[redacted]", "n": 1}],
    }


def test_a_cookie_is_not_set_by_a_replay(provider: Provider, library: Any) -> None:
    for _ in range(2):
        with omium.execution("x"), library.Client() as client:
            response = client.post(provider.url + "/chat/completions", json={"model": "m", "messages": []})
            cookies = dict(client.cookies)
    assert "set-cookie" not in response.headers
    assert cookies == {}
