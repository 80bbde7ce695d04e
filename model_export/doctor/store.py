"""Check the session store: connection, TLS, login, permissions and latency."""

import secrets
import time
from collections.abc import Iterator
from statistics import median

from model_export.doctor.finding import Finding
from nextitem.deadline import Deadline
from nextitem.errors import SettingsError, StoreUnavailable
from nextitem.redis_client.url import StoreUrl, parse_store_url
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import Event
from nextitem.sessions.valkey_store import ValkeyStore

PATIENCE_SECONDS = 3.0
"""Limit of each call: far more than the function's, so that a slow store is told from a dead one."""
FUNCTION_SECONDS = 0.05
"""The function's limit of a call, by default (NEXTITEM_STORE_TIMEOUT_MS)."""
PINGS = 20
PROBE_TTL_SECONDS = 60.0
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")
_UNREACHABLE = (
    "Check host, port, user and TLS (rediss://). A store inside a VPC is reachable only from there: run this command "
    'there, or invoke the function with {"operation": "verify"}.'
)


def check_store(text: str | None, region: str) -> Iterator[Finding]:
    """Connect to the store as the function does; store, read and delete a probe session."""
    if not text:
        remedy = "Set NEXTITEM_STORE_URL or --store-url to the function's value, where the store can be reached."
        yield Finding("store", "warn", "not checked: its URL is not set", remedy)
        return
    try:
        url = parse_store_url(text)
    except SettingsError as error:
        yield Finding("store", "fail", str(error), "Correct NEXTITEM_STORE_URL or --store-url.")
        return
    store = ValkeyStore(url, timeout=PATIENCE_SECONDS, ttl=PROBE_TTL_SECONDS, region=region)
    try:
        store.ping(Deadline.after(PATIENCE_SECONDS))
        _probe(store)
        times = [_timed_ping(store) for _ in range(PINGS)]
    except StoreUnavailable as error:
        yield Finding("store", "fail", str(error), _UNREACHABLE)
        return
    finally:
        store.close()
    address = url.addresses[0]
    yield Finding("store", "ok", f"{address.host}:{address.port} stores, reads and deletes a session")
    yield _check_tls(url)
    yield check_latency(times)


def check_latency(seconds: list[float], limit: float = FUNCTION_SECONDS) -> Finding:
    """Compare round trips with the function's limit of a call."""
    detail = f"{median(seconds) * 1000:.2f} ms for a round trip (median of {len(seconds)})"
    if median(seconds) > limit:
        remedy = "From this machine only, if the function runs elsewhere. Else put both into one region and VPC."
        return Finding("store latency", "warn", f"{detail}; the function gives a call {limit * 1000:.0f} ms", remedy)
    return Finding("store latency", "ok", detail)


def _check_tls(url: StoreUrl) -> Finding:
    if url.tls:
        return Finding("store TLS", "ok", "the connection is encrypted, and the server's certificate is valid")
    if all(address.host.startswith(_LOOPBACK) for address in url.addresses):
        return Finding("store TLS", "ok", "not encrypted, on this machine")
    return Finding("store TLS", "warn", "the connection is not encrypted", "Begin the URL with rediss://.")


def _probe(store: ValkeyStore) -> None:
    """Store, read and delete a session under a name that no visitor has. It needs no key secret.

    Raises:
        StoreUnavailable: the store does not answer, or refuses a command.
    """
    key = session_key(secrets.token_bytes(16), "doctor")
    deadline = Deadline.after(PATIENCE_SECONDS)
    try:
        appended = store.append(key, [Event("doctor", "doctor")], "doctor", time.time_ns() // 1_000_000, deadline)
        if appended.session.length != 1 or store.load(key, "doctor", deadline).log != appended.session.log:
            raise StoreUnavailable("the session store does not return what was stored")
    finally:
        store.delete(key, Deadline.after(PATIENCE_SECONDS))


def _timed_ping(store: ValkeyStore) -> float:
    begun = time.perf_counter()
    store.ping(Deadline.after(PATIENCE_SECONDS))
    return time.perf_counter() - begun
