"""The waits of a start and of a restore are limited."""

import threading
from typing import Any, cast

import pytest

import application
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.aws.object_store import ObstoreReader
from nextitem.background_call import BackgroundCall
from nextitem.errors import NextItemError, RegistryUnavailable, VersionNotFound
from nextitem.registry.loading import LoadedRoute
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import Telemetry
from tests.functions.client import PATIENT, Client
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.sessions.fake_secrets_manager import FakeSecretsManager

ROUTE_TAKES_SECONDS = 0.05


def test_a_start_does_not_wait_for_a_secret_that_never_ends() -> None:
    with FakeSecretsManager() as secrets_manager:
        secrets_manager.drips.set()
        settings = PATIENT | {"AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets_manager.endpoint}
        with Stack(artifact=demo_artifact(), max_workers=1, secret={"current": "any"}, settings=settings) as stack:
            reply = Client(stack).append("me", ["tent-008"])
            assert (reply.status, reply.document["stored"]) == (200, False)


class Waited(threading.Thread):
    """A thread that never ends; notes how long one would have waited for it."""

    def join(self, timeout: float | None = None) -> None:
        self.seconds = timeout


class SlowRouter:
    """Takes its time to look at the route; notes how long it may take."""

    def refresh(self, seconds: float) -> None:
        self.seconds = seconds
        threading.Event().wait(ROUTE_TAKES_SECONDS)


class Unused:
    """Stands for a part that a test does not look at."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


class Keys:
    """Keys whose secret is being read."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self.secret = self

    def start_reading(self) -> threading.Thread:
        return self._thread


def test_a_restore_waits_for_secret_and_route_within_one_limit() -> None:
    reading, router = Waited(), SlowRouter()
    restored = application.Application(
        cast(Recommender, Unused()),
        cast(Telemetry, Unused()),
        cast(Router, router),
        cast(KeyRing, Keys(reading)),
        cast(ValkeyStore, Unused()),
        cast(ObstoreReader, Unused()),
    )
    restored.after_restore()
    assert router.seconds <= application.RESTORE_SECONDS
    assert reading.seconds is not None
    assert reading.seconds <= application.RESTORE_SECONDS - ROUTE_TAKES_SECONDS


def test_a_start_does_not_wait_for_late_models(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a bucket that answers only when the test lets it
    gate = threading.Event()
    models = BackgroundCall(lambda: load_late(gate), "the models")
    router, telemetry = cast(Router, Unused()), FaultLog()
    monkeypatch.setattr(application, "START_SECONDS", 0.01)
    # WHEN a process waits for its models
    application._load_models(router, models, cast(Telemetry, telemetry))
    # THEN the wait ends with a fault, and so does an error before the limit
    gate.set()
    monkeypatch.setattr(application, "START_SECONDS", PATIENCE_SECONDS)
    application._load_models(router, models, cast(Telemetry, telemetry))
    assert [type(fault) for fault in telemetry.faults] == [RegistryUnavailable, VersionNotFound]
    assert "within 0.01 s" in str(telemetry.faults[0])


def load_late(gate: threading.Event) -> LoadedRoute:
    assert gate.wait(PATIENCE_SECONDS)
    raise VersionNotFound("live is not there")


class FaultLog:
    """Telemetry that keeps faults in a list."""

    def __init__(self) -> None:
        self.faults: list[NextItemError] = []
        self.report_fault = self.faults.append
