"""The ACL users of Valkey that stand for a cache's users."""

from collections.abc import Iterator, Mapping

from devstack.cloud.store_door.cache import IAM, NO_PASSWORD, Cache, StoreUser

DEFAULT = "default"
"""The user of a connection that has not logged in."""
_EVERYTHING = ("on", "nopass", "~*", "&*", "+@all")

_UNAVAILABLE = (
    "acl|setuser acl|load acl|save acl|deluser bgrewriteaof bgsave cluster|addslots cluster|addslotsrange"
    " cluster|bumpepoch cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget"
    " cluster|links cluster|meet cluster|setslot config debug migrate psync replicaof save slaveof shutdown sync"
)
_UNAVAILABLE_SERVERLESS = (
    "acl|log client|caching client|getredir client|id client|info client|kill client|list client|no-evict client|pause"
    " client|tracking client|trackinginfo client|unblock client|unpause cluster|count-failure-reports commandlog fcall"
    " fcall_ro function keys lastsave latency memory monitor move object pfdebug pfselftest psubscribe pubsub|numpat"
    " punsubscribe script|kill slowlog swapdb wait"
)
"""https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html"""


def acl_users(cache: Cache, secrets: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name and the rules of each ACL user of a cache; `DEFAULT` is among them.

    Args:
        cache: the cache.
        secrets: by name, the password that the door gives each user that IAM authenticates.
    """
    restricted = tuple(f"-{command}" for command in _unavailable(cache))
    if cache.users is None:
        yield DEFAULT, (*_EVERYTHING, *restricted)
        return
    if DEFAULT not in cache.users:
        yield DEFAULT, ()
    for user in cache.users.values():
        yield user.name, (*user.access, *_login(user, secrets), *restricted)


def _unavailable(cache: Cache) -> list[str]:
    return [*_UNAVAILABLE.split(), *(_UNAVAILABLE_SERVERLESS.split() if cache.serverless else ())]


def _login(user: StoreUser, secrets: Mapping[str, str]) -> tuple[str, ...]:
    if user.mode == IAM:
        return (f">{secrets[user.name]}",)
    return ("nopass",) if user.mode == NO_PASSWORD else tuple(f">{password}" for password in user.passwords)
