"""How both clients use httpx."""

import httpx

from nextitem_client.errors import NoAnswer
from nextitem_client.exchange import Send

HEADERS = {"accept": "application/json", "content-type": "application/json"}
NO_ANSWER = (
    TimeoutError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
)
"""Errors after which the same request may be sent again."""


def no_answer(send: Send, error: Exception) -> NoAnswer:
    """Return the outcome of a try that got no whole answer."""
    return NoAnswer(f"{send.method} {send.target.partition('?')[0]}: {error or type(error).__name__}")
