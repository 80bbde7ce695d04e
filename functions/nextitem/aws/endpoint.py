"""Check the URL of an AWS endpoint.

`http.client` and `urllib.parse` refuse a wrong one only when it is used, and their errors may quote its password.
"""

import re

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_URL = rf"https?://({_LABEL}(\.{_LABEL})*|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{{1,5}}))?(/[!-~]*)?"
"""Printable ASCII only. Not compiled at import, which costs 1 ms: most functions use AWS's own endpoints."""
_MAX_PORT = 65_535


def is_endpoint(url: str, *, query: bool = False) -> bool:
    """Return whether a URL has http or https, a valid host and port, no user info and no fragment.

    Args:
        url: any text.
        query: whether the path may end in a query.
    """
    match = re.fullmatch(_URL, url)
    if match is None or "#" in url or ("?" in url and not query) or not 0 < int(match["port"] or 1) <= _MAX_PORT:
        return False
    return match["ipv6"] is None or _is_ipv6(match["ipv6"])


def _is_ipv6(text: str) -> bool:
    import socket  # imported lazily: such an endpoint is rare

    try:
        socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return False
    return True
