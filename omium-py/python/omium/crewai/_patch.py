"""Replaces methods of CrewAI's classes, and puts them back.

A class that is defined later, such as a provider imported on first use, is patched when it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]

__all__ = ["family", "inherited", "replace", "restore"]

_MARK = "_omium_wrapped"
_MISSING = object()
_undo: list[tuple[type, str, Any]] = []


def replace(owner: type, name: str, wrap: Wrap) -> None:
    """Wraps the method `name` where `owner` itself defines it, once."""
    method = vars(owner).get(name, _MISSING)
    static = isinstance(method, staticmethod)
    plain = method.__func__ if static else method
    if method is _MISSING or not callable(plain) or hasattr(plain, _MARK):
        return
    wrapped = wrap(plain)
    setattr(wrapped, _MARK, True)
    _undo.append((owner, name, method))
    setattr(owner, name, staticmethod(wrapped) if static else wrapped)


def inherited(owner: type, name: str, wrap: Wrap) -> None:
    """Wraps the method where `owner` has it from, which may be a parent of another module."""
    for parent in owner.__mro__:
        if name in vars(parent):
            replace(parent, name, wrap)
            return


def family(root: type, wraps: dict[str, Wrap]) -> None:
    """Wraps these methods in `root` and in every class that derives from it, now or later."""

    def patch(owner: type) -> None:
        for name, wrap in wraps.items():
            replace(owner, name, wrap)

    for owner in _descendants(root):
        patch(owner)
    own: Any = vars(root).get("__init_subclass__", _MISSING)

    def subclassed(cls: Any, /, **kwargs: Any) -> None:
        if own is _MISSING:
            super(root, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
        else:
            own.__func__(cls, **kwargs)
        patch(cls)

    _undo.append((root, "__init_subclass__", own))
    made: Any = subclassed
    root.__init_subclass__ = classmethod(made)  # type: ignore[assignment]


def restore() -> None:
    """Puts back what was replaced, the latest first."""
    while _undo:
        owner, name, method = _undo.pop()
        if method is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, method)


def _descendants(root: type) -> Iterator[type]:
    yield root
    children: list[type] = root.__subclasses__()
    for child in children:
        yield from _descendants(child)
