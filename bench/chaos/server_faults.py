"""Faults of one server, of the network to it, and of the workers. Each ends its fault, if it can, before it returns."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable

from bench.chaos.targets import READ_SECONDS, Target, require
from nextitem.deadline import Deadline
from nextitem.ids import MAX_ID_CHARS
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import WINDOW, Event, SessionKey
from nextitem.sessions.valkey_store import ValkeyStore

FAULT_SECONDS = 1.0
LONG_FAULT_SECONDS = 3.0
"""Longer than the circuit breaker's reset timeout."""
REPEAT_SECONDS = 0.05
"""Between two injections of a repeated fault."""
SETTLE_SECONDS = 0.1
"""Between the last answer and the freeze of the workers: they ask for their next invocation in that time."""
LONGEST_ITEM = "\U0001f98a" * MAX_ID_CHARS
_NEVER = threading.Event()


def wait(seconds: float = FAULT_SECONDS) -> None:
    """Wait while a fault lasts."""
    _NEVER.wait(seconds)


def _repeat(inject: Callable[[], object]) -> None:
    until = time.monotonic() + FAULT_SECONDS
    while time.monotonic() < until:
        inject()
        wait(REPEAT_SECONDS)


def no_fault(_target: Target) -> None:
    """Do nothing: the row to compare others with."""
    wait()


def hang_server(seconds: float) -> Callable[[Target], None]:
    """Return a fault that stops the server's process for a time."""

    def inject(target: Target) -> None:
        pid = require(target.server).child.pid
        os.kill(pid, signal.SIGSTOP)
        wait(seconds)
        os.kill(pid, signal.SIGCONT)

    return inject


def pause_clients(target: Target) -> None:
    """Let the server answer no client for a time."""
    require(target.server).ask("CLIENT", "PAUSE", int(FAULT_SECONDS * 1000), "ALL")
    wait()


def flush_scripts(target: Target) -> None:
    """Remove all scripts from the server, repeatedly."""
    _repeat(lambda: require(target.server).ask("SCRIPT", "FLUSH"))


def kill_clients_repeatedly(target: Target) -> None:
    """Close the connections of all clients at the server, repeatedly."""
    _repeat(lambda: kill_clients(target))


def kill_clients(target: Target) -> None:
    """Close the connections of all clients at the server, once."""
    require(target.server).ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def flush_all(target: Target) -> None:
    """Delete all data of the server."""
    require(target.server).ask("FLUSHALL")


def exhaust_memory(target: Target) -> None:
    """Let the server refuse every write for a time."""
    server = require(target.server)
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.ask("CONFIG", "SET", "maxmemory", 1)
    wait()
    server.ask("CONFIG", "SET", "maxmemory", 0)


def restart_empty(seconds: float) -> Callable[[Target], None]:
    """Return a fault that kills the server, leaves its port closed for a time, and starts an empty one there."""

    def inject(target: Target) -> None:
        server = require(target.server)
        server.child.kill()
        wait(seconds)
        server.start_again()

    return inject


def freeze_workers(target: Target) -> None:
    """Freeze the idle workers, as Lambda does, while the server closes their connections."""
    with target.paused():
        wait(SETTLE_SECONDS)
        with target.frozen():
            kill_clients(target)
            wait()


def delay_answers(target: Target) -> None:
    """Delay all bytes in both directions for a time."""
    proxy = require(target.proxy)
    proxy.mode = "delay"
    wait()
    proxy.mode = "pass"


def drop_bytes(target: Target) -> None:
    """Drop all bytes in both directions for a time, then reset the connections."""
    proxy = require(target.proxy)
    proxy.mode = "drop"
    wait()
    proxy.reset()  # before it forwards again: these connections have lost bytes
    proxy.mode = "pass"


def half_close_connections(target: Target) -> None:
    """Close the server's ends of the connections without a word to the clients, repeatedly."""
    _repeat(require(target.proxy).half_close)


def reset_connections(target: Target) -> None:
    """Reset all connections, repeatedly."""
    _repeat(require(target.proxy).reset)


def add_replies(target: Target) -> None:
    """Add a reply to each reply for a time, so that replies are out of step with the commands."""
    proxy = require(target.proxy)
    proxy.mode = "add"
    wait()
    proxy.mode = "pass"


def append_late_events(target: Target) -> None:
    """Send the appends that cost the server most, one after the other, for a time."""
    store = ValkeyStore(parse_store_url(target.direct), timeout=READ_SECONDS, ttl=FAULT_SECONDS)
    until = time.monotonic() + FAULT_SECONDS
    for number in itertools.count():
        if time.monotonic() > until:
            break
        key = SessionKey(f"nextitem:late-{number}", b"chaos")
        for at in (1, 0):  # the second batch comes before all but the first event of the window
            events = [Event(LONGEST_ITEM, f"{at}-{place}", at * place) for place in range(WINDOW)]
            store.append(key, events, "", 0, Deadline.after(READ_SECONDS))
    store.close()


def cut_network(target: Target) -> None:
    """Drop every packet for a time; connections that survive it go on."""
    namespace = require(target.namespace)
    namespace.cut()
    wait(LONG_FAULT_SECONDS)
    namespace.heal()
