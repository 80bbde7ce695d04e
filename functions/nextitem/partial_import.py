"""Import parts of a package without running the package itself: its `__init__.py` may import far more than is used.

Python runs a package before it imports one of its modules. Here the modules are imported first, and the package runs if
something imports it later, which then works as always (decision 50).
"""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # 4 ms with what it imports
    from importlib.machinery import ModuleSpec


@contextmanager
def parts_of(name: str) -> Iterator[None]:
    """Let modules of a package be imported without the package inside the ``with`` block.

    Does nothing if the package was imported already, or is being imported by another thread, or is not installed.
    Another thread that imports the package meanwhile waits for the end of the block as soon as it reads a name of the
    package.

    Example:
        ``with parts_of("redis"): from redis.connection import Connection``

    Args:
        name: of the package, a top-level one.
    """
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:  # in this order: a module's own spec must not change
        yield
        return
    package = importlib.util.module_from_spec(spec)
    importer, ended = threading.get_ident(), threading.Event()

    def find(missing: str) -> Any:
        if ended.is_set() or threading.get_ident() != importer:
            ended.wait()
            importlib.import_module(name)  # runs it in this module object
        try:
            return vars(package)[missing]
        except KeyError:
            raise AttributeError(f"module {name!r} has no attribute {missing!r}", name=missing, obj=package) from None

    spec.loader = cast("Loader", _Loader(spec.loader, package, find))
    finder = _Finder(spec)
    sys.meta_path.insert(0, finder)
    # An import, for its lock: another thread may run the package already, and needs the modules that are imported here.
    if importlib.import_module(name) is not package:
        sys.meta_path.remove(finder)
        yield
        return
    try:
        yield
    finally:
        del sys.modules[name]
        ended.set()


class _Finder:
    """Finds the package when it is imported as a whole."""

    def __init__(self, spec: "ModuleSpec") -> None:
        self._spec = spec

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        return self._spec if name == self._spec.name else None


class _Loader:
    """Imports the package without running it, and, the next time, runs it in the module object that has its parts.

    Args:
        loader: runs it.
        package: the module object.
        find: returns a name that the package does not have yet: https://peps.python.org/pep-0562.
    """

    def __init__(self, loader: Any, package: ModuleType, find: Callable[[str], Any]) -> None:
        self._loader, self._package, self._find = loader, package, find
        self._is_first = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # what tools ask a loader for, such as its source

    def create_module(self, _spec: "ModuleSpec") -> ModuleType:
        """See `importlib.abc.Loader`."""
        return self._package

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`. While the package runs, a name that it does not have yet is missing."""
        if not self._is_first:
            vars(module).pop("__getattr__", None)
            try:
                self._loader.exec_module(module)
            except BaseException:
                vars(module)["__getattr__"] = self._find
                raise
            return
        self._is_first = False
        vars(module)["__getattr__"] = self._find


def import_lazily(name: str) -> None:
    """Let a module be imported when one of its names is read; an empty one stands for it until then.

    Does nothing if it was imported already. Threads may read a first name at the same time, which they may not with
    `importlib.util.LazyLoader` of Python 3.11.

    Args:
        name: of the module. Its parent package must be imported.
    """
    if name in sys.modules:
        return
    stand_in, removing = ModuleType(name), threading.Lock()

    def find(missing: str) -> Any:
        with removing:
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
        return getattr(importlib.import_module(name), missing)

    vars(stand_in)["__getattr__"] = find
    sys.modules[name] = stand_in
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, stand_in)
