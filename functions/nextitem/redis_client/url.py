"""Parse the URL of the session store, the setting ``NEXTITEM_STORE_URL``.

- ``redis://[user:password@]host:port/db``: one server
- ``redis+sentinel://host:port,host:port/name/db``: the primary that Sentinels know by a name
- ``redis+cluster://host:port,host:port``: a Cluster, by some of its nodes (ElastiCache's cluster mode and serverless)
- ``rediss…``: the same over TLS
- ``?ssl_ca_certs=FILE``: certificates to trust; needs TLS
- ``?iam=CACHE``: the URL's user logs in to an ElastiCache cache by IAM; needs TLS and a user, and no password
- ``&serverless=true``, or ``false``, after ``iam``: whether that cache is serverless

Each option is given once and has a value. An option that would have no effect is refused.
"""

from typing import Any, Literal

import msgspec

from nextitem.errors import SettingsError, StoreUnavailable

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26_379

Shape = Literal["single", "sentinel", "cluster"]
_SHAPES: dict[str, Shape] = {"": "single", "sentinel": "sentinel", "cluster": "cluster"}
_OPTIONS = {"ssl_ca_certs", "iam", "serverless"}
MAX_PORT = 65_535
_MAX_DIGITS = 10
_NO_HOST = frozenset(" \ufffd")
"""Characters of no host. U+FFFD stands for bytes that redis-py could not decode."""
_IPV6 = frozenset("0123456789abcdefABCDEF:.")


class Address(msgspec.Struct, frozen=True):
    """The address of a server."""

    host: str
    port: int


def reported_address(host: Any, port: Any, by: Address) -> Address:
    """Return the address that a server's reply gives of another server.

    Args:
        host: text or bytes; "" and "?" mean the host that the reply comes from. A server may send anything else.
        port: a number, or its digits as text or bytes.
        by: the server that replies.

    Raises:
        StoreUnavailable: it is not an address.
    """
    name, number = _reported_text(host), _reported_port(port)
    if name is None:
        raise StoreUnavailable(f"the session store at {by.host}:{by.port} names a server without a valid host")
    if not 0 < number <= MAX_PORT:
        raise StoreUnavailable(f"the session store at {by.host}:{by.port} names a server without a valid port")
    return Address(by.host if name in {"", "?"} else name, number)


def _reported_text(value: Any) -> str | None:
    """Return text, decoded if it is bytes; None if it is neither or cannot be a part of an address."""
    try:
        text = value.decode() if type(value) is bytes else value
    except UnicodeDecodeError:
        return None
    return text if type(text) is str and text.isprintable() and not _NO_HOST.intersection(text) else None


def _reported_port(value: Any) -> int:
    """Return a port, 0 if it is none."""
    if type(value) is int:
        return value
    text = _reported_text(value) or ""
    return int(text) if _is_number(text) else 0


def _is_number(text: str) -> bool:
    """Return whether a text is a number in at most 10 ASCII digits: `int` also takes ``1_0`` and other scripts."""
    return len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal()


class StoreUrl(msgspec.Struct, frozen=True):
    """The location of the session store.

    Attributes:
        shape: one server, Sentinels, or a Cluster.
        addresses: the server, the Sentinels, or some nodes of the Cluster.
        tls: whether to encrypt.
        username: the ACL user, or None.
        password: its password, or None.
        db: the database, 0 in a Cluster.
        name: the primary's, which the Sentinels know; "" elsewhere.
        ca_file: certificates to trust, or None for the system's.
        iam: the ElastiCache cache to log in to by IAM, or None.
        serverless: whether that cache is serverless.
    """

    shape: Shape
    addresses: tuple[Address, ...]
    tls: bool = False
    username: str | None = None
    password: str | None = None
    db: int = 0
    name: str = ""
    ca_file: str | None = None
    iam: str | None = None
    serverless: bool = False


def parse_store_url(url: str) -> StoreUrl:
    """Parse a store URL.

    Raises:
        SettingsError: it has none of the forms above. The error never shows the URL, which may hold a password.

    Example:
        >>> parse_store_url("redis://store/1").addresses
        (Address(host='store', port=6379),)
    """
    try:
        return _parse(url)
    except ValueError as error:
        raise SettingsError(f"NEXTITEM_STORE_URL is not understood: {error}") from None


