"""Parsers of replies. Each raises `UnexpectedReply` for any other shape: a server, or a proxy, may send anything."""

from collections.abc import Callable
from typing import Any

from nextitem.redis_client.outcomes import UnexpectedReply


def one_of(*expected: bytes | int) -> Callable[[Any], Any]:
    """Return a parser that accepts only these replies."""

    def parse(reply: Any) -> Any:
        if not any(type(reply) is type(value) and reply == value for value in expected):
            raise UnexpectedReply("sent a reply that the command does not have")
        return reply

    return parse


def optional_bytes(count: int) -> Callable[[Any], list[bytes | None]]:
    """Return a parser of a list of so many bytes, each of which may be missing."""

    def parse(reply: Any) -> list[bytes | None]:
        if type(reply) is not list or len(reply) != count or not all(type(value) in _OPTIONAL for value in reply):
            raise UnexpectedReply(f"did not send a list of {count} values")
        return reply

    return parse


_OPTIONAL = {bytes, type(None)}
