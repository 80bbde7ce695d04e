"""Ask Sentinels for the address of a primary, by redis-py.

Importing redis-py takes 63 ms, so only the thread that asks imports this module.
"""

import redis

from nextitem.errors import StoreUnavailable
from nextitem.redis_client.connection import connection_options, connection_type
from nextitem.redis_client.login import Login
from nextitem.redis_client.url import Address, reported_address


class PrimaryFinder:
    """Asks each Sentinel until one knows the primary, and begins with that one the next time.

    Args:
        sentinels: where they listen.
        login: of the servers. Sentinels have users of their own, which the store's URL does not name.
    """

    def __init__(self, sentinels: tuple[Address, ...], login: Login) -> None:
        anonymous = Login(tls=login.tls, ca_file=login.ca_file, timeout=login.timeout)
        # A silent Sentinel leaves time for the next one.
        options = {"connection_class": connection_type(anonymous), "socket_timeout": login.timeout / 2}
        self._sentinel = redis.Sentinel([])
        self._sentinel.sentinels = [
            redis.Redis(connection_pool=redis.ConnectionPool(**connection_options(address, anonymous) | options))
            for address in sentinels
        ]

    def find(self, name: str) -> Address:
        """Return the address of a primary that is up.

        Raises:
            StoreUnavailable: no Sentinel knows it.
        """
        try:
            host, port = self._sentinel.discover_master(name)
        except redis.ConnectionError as error:
            raise StoreUnavailable(f"no Sentinel knows a primary named {name} that is up") from error
        except (redis.RedisError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise StoreUnavailable(f"a Sentinel's answer cannot be parsed: {type(error).__name__}") from error
        finally:  # Sentinels are asked rarely: an idle connection would be dead by the next time
            for client in self._sentinel.sentinels:
                client.connection_pool.disconnect()
        address = self._sentinel.sentinels[0].connection_pool.connection_kwargs
        return reported_address(host, port, by=Address(address["host"], address["port"]))
