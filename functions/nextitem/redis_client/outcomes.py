"""Outcomes of a command, other than a reply, that the caller handles."""

from nextitem.redis_client.url import Address


class Broken(Exception):
    """The connection broke; the server may or may not have executed the command."""


class UnexpectedReply(Exception):
    """The reply does not have the shape of the command's replies; the text never quotes it."""


class NoScript(Exception):
    """The server does not know the script of an EVALSHA; send its text with EVAL."""


class Redirected(Exception):
    """Another node of the Cluster serves the key's slot.

    Attributes:
        address: the other node.
        once: whether only this command goes there, after ASKING, because the slot is being moved.
    """

    def __init__(self, address: Address, *, once: bool) -> None:
        super().__init__(f"{address.host}:{address.port}")
        self.address, self.once = address, once
