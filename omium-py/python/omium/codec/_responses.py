"""What failures carry of HTTP: requests and responses, their addresses and headers, as far as they are data.

A record can have these types made and no others: `Response`, `Request`, `Headers` and `URL` of httpx and httpx2;
`Response`, `PreparedRequest` and `CaseInsensitiveDict` of requests; `CIMultiDict`, `CIMultiDictProxy` and `URL`
of aiohttp's libraries; `HTTPMessage` of the standard library. Each only where its library is loaded already, and
without a connection: what was not read when the failure was recorded cannot be read any more. Credentials are
taken out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from omium import _redact
from omium.codec import _lost, codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Message", "identity", "reduce", "revive", "taken"]

_ANSWER_BYTES_MAX = 1 << 20
_REQUEST_BYTES_MAX = 1 << 16
_HISTORY_MAX = 10
_PASSING = ("cookies", "elapsed", "extensions", "headers", "history")


class Message:
    """What is recorded of one of them: its kind and its parts."""

    __slots__ = ("payload",)

    def __init__(self, kind: str, parts: Mapping[str, Any]) -> None:
        self.payload = {"": kind, **parts}


def reduce(message: Message) -> tuple[int, Any]:
    return codes.HTTP, message.payload


def taken(value: Any) -> Message | None:
    """What can be recorded of it, when it is one of them: exactly, for a subclass would come back changed."""
    cls = type(value)
    if cls.__name__ not in _NAMES:
        return None
    for kind, (take, _) in _KINDS.items():
        module, _, name = kind.partition(":")
        if cls.__name__ == name and getattr(sys.modules.get(module), name, None) is cls:
            try:
                return Message(kind, take(value))
            except Exception:  # noqa: BLE001  # Half made, or of another version: it is no reason to lose the failure.
                return None
    return None


def identity(value: Any) -> Message | None:
    """The same without what differs each time the same is answered: moments, durations, cookies."""
    message = taken(value)
    if message is not None:
        _narrow(message)
    return message


def _narrow(message: Message) -> None:
    message.payload = {name: part for name, part in message.payload.items() if name not in _PASSING}
    for part in message.payload.values():
        if isinstance(part, Message):
            _narrow(part)


def revive(payload: Any) -> Any:
    """One of them again; where its library is not loaded, what says so when it is read."""
    parts = dict(payload)
    kind = parts.pop("")
    module, _, name = kind.partition(":")
    cls = getattr(sys.modules.get(module), name, None)
    if kind not in _KINDS or cls is None:
        return _lost.stand_in(str(kind), name, f"because {module} is not loaded")
    try:
        return _KINDS[kind][1](sys.modules[module], parts)
    except Exception as error:  # noqa: BLE001  # Each library has errors of its own for what it does not take.
        return _lost.stand_in(kind, name, f"because it cannot be made again ({type(error).__name__}: {error})")


def _headers(pairs: Iterable[tuple[Any, Any]]) -> list[list[str]]:
    return [[_text(name), _header(_text(name), _text(value))] for name, value in pairs]


def _header(name: str, value: str) -> str:
    return _redact.REDACTED if _redact.names_secret(name) else _redact.text(value)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _url(value: Any) -> str:
    return _redact.text(str(value))


def _body(content: Any, bytes_max: int) -> Any:
    """The bytes or text without what looks like a secret; a stand-in for what is too long or is no data."""
    if content is None or content is False:
        return None
    if type(content) not in (bytes, str):
        return _lost.Kept(content, "the body")
    if len(content) > bytes_max:
        return _lost.Kept(content[:0], "the body", f"because it has more than {bytes_max:,} bytes")
    if type(content) is str:
        return _redact.text(content)
    # One byte one character, whatever it is encoded in.
    return _redact.text(content.decode("latin-1")).encode("latin-1")


def _read(message: Any) -> Any:
    try:
        return message.content
    except Exception:  # noqa: BLE001  # httpx and httpx2 each have a class of their own for it.
        return None


def _httpx_request(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": _url(request.url),
        "headers": _headers(request.headers.raw),
        "body": _body(_read(request), _REQUEST_BYTES_MAX),
    }


def _make_httpx_request(httpx: Any, parts: dict[str, Any]) -> Any:
    request = httpx.Request(
        parts["method"], parts["url"], headers=_pairs(parts["headers"]), stream=_unread(httpx, "the body")
    )
    if parts["body"] is not None:
        request._content = parts["body"]  # noqa: SLF001  # It has no setter.
        if type(parts["body"]) is bytes:
            request.stream = httpx.ByteStream(parts["body"])
    return request


def _httpx_response(response: Any) -> dict[str, Any]:
    request = getattr(response, "_request", None)
    kept = {name: response.extensions.get(name) for name in ("http_version", "reason_phrase")}
    encoding = getattr(response, "default_encoding", "utf-8")
    return {
        "status": response.status_code,
        "headers": _headers(response.headers.raw),
        "body": _body(_read(response), _ANSWER_BYTES_MAX),
        "request": None if request is None else taken(request),
        "history": _history(response.history),
        "extensions": {name: value for name, value in kept.items() if isinstance(value, bytes)},
        "encoding": encoding if isinstance(encoding, str) else None,
        "elapsed": getattr(response, "_elapsed", None),
    }


def _make_httpx_response(httpx: Any, parts: dict[str, Any]) -> Any:
    body = parts["body"]
    whole = {"content": body} if type(body) is bytes else {"stream": _unread(httpx, "the body")}
    response = httpx.Response(
        parts["status"],
        request=parts["request"],
        extensions=parts["extensions"],
        history=parts["history"],
        default_encoding=parts["encoding"] or "utf-8",
        **whole,
    )
    # Afterwards: the body is no longer encoded as they say.
    response.headers = httpx.Headers(_pairs(parts["headers"]))
    if body is not None and type(body) is not bytes:
        response._content = body  # noqa: SLF001  # As above.
    if parts["elapsed"] is not None:
        response.elapsed = parts["elapsed"]
    return response


def _requests_request(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": None if request.url is None else _url(request.url),
        "headers": _headers((request.headers or {}).items()),
        "body": _body(request.body, _REQUEST_BYTES_MAX),
    }


def _make_requests_request(models: Any, parts: dict[str, Any]) -> Any:
    request = models.PreparedRequest()
    request.method, request.url, request.body = parts["method"], parts["url"], parts["body"]
    request.headers = models.CaseInsensitiveDict(_pairs(parts["headers"]))
    return request


def _requests_response(response: Any) -> dict[str, Any]:
    content = vars(response).get("_content")
    request = response.request
    return {
        "status": response.status_code,
        "headers": _headers(response.headers.items()),
        "body": _body(content, _ANSWER_BYTES_MAX),
        "read": content is not False,
        "url": None if response.url is None else _url(response.url),
        "reason": _text(response.reason) if response.reason is not None else None,
        "encoding": response.encoding,
        "elapsed": response.elapsed,
        "history": _history(response.history),
        "request": None if request is None else taken(request) or _lost.Kept(request, "request"),
        "cookies": _lost.Kept(response.cookies, "cookies") if len(response.cookies) else None,
    }


def _make_requests_response(models: Any, parts: dict[str, Any]) -> Any:
    response = models.Response()
    for name in ("url", "reason", "encoding", "elapsed", "history", "request"):
        setattr(response, name, parts[name])
    response.status_code = parts["status"]
    response.headers = models.CaseInsensitiveDict(_pairs(parts["headers"]))
    response._content = parts["body"] if parts["read"] else False  # noqa: SLF001  # As above.
    response._content_consumed = parts["read"]  # noqa: SLF001  # As above.
    response.raw = _lost.stand_in("urllib3.response:HTTPResponse", "raw")
    response.connection = _lost.stand_in("requests.adapters:HTTPAdapter", "connection")
    if parts["cookies"] is not None:
        response.cookies = parts["cookies"]
    return response


def _history(history: Iterable[Any]) -> list[Any]:
    return [taken(each) or _lost.Kept(each, "history") for each in list(history)[-_HISTORY_MAX:]]


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers]


def _unread(httpx: Any, what: str) -> Any:
    """The stream of what was not read, sync and async."""

    def refuse(_: Any) -> Any:
        lost = _lost.stand_in(f"{httpx.__name__}:SyncByteStream", what, "because it had not been read")
        return iter(lost)

    names = {"__iter__": refuse, "__aiter__": refuse}
    return type("Unread", (httpx.SyncByteStream, httpx.AsyncByteStream), names)()


def _pairs_only(take: Callable[[Any], Iterable[tuple[Any, Any]]], make: Callable[[Any, Any], Any]) -> Any:
    return (lambda value: {"pairs": _headers(take(value))}), (
        lambda module, parts: make(module, _pairs(parts["pairs"]))
    )


def _address(make: Callable[[Any, str], Any]) -> Any:
    return (lambda value: {"url": _url(value)}), (lambda module, parts: make(module, parts["url"]))


def _mail(module: Any, pairs: list[tuple[str, str]]) -> Any:
    message = module.HTTPMessage()
    for name, value in pairs:
        message[name] = value
    return message


_KINDS: dict[str, tuple[Callable[[Any], Mapping[str, Any]], Callable[[Any, dict[str, Any]], Any]]] = {
    **{
        kind: both
        for library in ("httpx", "httpx2")
        for kind, both in {
            f"{library}:Response": (_httpx_response, _make_httpx_response),
            f"{library}:Request": (_httpx_request, _make_httpx_request),
            f"{library}:Headers": _pairs_only(lambda each: each.raw, lambda module, pairs: module.Headers(pairs)),
            f"{library}:URL": _address(lambda module, url: module.URL(url)),
        }.items()
    },
    "requests.models:Response": (_requests_response, _make_requests_response),
    "requests.models:PreparedRequest": (_requests_request, _make_requests_request),
    "requests.structures:CaseInsensitiveDict": _pairs_only(
        lambda each: each.items(), lambda module, pairs: module.CaseInsensitiveDict(pairs)
    ),
    "multidict:CIMultiDict": _pairs_only(lambda each: each.items(), lambda module, pairs: module.CIMultiDict(pairs)),
    "multidict:CIMultiDictProxy": _pairs_only(
        lambda each: each.items(), lambda module, pairs: module.CIMultiDictProxy(module.CIMultiDict(pairs))
    ),
    "yarl:URL": _address(lambda module, url: module.URL(url)),
    "http.client:HTTPMessage": _pairs_only(lambda each: each.items(), _mail),
}
_NAMES = frozenset(kind.partition(":")[2] for kind in _KINDS)
