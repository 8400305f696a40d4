"""Recorded exceptions come back as themselves, or say what they were."""

from __future__ import annotations

import json
from typing import Any

import codec_samples as s
import pytest
from pydantic import TypeAdapter, ValidationError

import omium
from omium import Divergence, RecordedFailure, StoreUnavailable, codec, config
from omium.codec import codes


def recorded(error: BaseException) -> Any:
    return codec.loads(*codec.dumps_failure(error))


def raised(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        KeyError("k", 1),
        Exception(),
        FileNotFoundError(2, "No such file", "/x"),
        OSError("plain"),
        OSError(2, "x", "a", None, "b"),
        TimeoutError(),
        StopIteration(5),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ImportError("no", name="n", path="p"),
        s.ShopError(3, "sold out"),
        raised(json.loads, "{"),
        Divergence("differs", seq=3, diff=["~ a"]),
        StoreUnavailable("disk full"),
        ValueError(ValueError("inner"), [1, (2,)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_comes_back_as_itself(error: BaseException) -> None:
    back = recorded(error)
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert repr(back.args) == repr(error.args)
    assert {k: repr(v) for k, v in vars(back).items()} == {k: repr(v) for k, v in vars(error).items()}
    for part in ("errno", "strerror", "filename", "filename2", "name", "path", "value", "reason"):
        assert getattr(back, part, None) == getattr(error, part, None)


def test_notes_are_kept() -> None:
    error = ValueError("x")
    if not hasattr(error, "add_note"):
        pytest.skip("Python 3.11")
    error.add_note("after step 3")
    assert recorded(error).__notes__ == ["after step 3"]


def test_exception_groups() -> None:
    if not hasattr(__builtins__, "ExceptionGroup") and "ExceptionGroup" not in dir(__import__("builtins")):
        pytest.skip("Python 3.11")
    back = recorded(ExceptionGroup("several", [ValueError("a"), s.ShopError(1, "b")]))  # noqa: F821
    assert [type(each) for each in back.exceptions] == [ValueError, s.ShopError]


def test_the_constructor_of_a_user_class_does_not_run() -> None:
    error = s.Evil("x")
    made = s.Evil.made
    back = recorded(error)
    assert type(back) is s.Evil
    assert s.Evil.made == made


def test_live_objects_it_carries_leave_their_texts() -> None:
    error = s.ShopError(1, "x")
    error.response = open  # type: ignore[attr-defined]
    back = recorded(error)
    assert (type(back), back.order) == (s.ShopError, 1)
    assert repr(back.response) == repr(open)


def test_arguments_that_cannot_be_encoded_leave_their_texts() -> None:
    back = recorded(ValueError(object))
    assert type(back) is ValueError
    assert str(back) == "<class 'object'>"


def test_a_class_that_cannot_be_found_is_named() -> None:
    class Local(Exception):
        pass

    back = recorded(Local("why"))
    assert type(back) is RecordedFailure
    assert str(back).endswith("Local: why")


def test_only_exceptions_are_made() -> None:
    from omium import _omium

    class Marker:
        pass

    data = _omium.encode(Marker(), lambda value: (codes.EXCEPTION, ["subprocess:Popen", ["true"], None, "t"]))
    assert type(codec.loads("msgpack", data)) is RecordedFailure


def test_an_exception_whose_text_fails_is_recorded_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "RuntimeError" in str(recorded(Mute()))


def test_pydantic_validation_errors_come_back() -> None:
    def fail(value: Any) -> Any:
        raise ValueError("never {good}")

    from typing import Annotated

    from pydantic import AfterValidator

    cases = [(list[int], ["a", 2, None]), (Annotated[int, AfterValidator(fail)], 3), (s.Model, {"id": []})]
    for schema, value in cases:
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(schema).validate_python(value)
        back = recorded(caught.value)
        assert type(back) is ValidationError
        assert str(back) == str(caught.value)


def test_as_a_value_an_exception_is_kept_whole_or_refused() -> None:
    from omium import NotSerializable

    assert type(codec.loads(*codec.dumps([s.ShopError(1, "x")]))[0]) is s.ShopError
    error = s.ShopError(1, "x")
    error.response = open  # type: ignore[attr-defined]
    with pytest.raises(NotSerializable):
        codec.dumps([error])


def test_what_an_exception_carries_is_kept_without_its_secrets() -> None:
    """As the errors of model SDKs do, which carry the body of the refusal."""
    body = {"error": {"message": "no access with Bearer sk-secret-0123456789abc", "code": 7}, "api_key": "hunter2"}
    error = s.ShopError(1, "https://x.example/?key=secret-0001")
    error.body = body  # type: ignore[attr-defined]
    error.parts = ("Bearer sk-secret-0123456789abc", 7)  # type: ignore[attr-defined]
    blob = codec.dumps_failure(error)[1]
    assert b"secret-0" not in blob
    assert b"hunter2" not in blob
    back = recorded(error)
    assert back.body == {"error": {"message": "no access with Bearer [redacted]", "code": 7}, "api_key": "[redacted]"}
    assert back.parts == ("Bearer [redacted]", 7)


def test_half_a_character_in_the_text_of_an_error(store: Any) -> None:
    """The program gets its own error, not one about writing it down."""

    @omium.step
    def decode() -> None:
        raise ValueError("no character: \ud83d")

    with omium.execution("x"), pytest.raises(ValueError, match="no character"):
        decode()
    assert config.store().entry("x", 1).error == r"ValueError: no character: \ud83d"
    with pytest.raises(ValueError, match="no character"), omium.execution("y"):
        raise ValueError("no character: \ud83d")
    assert omium.get("y").status == "failed"
