"""Import the connections of redis-py without its clients. All other modules import redis-py from here.

`import redis` runs `redis/__init__.py`, which imports every client that redis-py has: asynchronous ones, those of a
Cluster, a module for each group of commands. The connections, which are all that a request uses, are half of that
(decision 50). So the package is put into `sys.modules` without being run, and its submodules are imported from there.
It runs when something first reads a name that it does not have yet, such as `redis.Sentinel`, so that any other import
of redis-py works as always.

`importlib.metadata` is deferred in the same way, since it imports the modules for zip files. redis-py asks it for its
own version, which it tells a server only where `driver_info` is set.
"""

import importlib.util
import sys
import threading
from typing import Any

_RUNNING = threading.RLock()
"""Held while a deferred package runs: other threads wait for its names."""


def _defer(name: str) -> None:
    """Make a package importable without running it; do nothing if it was imported already, or is not installed.

    Args:
        name: of the package. Its parent package must be imported.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    package, loader = importlib.util.module_from_spec(spec), spec.loader
    not_run = [True]

    def run(missing: str) -> Any:
        with _RUNNING:
            if not_run:
                not_run.clear()  # before it runs: while it does, a missing name is missing
                loader.exec_module(package)
        try:
            return vars(package)[missing]
        except KeyError:
            raise AttributeError(f"module {name!r} has no attribute {missing!r}", name=missing, obj=package) from None

    vars(package)["__getattr__"] = run  # called for missing names only: https://peps.python.org/pep-0562
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)


_defer("redis")
_defer("importlib.metadata")

import redis.exceptions  # noqa: E402 - after `_defer`; `from redis import exceptions` would run the package
from redis.backoff import NoBackoff  # noqa: E402
from redis.connection import Connection, DefaultParser, SSLConnection  # noqa: E402
from redis.credentials import CredentialProvider  # noqa: E402
from redis.retry import Retry  # noqa: E402

exceptions = redis.exceptions

__all__ = [
    "Connection",
    "CredentialProvider",
    "DefaultParser",
    "NoBackoff",
    "Retry",
    "SSLConnection",
    "exceptions",
]
