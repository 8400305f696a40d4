"""The exceptions: one tree, Python's own classes where it has them, fit to travel."""

from __future__ import annotations

import copy
import pickle

import pytest

from omium import exceptions
from omium.exceptions import Divergence, LeaseHeld, NotSerializable, OmiumError

BUILT_IN = {
    "EntryNotFound": LookupError,
    "ExecutionNotFound": LookupError,
    "InvalidInput": ValueError,
    "NotAStore": ValueError,
    "NotSerializable": TypeError,
    "StepTimeout": TimeoutError,
    "StoreUnavailable": OSError,
}

WARNINGS = [exceptions.ArgumentsChanged]
CLASSES = [each for name in exceptions.__all__ if (each := getattr(exceptions, name)) not in WARNINGS]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_is_an_omium_error_with_a_message_and_advice(cls: type[OmiumError]) -> None:
    error = cls("what happened: do this")
    assert str(error) == "what happened: do this"
    assert isinstance(error, OmiumError)
    assert isinstance(error, BUILT_IN.get(cls.__name__, Exception))
    assert cls.__doc__
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is cls
        assert str(copied) == str(error)
        assert vars(copied) == vars(error)


@pytest.mark.parametrize("cls", WARNINGS, ids=lambda cls: cls.__name__)
def test_each_warning_is_shown_by_default(cls: type[Warning]) -> None:
    assert issubclass(cls, RuntimeWarning)
    assert cls.__doc__


def test_attributes_travel() -> None:
    errors = [
        Divergence("m", execution="x", seq=3, expected="a", found="b", diff=["~ c"], hint="do this"),
        LeaseHeld("m", owner="host:1", expires_at=5.0),
        NotSerializable("m", path="$.a", type="b"),
    ]
    for error in errors:
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
        assert None not in vars(error).values()
