"""Runs an adapter's `instrument()` when its framework is imported, and not before.

Importing omium, and `omium.init()`, must not import a framework the program does not use: a finder that
finds nothing itself waits at the front of `sys.meta_path` for the name it watches.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["when_imported"]

_lock = threading.Lock()
_watched: dict[str, str] = {}


def when_imported(framework: str, adapter: str) -> None:
    """Calls `instrument()` of the module `adapter` once `framework` is loaded; at once if it is."""
    module = sys.modules.get(framework)
    if module is not None and not _loading(module):
        import_module(adapter).instrument()
        return
    with _lock:
        _watched[framework] = adapter
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)


def _loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Finder:
    """Lets the others find the module, and has the adapter called after it was executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _watched:
            return None
        for other in sys.meta_path:
            find = getattr(other, "find_spec", None)
            spec = None if other is self or find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, name)
                return spec  # type: ignore[no-any-return]
        return None


class _Loader:
    """The framework's own loader, and then the adapter."""

    def __init__(self, own: Any, framework: str) -> None:
        self._own = own
        self._framework = framework

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._own.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module has its own loader: what reads resources through it must find it.
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        module.__loader__ = self._own
        self._own.exec_module(module)
        adapter = _watched.pop(self._framework, None)
        if adapter is not None:
            import_module(adapter).instrument()


_finder: Any = _Finder()
