"""The waits of a start and of a restore are limited."""

import threading
from typing import Any, cast

import pytest

import application
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.aws.object_store import ObstoreReader
from nextitem.errors import SecretUnavailable
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import Telemetry
from tests.functions.client import PATIENT, Client
from tests.nextitem.sessions.fake_secrets_manager import FakeSecretsManager

ROUTE_TAKES_SECONDS = 0.05


@pytest.mark.slow
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


class NotingRouter:
    """Notes whether attributes are wanted."""

    attributes = False

    def model_for(self, *, attributes: bool) -> None:
        self.attributes = attributes


class Unused:
    """Stands for a part that a test does not look at."""

    def __getattr__(self, _name: str) -> Any:
        return Unused() if _name == "secret" else lambda *_, **_wishes: None


class Keys:
    """Keys whose secret is being read."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self.secret = self

    def start_reading(self) -> threading.Thread:
        return self._thread


def test_a_snapshot_has_the_whole_catalogue() -> None:
    router, unused = NotingRouter(), cast(Any, Unused())
    application.Application(unused, unused, cast(Router, router), unused, unused, unused).before_snapshot()
    assert router.attributes


def test_a_snapshot_has_no_secret() -> None:
    # GIVEN keys whose secret cannot be read a second time
    secrets = iter([KeySecret(b"a secret of the snapshot")])

    def read() -> KeySecret:
        for secret in secrets:
            return secret
        raise SecretUnavailable("Secrets Manager does not answer")

    keys = KeyRing(read, 60, lambda _error: None)
    keys.secret.load()
    unused: Any = Unused()
    # WHEN the snapshot is taken THEN a restored process has no secret, which may be several rotations old
    application.Application(unused, unused, unused, keys, unused, unused).before_snapshot()
    with pytest.raises(SecretUnavailable):
        keys.secret.current()


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
