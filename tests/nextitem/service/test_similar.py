"""The items most similar to one."""

from collections.abc import Iterator

import pytest

from devstack.services.valkey import Valkey
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.service import Service, items

A, B = "board-001", "care-024"
"""Items that the demo model knows."""


@pytest.fixture
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


@pytest.mark.slow
def test_similar_items_are_those_of_a_session_of_this_item_without_it(service: Service) -> None:
    similar = service.similar(A, limit=20)
    assert A not in items(similar)
    assert similar.recommendations == service.recommend(A, exclude_seen=True).recommendations
    assert items(similar) != items(service.similar(B))
    assert (similar.served_by, similar.session_id, similar.stored) == ("similar", None, None)
    assert service.record.dimensions["served_by"] == "similar"


def test_options_apply_to_similar_items(service: Service) -> None:
    best = items(service.similar(A))
    assert items(service.similar(A, limit=3, exclude=best[:2])) == best[2:5]
    assert items(service.similar(A, only=[best[4], A, best[1], "no such item"])) == [best[1], best[4]]
    # AND not even a pin makes an item similar to itself
    assert items(service.similar(A, pin=[{"item_id": A, "place": 1}])) == best


def test_an_unknown_item_gets_the_popular_ones(service: Service) -> None:
    answer = service.similar("no such item", limit=5)
    assert answer.served_by == "popular"
    assert answer.recommendations == service.recommend(limit=5).recommendations
