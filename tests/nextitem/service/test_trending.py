"""What trends: which events count, and what is listed."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from devstack.services.valkey import Valkey
from nextitem.catalogue.join import join_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.deadline import Deadline
from nextitem.errors import RequestError
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.service.schema import Answer, TrendingOptions, TrendingRequest, parse
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.pool import EVERYTHING, Pool
from nextitem.service.trending import Trending, TrendingRanker
from nextitem.sessions.session import PendingSave
from nextitem.sessions.trends import Count, Trend
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.sessions.valkey_trends import ValkeyTrends
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.catalogue.strategies import written
from tests.nextitem.parts import NOW, PATIENCE_SECONDS
from tests.nextitem.service.service import Service, fixed_keys, items
from tests.nextitem.sessions.failing_store import FailingStore

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
HOUR = 3600.0
HOUR_MS = 3_600_000


class PatientTrends:
    """Counts of which each is done when it is sent: another connection would not wait for it."""

    def __init__(self, trends: ValkeyTrends) -> None:
        self._trends, self.top = trends, trends.top

    def count(self, counts: Sequence[Count], deadline: Deadline) -> PendingSave:
        counted = self._trends.count(counts, deadline).result(deadline)
        return Done(counted)


class Done(NamedTuple):
    """A `PendingSave` that has its reply."""

    counted: bool

    def done(self) -> bool:
        return True

    def result(self, deadline: Deadline) -> bool:
        return self.counted


class CountingService(Service):
    """A service that counts what trends."""

    def __init__(self, router: Router, store: ValkeyStore, field: str | None = None) -> None:
        super().__init__(router, store)
        trending = Trending(PatientTrends(store.trends(uuid.uuid4().hex, HOUR)), field)
        self.recommender = Recommender(router, store, fixed_keys(), 2 * PATIENCE_SECONDS, trending)

    def trending(self, now: int = NOW, **options: Any) -> Answer:
        self.record = RequestRecord()
        wanted = parse(options, TrendingOptions)
        return self.recommender.trending(TrendingRequest(wanted, now), self.record)

    def scores(self, **options: Any) -> dict[str, float]:
        return {item.item_id: item.score for item in self.trending(**options).recommendations}


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


@pytest.mark.slow
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


Shop = Callable[[dict[str, Any]], None]


@pytest.fixture
def shop(router: Router, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Gives the router's model a catalogue of A, B and C with some columns."""

    def publish(cells: dict[str, Any]) -> None:
        catalogue = written(tmp_path / "catalogue.bin", [A, B, C], cells)
        join = join_of(model.vocabulary, catalogue)
        items = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
        monkeypatch.setattr(router, "model_for", lambda *_, **_wishes: RoutedModel(model, items, "main", False))

    publish({"category": ("strings", [["boards"], ["boards", "care"], None]), "price": ("number", [1.0, 2.0, 3.0])})
    return publish


@pytest.mark.usefixtures("shop")
def test_items_are_counted_by_category(router: Router, store: ValkeyStore, me: str) -> None:
    service = CountingService(router, store, "category")
    service.append(me, event(A), event(B), event(B), event(C))
    assert service.scores() == {A: 1.0, B: 2.0, C: 1.0}
    assert service.scores(category="boards") == {A: 1.0, B: 2.0}
    assert service.scores(category="care") == {B: 2.0}
    # AND where nothing trends in a category, its popular items are listed
    other = CountingService(router, store, "category").trending(category="boards")
    assert (other.served_by, {*items(other)}) == ("popular", {A, B})
    assert items(service.trending(category="hats")) == []


@pytest.mark.usefixtures("shop")
def test_the_shop_s_rules_hold(router: Router, store: ValkeyStore, me: str) -> None:
    service = CountingService(router, store, "category")
    service.append(me, event(A), event(B), event(B), event(C), event(C), event(C))
    assert items(service.trending()) == [C, B, A]
    assert items(service.trending(filter={"price": {"lt": 3}})) == [B, A]
    assert items(service.trending(filter={"price": {"lt": 2}}, category="boards")) == [A]
    assert service.scores(boost=[{"filter": {"price": 1}, "factor": 10}]) == {A: 10.0, C: 3.0, B: 2.0}
    assert items(service.trending(diversity={"field": "category", "max": 1})) == [C, B]
    assert [item.fields for item in service.trending(fields=["price"], limit=1).recommendations] == [{"price": 3}]


def test_a_pool_of_any_form_is_ranked(router: Router) -> None:
    # GIVEN items that trend, one of them unknown
    routed = router.serving()[0]
    a, b, c = routed.items.indices([A, B, C])
    ranker = TrendingRanker(routed, [Trend("no such item", 9.0), Trend(C, 3.0), Trend(A, 2.0), Trend(B, 1.0)])
    masked = np.zeros(len(routed.items), np.bool_)
    masked[[c]] = True

    def best(pool: Pool, *exclude: int, k: int = 3) -> list[int]:
        return [item.index for item in ranker.best(pool, exclude, k)]

    # THEN a pool is everything, a list, or all but a mask
    assert best(EVERYTHING) == [c, a, b]
    assert best(EVERYTHING, c, k=1) == [a]
    assert best(Pool(np.array([b, c]))) == [c, b]
    assert best(Pool(left_out=masked)) == [a, b]


def test_an_item_that_left_the_category_is_not_listed(router: Router, store: ValkeyStore, me: str, shop: Shop) -> None:
    service = CountingService(router, store, "category")
    service.append(me, event(A), event(B))
    assert service.scores(category="boards") == {A: 1.0, B: 1.0}
    shop({"category": ("string", ["care", "boards", None])})
    assert service.scores(category="boards") == {B: 1.0}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("field", "words"),
    [(None, "TrendingField names one"), ("colour", "category.colour"), ("price", "category.price")],
)
def test_a_category_that_is_not_counted_is_refused(
    router: Router, store: ValkeyStore, field: str | None, words: str
) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        CountingService(router, store, field).trending(category="boards")
    assert caught.value.status == 422


def test_without_a_catalogue_there_are_no_categories(router: Router, store: ValkeyStore) -> None:
    for options in ({"category": "boards"}, {"filter": {"price": 1}}, {"fields": ["price"]}):
        with pytest.raises(RequestError, match="needs a catalogue") as caught:
            CountingService(router, store, "category").trending(**options)
        assert caught.value.status == 422
