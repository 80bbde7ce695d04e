"""A running version of the function checks itself, before it takes traffic: models, secret and store.

Every golden session of every model that is routed, and a round trip of a session that nobody has. Knows no Lambda.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import numpy as np

from nextitem.deadline import Deadline
from nextitem.errors import SelfCheckFailed, StoreUnavailable
from nextitem.model.engine import Model
from nextitem.service.router import Router
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import EMPTY, Event, SessionStore, Snapshot

STORE_SECONDS = 2.0
"""For one round trip; each verb has the store's own limit besides."""
TRIES = 3
"""Round trips tried: a new environment's first connection may take longer than the store's limit for a verb."""


class CheckedModel(msgspec.Struct, frozen=True):
    """A model that answered all of its golden sessions as it did at export, and how many these are."""

    version: str
    variant: str
    goldens: int


class Report(msgspec.Struct, frozen=True):
    """All is well."""

    status: str
    models: list[CheckedModel]
    store: str


def verified(router: Router, keys: KeyRing, store: SessionStore) -> Report:
    """Check everything that an answer needs.

    Raises:
        SelfCheckFailed: it says what failed, and why.
    """
    with _named("the route"):
        router.load()
    with _named("what is available"):
        router.check_availability()
    models = [_checked(routed.model, routed.variant) for routed in router.serving()]
    with _named("the key secret"):
        keys.secret.load()
    with _named("the session store"):
        _tried(lambda: _round_trip(store, keys, router.serving()[0].model))
    return Report("ok", models, "ok")


def _checked(model: Model, variant: str) -> CheckedModel:
    with _named(f"model {model.version} of variant {variant}"):
        model.check(model.certificate)
    return CheckedModel(model.version, variant, len(model.certificate.sessions))


def _tried(round_trip: Callable[[], None]) -> None:
    for _ in range(TRIES - 1):
        with suppress(StoreUnavailable):
            return round_trip()
    return round_trip()


def _round_trip(store: SessionStore, keys: KeyRing, model: Model) -> None:
    """Do with a probe session what requests do with theirs, and leave nothing of it."""
    name = f"verify-{secrets.token_hex(16)}"
    key = keys.keys(SessionName(name)).current
    deadline = Deadline.after(STORE_SECONDS)
    try:
        event = Event(model.vocabulary.item_id(0), name)
        appended = store.append(key, [event], model.version, time.time_ns() // 1_000_000, deadline)
        _demand(appended.statuses == ("applied",) and appended.record.length == 1, "a new session was not new")
        (entry,) = appended.record.log
        hidden = model.replay(None, [0])
        saving = store.save(key, model.version, Snapshot(entry.chain, hidden), deadline)
        _demand(saving.result(deadline), "a snapshot was not kept")
        found = store.load(key, model.version, deadline)
        _demand(found.log == (entry,), "an event was not found again")
        kept = found.snapshot
        _demand(kept is not None and np.array_equal(kept.hidden, hidden), "a snapshot was not found again")
        store.delete(key, deadline)
        _demand(store.load(key, model.version, deadline) == EMPTY, "a deleted session was found again")
    except Exception:  # whatever it was, the probe goes before it is raised again
        with suppress(StoreUnavailable):  # it would hide what went wrong, and the probe ends by itself
            store.delete(key, Deadline.after(STORE_SECONDS))
        raise


def _demand(fulfilled: bool, otherwise: str) -> None:
    if not fulfilled:
        raise SelfCheckFailed(otherwise)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say of whatever goes wrong what it was that failed: no fault may let a version pass."""
    try:
        yield
    except Exception as error:
        raise SelfCheckFailed(f"{what} failed the check: {error or type(error).__name__}") from error
