"""Check a version of the function from inside, before it takes traffic: models, key secret and session store.

It answers all golden sessions of every model of the route, and stores, reads and deletes a probe session.
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
"""The limit of one round trip; each call of the store has its own limit besides."""
TRIES = 3
"""Attempts of the round trip: a process's first connection may take longer than the store's limit of a call."""


class CheckedModel(msgspec.Struct, frozen=True):
    """A model that answered all its golden sessions as at export; `goldens` is their number."""

    version: str
    variant: str
    goldens: int


class SelfCheckResult(msgspec.Struct, frozen=True):
    """The result of a check that found no fault."""

    status: str
    models: list[CheckedModel]
    store: str


def verify(router: Router, keys: KeyRing, store: SessionStore) -> SelfCheckResult:
    """Check everything that an answer needs.

    Raises:
        SelfCheckFailed: its text says what failed, and why.
    """
    with _named("the route"):
        router.load()
    with _named("the availability of items"):
        router.check_availability()
    with _named("the catalogue"):
        router.check_catalogue()
    models = [_check_model(routed.model, routed.variant) for routed in router.serving()]
    with _named("the key secret"):
        keys.secret.load()
    with _named("the session store"):
        _retry(lambda: _round_trip(store, keys, router.serving()[0].model))
    return SelfCheckResult("ok", models, "ok")


def _check_model(model: Model, variant: str) -> CheckedModel:
    with _named(f"model {model.version} of variant {variant}"):
        model.check(model.certificate)
    return CheckedModel(model.version, variant, len(model.certificate.sessions))


def _retry(round_trip: Callable[[], None]) -> None:
    for _ in range(TRIES - 1):
        with suppress(StoreUnavailable):
            return round_trip()
    return round_trip()


def _round_trip(store: SessionStore, keys: KeyRing, model: Model) -> None:
    """Append, save, load and delete a probe session."""
    name = f"verify-{secrets.token_hex(16)}"
    key = keys.keys(SessionName(name)).current
    deadline = Deadline.after(STORE_SECONDS)
    try:
        event = Event(model.vocabulary.item_id(0), name)
        appended = store.append(key, [event], model.version, time.time_ns() // 1_000_000, deadline)
        _require(appended.statuses == ("applied",) and appended.session.length == 1, "a new session is not empty")
        (entry,) = appended.session.log
        hidden = model.replay(None, [0])
        saving = store.save(key, model.version, Snapshot(entry.chain, hidden), deadline)
        _require(saving.result(deadline), "a snapshot was not saved")
        loaded = store.load(key, model.version, deadline)
        _require(loaded.log == (entry,), "an appended event is not in the session")
        kept = loaded.snapshot
        _require(kept is not None and np.array_equal(kept.hidden, hidden), "a saved snapshot is not in the session")
        store.delete(key, deadline)
        _require(store.load(key, model.version, deadline) == EMPTY, "a deleted session is still there")
    except Exception:  # delete the probe, then raise it again
        with suppress(StoreUnavailable):  # it would hide the first error; the probe expires anyway
            store.delete(key, Deadline.after(STORE_SECONDS))
        raise


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise SelfCheckFailed(fault)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Convert any error to one that names the part that failed: no error may let a version pass."""
    try:
        yield
    except Exception as error:
        raise SelfCheckFailed(f"{what} failed the check: {error or type(error).__name__}") from error