def _parse(url: str) -> StoreUrl:
    # urllib.parse would do this, but it and its imports cost 5 ms of each cold start, and compiling a pattern 1 ms.
    prefix, separator, rest = url.partition("://")
    if "#" in rest:
        raise ValueError("a # must be written as %23")
    if not url.isprintable():  # a server's name with such a character fails only when it is looked up
        raise ValueError("it has characters that cannot be printed, or bytes that are not UTF-8; write them as %XX")
    rest, question_mark, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    scheme, _, shape_name = prefix.lower().partition("+")
    if not separator or scheme not in {"redis", "rediss"}:
        raise ValueError("it must begin with redis:// or rediss://, or either with +sentinel or +cluster")
    if shape_name not in _SHAPES:
        raise ValueError("the + may be followed by sentinel or cluster")
    shape = _SHAPES[shape_name]
    user, _, hosts = netloc.rpartition("@")
    username, _, password = user.partition(":")
    options = _parse_options(query) if question_mark else {}
    _check_options(options, tls=scheme == "rediss", username=username, password=password)
    parts = [part for part in path.split("/") if part]
    if shape == "sentinel" and not parts:
        raise ValueError("Sentinels need the primary's name after the hosts")
    name = _decode(parts.pop(0)) if shape == "sentinel" else ""
    if len(parts) > 1 or not all(map(_is_number, parts)) or (shape == "cluster" and parts not in ([], ["0"])):
        raise ValueError("the hosts may be followed by a database's number, in a Cluster only by 0")
    return StoreUrl(
        shape=shape,
        addresses=_parse_addresses(hosts, DEFAULT_SENTINEL_PORT if shape == "sentinel" else DEFAULT_PORT, shape),
        tls=scheme == "rediss",
        username=_decode(username) or None,
        password=_decode(password) or None,
        db=int(parts[0]) if parts else 0,
        name=name,
        ca_file=options.get("ssl_ca_certs"),
        iam=options.get("iam"),
        serverless=options.get("serverless") == "true",
    )


def _parse_options(query: str) -> dict[str, str]:
    """Parse the options; an error quotes none: it is a part of the password, if that has a question mark."""
    options: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = (_decode(part.replace("+", " ")) for part in pair.partition("="))
        if not value:
            raise ValueError("the ? must be followed by options, each with a value; a ? of the password is %3F")
        if name not in _OPTIONS:
            raise ValueError(f"it has an unknown option; the known ones are {', '.join(sorted(_OPTIONS))}")
        if name in options:
            raise ValueError(f"the option {name} is given more than once; remove all but one")
        options[name] = value
    return options


def _check_options(options: dict[str, str], *, tls: bool, username: str, password: str) -> None:
    """Refuse options that would have no effect, or another one than their words say."""
    if "iam" in options and not (tls and username):
        raise ValueError("iam needs TLS (rediss) and a user")
    if "iam" in options and password:
        raise ValueError("iam logs in without the password; remove the password or iam")
    if "serverless" in options and "iam" not in options:
        raise ValueError("serverless describes the cache that iam names; add iam or remove serverless")
    if options.get("serverless", "true") not in {"true", "false"}:
        raise ValueError("the option serverless must be true or false, in small letters")
    if "ssl_ca_certs" in options and not tls:
        raise ValueError("ssl_ca_certs needs TLS; begin the URL with rediss or remove the option")


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _parse_addresses(hosts: str, default_port: int, shape: Shape) -> tuple[Address, ...]:
    addresses = tuple(_parse_address(host, default_port) for host in hosts.split(","))
    if shape == "single" and len(addresses) > 1:
        raise ValueError("several hosts need +sentinel or +cluster")
    return addresses


def _parse_address(host: str, default_port: int) -> Address:
    if host.startswith("["):
        bare, closed, after = host[1:].partition("]")
        valid = closed and _IPV6.issuperset(bare) and after[:1] in {"", ":"}
        port = after[1:]
    else:
        bare, _, port = host.partition(":")
        valid = "[" not in bare and "]" not in bare and not any(map(str.isspace, bare))
    if not bare or not valid or ":" in port:
        raise ValueError("a host is missing, or has brackets, colons or spaces where none may be")
    if port and not (_is_number(port) and 0 < int(port) <= MAX_PORT):
        raise ValueError(f"a port must be a number from 1 to {MAX_PORT}")
    return Address(bare.lower(), int(port) if port else default_port)
