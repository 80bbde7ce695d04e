"""Import parts of a package without running the package itself: its `__init__.py` may import far more than is used.

Python runs a package before it imports one of its modules. Here the modules are imported first, and the package runs if
something imports it later, which then works as always (decision 50).
"""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # 4 ms with what it imports
    from importlib.machinery import ModuleSpec


@contextmanager
def parts_of(name: str) -> Iterator[None]:
    """Let modules of a package be imported without the package inside the ``with`` block.

    Does nothing if the package was imported already, or is not installed. Another thread that imports the package
    meanwhile waits for the end of the block as soon as it reads a name of the package.

    Example:
        ``with parts_of("redis"): from redis.connection import Connection``

    Args:
        name: of the package, a top-level one.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        yield
        return
    package = importlib.util.module_from_spec(spec)
    spec.loader = cast("Loader", _Loader(spec.loader, package))
    importer, ended = threading.get_ident(), threading.Event()

    def find(missing: str) -> Any:
        if ended.is_set() or threading.get_ident() != importer:
            ended.wait()
            importlib.import_module(name)  # runs it in this module object
        try:
            return vars(package)[missing]
        except KeyError:
            raise AttributeError(f"module {name!r} has no attribute {missing!r}", name=missing, obj=package) from None

    vars(package)["__getattr__"] = find  # called for missing names only: https://peps.python.org/pep-0562
    sys.modules[name] = package
    try:
        yield
    finally:
        del sys.modules[name]
        sys.meta_path.insert(0, _Finder(spec))
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
    """Runs the package in the module object that has its parts as attributes already."""

    def __init__(self, loader: Any, package: ModuleType) -> None:
        self._loader, self._package = loader, package

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # what tools ask a loader for, such as its source

    def create_module(self, _spec: "ModuleSpec") -> ModuleType:
        """See `importlib.abc.Loader`."""
        return self._package

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`. While the package runs, a name that it does not have yet is missing."""
        find = vars(module).pop("__getattr__", None)
        try:
            self._loader.exec_module(module)
        except BaseException:
            if find is not None:
                vars(module)["__getattr__"] = find
            raise


def import_lazily(name: str) -> None:
    """Let a module be imported at once and run when one of its names is read.

    Does nothing if it was imported already. This is the recipe of
    https://docs.python.org/3/library/importlib.html#implementing-lazy-imports.

    Args:
        name: of the module. Its parent package must be imported.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
