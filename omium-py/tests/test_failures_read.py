"""What a program reads of a failure is the same live and from the record, and so is what it makes of it."""

from __future__ import annotations

import asyncio
import email.message
import http.client
import io
import json
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable
from typing import Annotated, Any

import anthropic
import botocore.exceptions
import google.genai.errors
import httpx
import openai
import pydantic
import pytest
import requests
from pydantic_core import PydanticCustomError, PydanticKnownError

import omium
from omium import NotSerializable, RecordedFailure, codec, config

httpx2: Any = pytest.importorskip("httpx2")

NOT_FOUND = {"error": {"code": "gone", "type": "invalid", "param": "city", "message": "no such city"}}


class Quota(Exception):
    def __init__(self, *, tenant: str, left: int) -> None:
        super().__init__(f"{tenant} has {left} left")
        self.tenant, self.left = tenant, left


class Slotted(Exception):
    __slots__ = ("__inner", "code", "never")

    def __init__(self, code: int) -> None:
        super().__init__("slotted")
        self.code = code
        self.__inner = [code]

    @property
    def inner(self) -> list[int]:
        return self.__inner


class Coded(ValueError):
    def __init__(self, code: int, *, why: str) -> None:
        self.code, self.why = code, why

    def __str__(self) -> str:
        return f"{self.code}/{self.why}"


class Careful(Exception):
    """Its property must not run when it is read back."""

    touched = 0

    def __init__(self) -> None:
        super().__init__("careful")
        vars(self)["state"] = "as it was"

    @property
    def state(self) -> str:
        return str(vars(self)["state"])

    @state.setter
    def state(self, value: str) -> None:
        type(self).touched += 1


