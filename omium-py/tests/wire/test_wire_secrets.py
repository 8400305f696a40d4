"""No credential reaches the store: searched in the bytes of its files and in every value, decompressed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from store_search import find
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
    "ocp-apim-subscription-key": "subscription-7777777777",
    "x-portkey-virtual-key": "virtual-7777777777",
}
QUERY = {
    "key": "query-8888888888",
    "api_key": "query-9999999999",
    "access_token": "query-aaaaaaaaaa",
    "code": "query-bbbbbbbbbb",
    "sig": "query/cccccccccc+dd==",
}
HIDDEN = [
    "query%2Fcccccccccc",
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
    assert find(store, HIDDEN) == []
    assert find(store, ["harmless question"]), "the search finds what is there"


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
    assert find(store, ["quotes"]) == []


def test_a_credential_that_an_answer_spells_as_json_does(library: Any, store: Path) -> None:
    """Which it does of quotes, and some of slashes, and of whatever is not ASCII."""
    keys = {"quote": 'sk-"with-quotes"-0001', "slash": "c2xhc2hlcw/with/0002==", "letter": "schlüssel-0003"}
    for name, key in keys.items():
        said = json.dumps({"choices": [{"text": f"no access for {key}"}]}).replace("/", "\\/")
        client = library.Client(transport=library.MockTransport(lambda _, said=said: library.Response(200, text=said)))
        with omium.execution(name):
            body = {"model": "m", "messages": []}
            client.post(
                "https://models.example/chat/completions", json=body, headers=[(b"x-api-key", key.encode("latin-1"))]
            )
    assert find(store, ["no access for [redacted]"])
    assert find(store, ["with-quotes", "with\\/0002", "with/0002", "ssel-0003"]) == []


def test_what_only_sounds_like_a_credential_is_left_in_the_answer(library: Any) -> None:
    said = {"choices": [{"text": "Ada Lovelace wrote the quarterly report for customers-eu."}]}
    client = library.Client(transport=library.MockTransport(lambda _: library.Response(200, json=said)))
    headers = {"X-Author": "Ada Lovelace", "Acme-Cache-Key": "quarterly report"}
    for _ in range(2):
        with omium.execution("x"):
            url = "https://models.example/chat/completions?partition_key=customers-eu"
            assert client.post(url, json={"model": "m", "messages": []}, headers=headers).json() == said


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


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_proxy_adds_is_not_kept(provider: Provider, library: Any, store: Path, stream: bool) -> None:
    """Its password is no part of the request, and comes back in a refusal all the same."""
    provider.troubles.append("echo")
    body = {"model": "m", "messages": [{"role": "user", "content": "harmless question"}], "stream": stream}
    proxy = provider.root.replace("//", "//ada:proxy-password-0001@")
    with omium.execution("x"), library.Client(proxy=proxy) as client:
        assert client.post(provider.url + "/chat/completions", json=body).status_code == 403
    assert provider.heads[0]["proxy-authorization"] == "Basic YWRhOnByb3h5LXBhc3N3b3JkLTAwMDE="
    assert find(store, ["proxy-password-0001", "YWRhOnByb3h5LXBhc3N3b3JkLTAwMDE"]) == []
    assert find(store, ["harmless question"])


def test_the_search_is_not_blind(
    provider: Provider, library: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the redaction switched off it finds the key, as itself and decompressed."""
    monkeypatch.setattr(secrets, "of", lambda request: [])
    monkeypatch.setattr("omium._redact.text", lambda value: value)
    provider.troubles.append("echo")
    with omium.execution("x"):
        body = {"model": "m", "messages": [{"role": "user", "content": "a long question " * 100}]}
        library.post(provider.url + "/chat/completions", json=body, headers={"x-api-key": "sk-ant-2222222222"})
    found = find(store, ["sk-ant-2222222222"])
    for place in ("x@1 told", "x@1 msgpack", "entry"):
        assert any(place in each for each in found)
    assert any("decompressed" in place for place in find(store, ["a long question a long question"]))


def test_settings_with_credentials_by_other_names() -> None:
    """Key and value as they are sent, and what is kept of them."""
    search = {"authentication": {"type": "api_key", "key": "k"}, "filter": {"type": "eq", "key": "region"}}
    server = {
        "server_url": "https://ada:pw@mcp.example/sse?acmeApiKey=k1&page=2#end",
        "headers": {"Ocp-Apim-Subscription-Key": "k2", "X-Tenant": "t"},
    }
    camel = {"accessToken": "t", "clientSecret": "s", "connection_string": "c", "aws_secret_access_key": "a"}
    author = {"author": {"key": "value"}, "idempotency_key": "plain"}
    assert secrets.settings({"data_sources": [search], "tools": [server], **camel, **author}) == {
        "data_sources": [{**search, "authentication": {"type": "api_key", "key": "[redacted]"}}],
        "tools": [
            {
                "server_url": "https://ada:[redacted]@mcp.example/sse?acmeApiKey=[redacted]&page=2#end",
                "headers": {"Ocp-Apim-Subscription-Key": "[redacted]", "X-Tenant": "t"},
            }
        ],
        **dict.fromkeys(camel, "[redacted]"),
        **author,
    }


def test_credentials_in_addresses_of_an_answer(library: Any, store: Path) -> None:
    headers = {"location": "/next?token=location-secret-0001&page=2", "link": "<https://a.example/?sig=link-0002-x>"}

    def handle(request: Any) -> Any:
        return library.Response(200, json={"choices": [{"text": f"you asked {request.url}"}]}, headers=headers)

    client = library.Client(transport=library.MockTransport(handle))
    with omium.execution("x"):
        url = "https://gateway.example/sk-path-key-0003-abcdef/chat/completions?key=a%2fb%2Bsecret"
        client.post(url, json={"model": "m", "messages": []})
    hidden = ["location-secret-0001", "link-0002-x", "sk-path-key-0003-abcdef", "a%2fb%2Bsecret", "a%2Fb%2Bsecret"]
    assert find(store, hidden) == []
    assert find(store, ["page=2"])
