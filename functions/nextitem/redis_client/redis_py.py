"""Import the connections of redis-py without its clients. All other modules import redis-py from here.

`import redis` runs `redis/__init__.py`, which imports every client that redis-py has: asynchronous ones, those of a
Cluster, a module for each group of commands. The connections, which are all that a request uses, are half of that
(decision 50).

redis-py also imports `importlib.metadata`, with the modules for zip files, to learn its own version. It tells that to a
server only where `driver_info` is set.
"""

from nextitem.partial_import import import_lazily, parts_of

import_lazily("importlib.metadata")
with parts_of("redis"):
    import redis.exceptions as exceptions  # noqa: PLR0402 - `from redis import exceptions` looks in the package first
    from redis.backoff import NoBackoff
    from redis.connection import Connection, DefaultParser, SSLConnection
    from redis.credentials import CredentialProvider
    from redis.retry import Retry

__all__ = [
    "Connection",
    "CredentialProvider",
    "DefaultParser",
    "NoBackoff",
    "Retry",
    "SSLConnection",
    "exceptions",
]