class Trip(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(title="A trip")
    city: str
    days: Annotated[int, pydantic.Field(gt=0)] = 1
    stops: list[int] = []

    @pydantic.field_validator("city")
    @classmethod
    def known(cls, city: str) -> str:
        if city == "own":
            raise PydanticCustomError("odd", "never {city} nor {that}", {"city": 1})
        if city == "bare":
            raise PydanticCustomError("odd", "never {city}")
        if city == "taken":
            raise PydanticCustomError("int_parsing", "mine")
        if city == "known":
            raise PydanticKnownError("int_parsing")
        if city != "Porto":
            raise ValueError(f"no such city as {city}")
        return city


class Discreet(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(hide_input_in_errors=True)
    days: int


def httpx_error(library: Any, **options: Any) -> BaseException:
    request = library.Request("POST", "http://weather.test/Atlantis?day=1", headers={"x-trace": "7"}, json={"q": 1})
    first = library.Response(302, headers={"location": "/Atlantis"}, request=request)
    given = {"json": NOT_FOUND, "headers": {"retry-after": "7", "x-request-id": "r-1"}, **options}
    response = library.Response(404, request=request, history=[first], **given)
    error = library.HTTPStatusError("404 for Atlantis", request=request, response=response)
    assert isinstance(error, Exception)
    return error


def requests_error() -> BaseException:
    response = requests.Response()
    response.status_code, response.reason, response.url = 404, "Not Found", "http://weather.test/Atlantis"
    response._content = json.dumps(NOT_FOUND).encode()
    response.headers["Retry-After"] = "7"
    response.encoding = "utf-8"
    response.request = requests.Request("POST", "http://weather.test/Atlantis", json={"q": 1}).prepare()
    return raised(response.raise_for_status)


def sdk_error(sdk: Any) -> BaseException:
    request = httpx.Request("POST", "http://models.test/v1", json={"q": 1})
    response = httpx.Response(
        429, headers={"x-request-id": "r-1", "request-id": "r-1"}, request=request, json=NOT_FOUND
    )
    error: BaseException = sdk.RateLimitError("slow down", response=response, body=NOT_FOUND["error"])
    return error


def chained() -> BaseException:
    def inner() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise httpx_error(httpx) from error

    try:
        try:
            inner()
        except Exception as error:
            raise Quota(tenant="acme", left=3) from error
    except Quota as error:
        return error
    raise AssertionError


def during() -> BaseException:
    try:
        try:
            {}["missing"]
        except KeyError:
            raise Coded(9, why="y")  # noqa: B904  # It is what is to be told.
    except Coded as error:
        return error


def alone() -> BaseException:
    try:
        try:
            {}["missing"]
        except KeyError:
            raise Coded(9, why="y") from None
    except Coded as error:
        return error


def noted() -> BaseException:
    error = Quota(tenant="acme", left=3)
    error.__notes__ = ["tool 3"]  # type: ignore[attr-defined]  # As add_note does from Python 3.11 on.
    return error


def raised(function: Callable[..., Any], *args: Any, **kwargs: Any) -> BaseException:
    try:
        function(*args, **kwargs)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def trip(**values: Any) -> BaseException:
    return raised(Trip, **values)


CATALOGUE: dict[str, Callable[[], BaseException]] = {
    "httpx": lambda: httpx_error(httpx),
    "httpx2": lambda: httpx_error(httpx2),
    "httpx, headers": lambda: httpx_error(httpx, headers={"content-encoding": "identity"}),
    "httpx, latin": lambda: httpx_error(
        httpx, json=None, content="né".encode("latin-1"), headers={"content-type": "text/plain; charset=latin-1"}
    ),
    "httpx, no answer": lambda: httpx.ConnectError("refused", request=httpx.Request("GET", "http://weather.test")),
    "requests": requests_error,
    "requests, no JSON": lambda: raised(requests.Response.json, answer(b"{")),
    "openai": lambda: sdk_error(openai),
    "anthropic": lambda: sdk_error(anthropic),
    "openai, no answer": lambda: openai.APIConnectionError(request=httpx.Request("POST", "http://models.test")),
    "google": lambda: google.genai.errors.ClientError(404, NOT_FOUND, httpx.Response(404, json=NOT_FOUND)),
    "botocore": lambda: botocore.exceptions.ClientError(
        {"Error": {"Code": "NoSuchBucket"}, "ResponseMetadata": {"HTTPHeaders": {"date": "now"}}}, "GetObject"
    ),
    "botocore, no answer": lambda: botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"),
    "pydantic": lambda: trip(city="Atlantis", days="many", stops=3),
    "pydantic, JSON": lambda: raised(Trip.model_validate_json, '{"city": "Atlantis", "days": 0, "stops": 3}'),
    "pydantic, own kind": lambda: trip(city="own"),
    "pydantic, own kind without a context": lambda: trip(city="bare"),
    "pydantic, own message": lambda: trip(city="taken"),
    "pydantic, known kind": lambda: trip(city="known"),
    "pydantic, missing": trip,
    "pydantic, hidden": lambda: raised(Discreet, days="x"),
    "pydantic, live input": lambda: trip(city=threading.Lock(), days={"a": [print, 1]}),
    "keyword arguments": lambda: Quota(tenant="acme", left=3),
    "slots": lambda: Slotted(9),
    "no super().__init__": lambda: Coded(9, why="y"),
    "a property": Careful,
    "cause": chained,
    "context": during,
    "no context": alone,
    "notes": noted,
    "file": lambda: raised(open, "/no/such/file"),
    "two files": lambda: OSError(18, "cross-device", "a", None, "b"),
    "subprocess": lambda: raised(
        subprocess.run, ["sh", "-c", "echo out; echo err >&2; exit 3"], check=True, capture_output=True, text=True
    ),
    "urllib": lambda: urllib.error.HTTPError("http://x/y", 404, "Not Found", mail(), io.BytesIO(b"body")),
    "json": lambda: raised(json.loads, "{bad"),
    "unicode": lambda: raised(b"\xff".decode),
    "syntax": lambda: raised(compile, "a b", "file.py", "exec"),
    "import": lambda: raised(__import__, "no_such_module"),
    "attribute": lambda: raised(lambda: (3).real.nothing),  # type: ignore[attr-defined]
    "name": lambda: raised(lambda: nothing),  # type: ignore[name-defined]  # noqa: F821
    "key": lambda: raised({}.__getitem__, "k"),
    "stop": lambda: StopIteration(5),
    "exit": lambda: SystemExit(3),
    "plain": lambda: RuntimeError("exit", {"a": [1, (2,)]}),
    "an error in an error": lambda: ValueError(ValueError("inner"), [1, (2,)]),
    "live argument": lambda: ValueError(threading.Lock()),
}


def answer(content: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = 200, content
    return response


def mail() -> email.message.Message:
    headers = http.client.HTTPMessage()
    headers["Retry-After"] = "7"
    return headers


if sys.version_info >= (3, 11):
    Group = ExceptionGroup  # noqa: F821
    CATALOGUE["group"] = lambda: Group("several", [ValueError("a"), Slotted(2), Group("more", [during()])])

READ = """
status_code response.status_code response.text response.headers.items() response.json() response.content
response.url response.request.method response.request.url response.reason_phrase response.reason
response.encoding response.history response.is_success response.ok response.elapsed request.method request.url
request.headers.items() request.body request.content body request_id code param type message status details
operation_name response['Error']['Code'] returncode cmd stdout stderr output errno strerror filename filename2
name path msg doc pos lineno colno offset text end_lineno start end reason object encoding value title
error_count() errors() errors(include_url=False) json() tenant left inner state why hdrs.items()
headers.items() url __notes__ exceptions args __suppress_context__ __cause__ __context__ response
"""


def shown(value: Any) -> Any:
    """A value as far as two of them can be compared: exceptions have no equality."""
    if isinstance(value, BaseException):
        return read(value)
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(shown(item) for item in value)
    if type(value) in (type(None), bool, int, float, str, bytes):
        return value
    return type(value).__name__, repr(value)


def read(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = {"class": type(error).__mro__, "str": str(error), "repr": repr(error)}
    for each in READ.split():
        try:
            found[each] = shown(eval(f"error.{each}", {"error": error}))
        except (AttributeError, KeyError, IndexError, TypeError) as missing:
            found[each] = type(missing)
        except Exception as refused:
            found[each] = f"{type(refused).__name__}: {refused}"
    return found


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_attribute_reads_the_same_live_and_from_the_record(name: str) -> None:
    error = CATALOGUE[name]()
    back = codec.loads(*codec.dumps_failure(error))
    live, resumed = read(error), read(back)
    for part in live:
        assert resumed[part] == live[part], part
    assert Careful.touched == 0
    again = codec.loads(*codec.dumps_failure(back))
    assert read(again) == live, "recorded once more it is another one"
    assert codec.dumps_failure(back) == codec.dumps_failure(error)


@pytest.mark.parametrize("name", CATALOGUE)
def test_as_an_argument_it_counts_as_the_same(name: str) -> None:
    error = CATALOGUE[name]()
    back = codec.loads(*codec.dumps_failure(error))
    for tell in (lambda each: each, str, repr, lambda each: each.args, lambda each: getattr(each, "response", None)):
        assert codec.dumps_shown({"e": tell(back)}) == codec.dumps_shown({"e": tell(error)})
    assert codec.dumps_inputs({"e": error}) == codec.dumps_inputs({"e": CATALOGUE[name]()}), (
        "raised again it is another"
    )


def test_errors_that_say_different_things_are_different_arguments() -> None:
    same: dict[bytes, set[str]] = {}
    for name, make in CATALOGUE.items():
        same.setdefault(codec.dumps_inputs({"e": make()}), set()).add(name)
    # What an error came from is no part of what it says, nor are the headers of its response.
    assert [each for each in same.values() if len(each) > 1] == [
        {"httpx", "httpx, headers"},
        {"keyword arguments", "cause"},
        {"no super().__init__", "context", "no context"},
    ]


@pytest.mark.parametrize("name", ["httpx", "requests", "cause", "no context", "live argument", "pydantic, JSON"])
@pytest.mark.parametrize("how", ["step", "async step", "effect", "async effect"])
def test_told_to_the_next_step_nothing_runs_again(name: str, how: str) -> None:
    """Also where it is caught while another failure is dealt with."""
    ran: list[str] = []

    def fails() -> None:
        ran.append("fails")
        raise CATALOGUE[name]()  # noqa: RSE102  # It is called.

    async def afails() -> None:
        fails()

    verb = omium.effect if "effect" in how else omium.step
    tool: Any = verb(afails if "async" in how else fails)

    @omium.step
    def tell(**said: Any) -> str:
        ran.append("tell")
        return "try b"

    async def program(*, stop: bool) -> None:
        async with omium.execution("x"):
            try:
                raise LookupError("first")
            except LookupError:
                try:
                    called = tool()
                    if called is not None:
                        await called
                except Exception as error:
                    tell(error=error, text=str(error), read=repr(read(error)))
            if stop:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program(stop=True))
    asyncio.run(program(stop=False))
    assert ran == ["fails", "tell"]
    assert omium.get("x").status == "completed"


def test_secrets_are_not_recorded() -> None:
    request = httpx.Request(
        "POST",
        "http://user:hunter22@weather.test/?key=hunter22",
        headers={"authorization": "Bearer hunter22", "x-api-key": "hunter22", "cookie": "session=hunter22"},
        json={"password": "hunter22"},
    )
    headers = {"set-cookie": "session=hunter22"}
    response = httpx.Response(401, request=request, headers=headers, json={"api_key": "hunter22", "why": "expired"})
    error = httpx.HTTPStatusError("no", request=request, response=response)
    prepared = requests.Request(
        "GET", str(request.url), headers=dict(request.headers), data="password=hunter22"
    ).prepare()
    other = requests.HTTPError("no", request=prepared)
    for each in (error, other):
        assert b"hunter22" not in codec.dumps_failure(each)[1]
    back = codec.loads(*codec.dumps_failure(error))
    assert back.response.headers["set-cookie"] == "[redacted]"
    assert back.response.json() == {"api_key": "[redacted]", "why": "expired"}
    assert str(back.request.url.host) == "weather.test"


def test_what_cannot_be_kept_says_so_when_it_is_read() -> None:
    error = Quota(tenant="acme", left=3)
    lock = threading.Lock()
    error.client = lock  # type: ignore[attr-defined]
    error.more = {"sockets": [lock], "n": 1}  # type: ignore[attr-defined]
    back = codec.loads(*codec.dumps_failure(error))
    assert back.more["n"] == 1
    assert str(back.client) == str(lock)
    assert bool(back.client) is True
    for use in (
        lambda lost: lost.acquire,
        lambda lost: lost[0],
        lambda lost: lost(),
        list,
        len,
        lambda lost: setattr(lost, "a", 1),
    ):
        for lost in (back.client, back.more["sockets"][0]):
            with pytest.raises(NotSerializable, match=r"of a recorded failure cannot be read.*inside the step"):
                use(lost)
    with pytest.raises(NotSerializable, match=r"^client\.acquire of a recorded failure"):
        _ = back.client.acquire


def test_a_body_that_was_not_read_or_is_too_long_says_so() -> None:
    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield b"x"

    unread = httpx.HTTPStatusError(
        "no", request=httpx.Request("GET", "http://x"), response=httpx.Response(500, stream=Stream())
    )
    back = codec.loads(*codec.dumps_failure(unread))
    assert back.response.status_code == 500
    with pytest.raises(httpx.ResponseNotRead):
        _ = back.response.content
    with pytest.raises(NotSerializable, match="had not been read"):
        back.response.read()
    long = httpx_error(httpx, json=None, content=b"x" * ((1 << 20) + 1))
    blob = codec.dumps_failure(long)
    assert len(blob[1]) < 10_000
    back = codec.loads(*blob)
    with pytest.raises(NotSerializable, match="more than 1,048,576 bytes"):
        back.response.json()
    unread_too = requests.HTTPError("no", response=answer(False))  # type: ignore[arg-type]
    back = codec.loads(*codec.dumps_failure(unread_too))
    with pytest.raises(NotSerializable, match="raw"):
        _ = back.response.content


def test_what_is_odd_is_no_reason_to_lose_the_failure() -> None:
    class Strange:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    half_made: Any = requests.Response()
    half_made.headers = half_made.cookies = None
    for response in (half_made, Strange()):
        error = Quota(tenant="acme", left=3)
        error.response = response  # type: ignore[attr-defined]
        back = codec.loads(*codec.dumps_failure(error))
        assert back.tenant == "acme"
        with pytest.raises(NotSerializable):
            _ = back.response.status_code if response is half_made else back.response.anything()
        codec.dumps_inputs({"e": error})
    other = httpx.Request("GET", "http://x/")
    other.method = None  # type: ignore[assignment]
    back = codec.loads(*codec.dumps_failure(httpx.ConnectError("no", request=other)))
    with pytest.raises(NotSerializable, match="cannot be made again"):
        _ = back.request.method


def test_a_chain_is_cut_where_it_grows_long() -> None:
    error: BaseException = ValueError("the first")
    for number in range(50):
        try:
            raise ValueError(number) from error
        except ValueError as later:
            error = later
    back = codec.loads(*codec.dumps_failure(error))
    length = 0
    while back.__cause__ is not None:
        back, length = back.__cause__, length + 1
    assert length == 8
    assert isinstance(back, RecordedFailure)
    assert "ValueError: 41" in str(back)
    itself = ValueError("itself")
    itself.args = (itself, {"again": itself})
    assert type(codec.loads(*codec.dumps_failure(itself))) is ValueError
    assert codec.dumps_inputs({"e": itself})


def test_a_library_that_is_not_loaded_is_not_imported() -> None:
    name, data = codec.dumps_failure(httpx_error(httpx))
    code = f"""
import sys
from omium import codec
back = codec.loads({name!r}, {data!r})
assert "httpx" not in sys.modules
print(type(back).__name__, back)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "RecordedFailure HTTPStatusError: 404 for Atlantis\n", done.stderr


def test_only_listed_kinds_are_made() -> None:
    from omium import _omium
    from omium.codec import codes

    class Marker:
        pass

    for kind in ("subprocess:Popen", "httpx:Client", "os:system", "httpx:Response.read"):
        data = _omium.encode(Marker(), lambda _, kind=kind: (codes.HTTP, {"": kind, "args": ["true"]}))
        assert type(codec.loads("msgpack", data)).__mro__[1].__name__ == "Lost"


def test_an_execution_that_fails_is_told_as_ever() -> None:
    @omium.step
    def fails() -> None:
        raise httpx_error(httpx)

    with pytest.raises(httpx.HTTPStatusError), omium.execution("x"):
        fails()
    assert config.store().entry("x", 1).error == "HTTPStatusError: 404 for Atlantis"
