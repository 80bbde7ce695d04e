"""Requests of one recommender in this process: events of a hundred visitors on a demo model."""

import itertools
import time
from collections.abc import Callable
from typing import cast

from devstack.publish import demo_artifact
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.service.schema import EventBody, EventsBody, events_request
from nextitem.service.serving import Draw, RoutedModel, outside_experiments
from nextitem.service.trending import Trending
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord

SECONDS = 1.0
SESSIONS = 100
BLOCK = 20
"""Requests of one kind, one after the other."""


def demo_model() -> RoutedModel:
    """Return a demo model as a route has it."""
    model = Model(open_artifact(demo_artifact()), goldens=1)
    return RoutedModel(model, ServedItems(model.vocabulary, model.manifest.model.hidden), "main", False)


def requests(
    store: ValkeyStore, routed: RoutedModel, trending: Trending | None = None, lake_buckets: int = 0
) -> Callable[[], object]:
    """Return a function that sends `BLOCK` requests, each with one event.

    Args:
        store: where sessions live.
        routed: the model.
        trending: see `Recommender`.
        lake_buckets: see `KeyRing`.
    """
    vocabulary = routed.model.vocabulary
    item_ids = itertools.cycle([vocabulary.item_id(index) for index in range(len(vocabulary))])
    visitors = itertools.count()
    secret = KeySecret(b"a secret of benchmarks")
    keys = KeyRing(lambda: secret, 600, on_fault=_refuse, lake_buckets=lake_buckets)
    recommender = Recommender(cast(Router, _FixedRouter(routed)), store, keys, 2 * SECONDS, trending)

    def append() -> None:
        for _ in range(BLOCK):
            body = EventsBody(events=[EventBody(item_id=next(item_ids))])
            session = SessionName(f"visitor-{next(visitors) % SESSIONS}")
            request = events_request(session, body, time.time_ns() // 1_000_000)
            recommender.append_events(request, RequestRecord())

    return append


def _refuse(error: Exception) -> None:
    raise error


class _FixedRouter:
    """A router of one model."""

    def __init__(self, routed: RoutedModel) -> None:
        self._routed = routed

    def model_for(self, _draw: Draw = outside_experiments, *, attributes: bool = False) -> RoutedModel:  # noqa: ARG002 - it has all that it ever has
        """Return the model."""
        return self._routed
