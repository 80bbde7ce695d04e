"""What trends: which events count, and what is listed."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.services.valkey import Valkey
from nextitem.catalogue.join import join_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import RequestError
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.recommender import Recommender
from nextitem.service.router import RoutedModel, Router
from nextitem.service.schema import Answer, TrendingOptions, TrendingRequest, parse
from nextitem.service.trending import Trending
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.catalogue.strategies import written
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, soon
from tests.nextitem.service.service import Service, fixed_keys, items
from tests.nextitem.sessions.failing_store import FailingStore

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
HOUR = 3600.0
HOUR_MS = 3_600_000


class CountingService(Service):
    """A service that counts what trends."""

    def __init__(self, router: Router, store: ValkeyStore, field: str | None = None) -> None:
        super().__init__(router, store)
        trending = Trending(store.trends(uuid.uuid4().hex, HOUR), field)
        self.recommender = Recommender(router, store, fixed_keys(), 2 * PATIENCE_SECONDS, trending)

    def trending(self, now: int = NOW, **options: object) -> Answer:
        self.record = RequestRecord()
        wanted = parse(options, TrendingOptions)
        return self.recommender.trending(TrendingRequest(wanted, now), self.record)

    def scores(self, **options: object) -> dict[str, float]:
        return {item.item_id: item.score for item in self.trending(**options).recommendations}  # type: ignore[arg-type]


@pytest.fixture
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@pytest.fixture
def service(router: Router, store: ValkeyStore) -> CountingService:
    return CountingService(router, store)


def event(item_id: str, age: int = 0) -> dict[str, object]:
    return {"item_id": item_id, "event_id": uuid.uuid4().hex, "occurred_at": NOW - age}


def test_an_event_counts_once(service: CountingService, me: str) -> None:
    # GIVEN events of two visitors, one of them sent again, one late, one of an unknown item
    view = event(A)
    service.append(me, view, event("no such item"))
    service.append(me, view)
    service.append(me, event(B, age=HOUR_MS))
    service.append(f"{me} 2", event(A), event(A))
    # THEN each new event of a known item counts once, by its own time
    answer = service.trending()
    assert [(item.item_id, item.score) for item in answer.recommendations] == [(A, 3.0), (B, 0.5)]
    assert (answer.served_by, answer.session_id, service.record.faults) == ("trending", None, [])
    assert service.record.dimensions["served_by"] == "trending"
    assert service.scores(now=NOW + HOUR_MS) == {A: 1.5, B: 0.25}


def test_events_that_are_not_stored_do_not_count(service: CountingService, me: str) -> None:
    service.append(me, A, store=False)
    assert service.trending().served_by == "popular"


def test_options_apply(service: CountingService, router: Router, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service.append(me, event(A), event(A), event(A), event(B), event(B), event(C))
    assert items(service.trending()) == [A, B, C]
    assert items(service.trending(exclude=[A])) == [B, C]
    assert items(service.trending(only=[C, A, "no such item"])) == [A, C]
    first = service.trending(limit=2)
    assert (items(first), items(service.trending(limit=2, after=first.next))) == ([A, B], [C])
    # AND an unavailable item is not listed, although it trends
    routed = router.serving()[0]
    monkeypatch.setattr(routed.items, "unavailable", routed.items.unavailable)
    routed.items.set_unavailable([B])
    assert items(service.trending()) == [A, C]


def test_where_nothing_trends_the_popular_items_are_listed(service: CountingService) -> None:
    answer = service.trending(limit=5, exclude=[A])
    assert answer.served_by == "popular"
    assert answer.recommendations == service.recommend(limit=5, exclude=[A]).recommendations
    assert items(service.trending(only=[C, B])) == items(service.recommend(only=[C, B]))


def test_without_the_store_the_popular_items_are_listed(router: Router, store: ValkeyStore) -> None:
    service = CountingService(router, store)
    store.close()
    gone = ValkeyStore(parse_store_url("redis://127.0.0.1:1"), timeout=0.2, ttl=3600)
    trending = Trending(gone.trends("shop", HOUR))
    service.recommender = Recommender(router, FailingStore(), fixed_keys(), 2 * PATIENCE_SECONDS, trending)
    answer = service.trending(limit=5)
    assert (answer.served_by, len(answer.recommendations), len(service.record.faults)) == ("popular", 5, 1)


def test_without_trending_nothing_is_counted(
    router: Router, store: ValkeyStore, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingService(router, store)
    counting.recommender = Service(router, store).recommender
    monkeypatch.setattr("nextitem.service.recommender.counts_of", lambda *_: pytest.fail("it counts"))
    counting.append(me, A)
    assert counting.trending().served_by == "popular"


@pytest.fixture
def sorted_shop(router: Router, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RoutedModel:
    """The router's model with a catalogue: A and B are boards, B is also care, C has no category."""
    cells = {"category": ("strings", [["boards"], ["boards", "care"], None]), "price": ("number", [1.0, 2.0, 3.0])}
    catalogue = written(tmp_path / "catalogue.bin", [A, B, C], cells)  # type: ignore[arg-type]  # literals
    join = join_of(model.vocabulary, catalogue.vocabulary)
    shop = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
    routed = RoutedModel(model, shop, "main", False)
    monkeypatch.setattr(router, "model_for", lambda _: routed)
    return routed


@pytest.mark.usefixtures("sorted_shop")
def test_items_are_counted_by_category(router: Router, store: ValkeyStore, me: str) -> None:
    service = CountingService(router, store, "category")
    service.append(me, event(A), event(B), event(B), event(C))
    assert service.scores() == {A: 1.0, B: 2.0, C: 1.0}
    assert service.scores(category="boards") == {A: 1.0, B: 2.0}
    assert service.scores(category="care") == {B: 2.0}
    # AND where nothing trends in a category, its popular items are listed
    assert service.trending(category="boards", exclude=[B], only=[C, A]).served_by == "trending"
    other = CountingService(router, store, "category").trending(category="boards")
    assert (other.served_by, {*items(other)}) == ("popular", {A, B})
    assert items(service.trending(category="hats")) == []


@pytest.mark.usefixtures("sorted_shop")
def test_an_item_that_left_the_category_is_not_listed(
    router: Router, store: ValkeyStore, me: str, sorted_shop: RoutedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = CountingService(router, store, "category")
    service.append(me, event(A), event(B))
    assert service.scores(category="boards") == {A: 1.0, B: 1.0}
    fields = sorted_shop.items.fields
    monkeypatch.setattr(
        sorted_shop.items,
        "fields",
        lambda index, names: {"category": ["care"]} if index == sorted_shop.items.index(A) else fields(index, names),
    )
    assert service.scores(category="boards") == {B: 1.0}


def test_a_category_that_is_not_counted_is_refused(
    router: Router, store: ValkeyStore, sorted_shop: RoutedModel
) -> None:
    for field, words in (
        (None, "TrendingField names no field"),
        ("colour", "no field of texts"),
        ("price", "no field"),
    ):
        with pytest.raises(RequestError, match=words) as caught:
            CountingService(router, store, field).trending(category="boards")
        assert (caught.value.status, caught.value.field) == (422, "category")


def test_counts_are_read_in_time(service: CountingService, me: str) -> None:
    service.append(me, A)
    service.recommender.wait_until_sent(soon())
    assert items(service.trending(deadline_ms=10_000)) == [A]
