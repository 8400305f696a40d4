"""numpy arrays and scalars: dtype, shape, order and bytes. Reached only once numpy is loaded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from omium.codec import codes
from omium.exceptions import NotSerializable

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = "biufcSUmMV"


def reducer(cls: type) -> Callable[[Any], tuple[int, Any] | None] | None:
    """The reducer of ndarray itself and of every scalar type; not of array subclasses."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):
        return None
    if cls is numpy.ndarray:
        return _array
    if cls in (numpy.str_, numpy.bytes_):
        kind = "U" if cls is numpy.str_ else "S"
        # A slice is plain text with its trailing zeros, which numpy's own conversions drop.
        return lambda value: (codes.NUMPY_SCALAR, [kind, value[:]])
    return _scalar if issubclass(cls, numpy.generic) else None


def _array(value: Any) -> tuple[int, Any] | None:
    dtype = _describe(value.dtype)
    if dtype is None:
        return None
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return codes.NDARRAY, [dtype, list(value.shape), order, value.tobytes(order)]


def _scalar(value: Any) -> tuple[int, Any] | None:
    dtype = _describe(value.dtype)
    return None if dtype is None else (codes.NUMPY_SCALAR, [dtype, value.tobytes()])


def _describe(dtype: Any) -> Any:
    """The description of a dtype, or None when it would not give the same dtype again."""
    from numpy.lib.format import descr_to_dtype, dtype_to_descr

    if dtype.hasobject or dtype.kind not in _KINDS:
        return None
    description = dtype_to_descr(dtype)
    return description if descr_to_dtype(description) == dtype else None


def revive_array(data: Any) -> Any:
    numpy, dtype = _load(data[0])
    shape, order, content = data[1:]
    return numpy.ndarray(tuple(shape), dtype, bytearray(content), order=order)


def revive_scalar(data: Any) -> Any:
    kind, content = data
    numpy, dtype = _load(kind)
    if kind in ("U", "S"):
        return (numpy.str_ if kind == "U" else numpy.bytes_)(content)
    return numpy.ndarray((), dtype, content)[()]


def _load(description: Any) -> tuple[Any, Any]:
    try:
        import numpy
        from numpy.lib.format import descr_to_dtype
    except ImportError as error:
        raise NotSerializable("a numpy array is on record: install numpy") from error
    return numpy, descr_to_dtype(description)
