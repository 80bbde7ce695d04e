"""How long a process waits for what it does not need to answer: at its start, and when it is restored."""

import threading
from typing import Any, cast

from application import RESTORE_SECONDS, Environment
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.aws.object_store import ObstoreReader
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.sessions.keys import KeyRing
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import Telemetry
from tests.functions.client import PATIENT, Client
from tests.nextitem.sessions.secrets_keeper import SecretsKeeper

ROUTE_TAKES_SECONDS = 0.05


def test_a_keeper_whose_answer_never_ends_holds_no_start_up() -> None:
    # GIVEN a keeper that answers drop by drop, for ever: each time before a socket would time out
    with SecretsKeeper() as keeper:
        keeper.drips.set()
        settings = PATIENT | {"AWS_ENDPOINT_URL_SECRETS_MANAGER": keeper.endpoint}
        with Stack(artifact=demo_artifact(), max_workers=1, secret={"current": "any"}, settings=settings) as stack:
            # WHEN a function starts THEN it answers, without sessions
            reply = Client(stack).append("me", ["tent-008"])
            assert (reply.status, reply.document["stored"]) == (200, False)


class Waited(threading.Thread):
    """A thread that never ends; notes how long one would have waited for it."""

    def join(self, timeout: float | None = None) -> None:
        self.seconds = timeout


class SlowRouter:
    """Takes its time to look at the route; notes how long it may take."""

    def look_again(self, seconds: float) -> None:
        self.seconds = seconds
        threading.Event().wait(ROUTE_TAKES_SECONDS)


class Room:
    """Stands for a room whose part in a restore is of no interest here."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


class Keys:
    """Keys whose secret is being read."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread

    def reading(self) -> threading.Thread:
        return self._thread


def test_a_restore_waits_for_all_together_no_longer_than_it_may() -> None:
    # GIVEN an environment whose secret never comes, and whose route takes a while
    reading, router = Waited(), SlowRouter()
    one = Environment(
        cast(Recommender, Room()),
        cast(Telemetry, Room()),
        cast(Router, router),
        cast(KeyRing, Keys(reading)),
        cast(ValkeyStore, Room()),
        cast(ObstoreReader, Room()),
    )
    # WHEN it is restored THEN both had one limit
    one.after_restore()
    assert router.seconds <= RESTORE_SECONDS
    assert reading.seconds is not None
    assert reading.seconds <= RESTORE_SECONDS - ROUTE_TAKES_SECONDS
