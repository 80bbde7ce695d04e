"""Interleaved answers: drafted from what both models answer alone, by the rules of the request, and remembered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from devstack.services.valkey import Valkey
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import join_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.deadline import Deadline
from nextitem.model.artifact import open_artifact
from nextitem.model.certificate import Certificate
from nextitem.model.engine import Model, RankedItem
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.service.serving import Draw, Interleaved, RoutedModel, outside_experiments
from nextitem.sessions.keys import SessionName
from nextitem.sessions.session import Event, Impression, SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry import metrics
from tests.nextitem.catalogue.strategies import Cells, written
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, another_version, soon
from tests.nextitem.service.service import Service, items
from tests.nextitem.sessions.failing_store import FailingStore

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
SALT = "0123456789abcdef"


class Contrary(Model):
    """A model that ranks last what the demo model ranks first."""

    def check(self, certificate: Certificate, sessions: int | None = None) -> None:
        """Pass: its certificate is the demo's."""

    def _rank(self, *arguments: Any) -> list[RankedItem]:
        visitor, only, exclude, k, unavailable, new = arguments
        ranked = super()._rank(visitor, only, exclude, len(self.vocabulary), unavailable, new)
        return [RankedItem(item.index, -item.score) for item in reversed(ranked)][:k]


class OneRoute:
    """A router of models that answer every session."""

    def __init__(self, routed: RoutedModel) -> None:
        self.routed = routed

    def model_for(self, _draw: Draw = outside_experiments, *, attributes: bool = False) -> RoutedModel:
        return self.routed


class Services:
    """Three services on one store: by both models, and by each alone."""

    def __init__(self, models: Sequence[Model], catalogue: Catalogue, store: SessionStore) -> None:
        def routed(model: Model, variant: str) -> RoutedModel:
            join = join_of(model.vocabulary, catalogue)
            served = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
            return RoutedModel(model, served, variant, exclude_seen=False)

        champion, challenger = routed(models[0], "main"), routed(models[1], "challenger")
        both = msgspec.structs.replace(challenger, interleaved=Interleaved(champion, SALT))
        self.both, self.champion, self.challenger = (
            Service(cast(Router, OneRoute(each)), store) for each in (both, champion, challenger)
        )


@pytest.fixture(scope="module")
def contrary(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Contrary(open_artifact(another_version(demo, tmp_path_factory.mktemp("contrary"))))


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@pytest.fixture(scope="module")
def catalogue(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    ids = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    cells: Cells = {
        "category": ("string", [item.split("-")[0] for item in ids]),
        "price": ("number", [float(number % 50) for number in range(len(ids))]),
    }
    return written(tmp_path_factory.mktemp("catalogue") / "catalogue.bin", ids, cells)


@pytest.fixture(scope="module")
def services(model: Model, contrary: Model, catalogue: Catalogue, store: ValkeyStore) -> Services:
    return Services([model, contrary], catalogue, store)


def shown(store: ValkeyStore, me: str) -> Impression:
    """Return what the session remembers of its last answer, by one more event."""
    key = SessionName(me).key(SECRET)
    impression = store.append(key, [Event(A, "one more")], "v", NOW, soon()).impression
    assert impression is not None
    return impression


def test_an_answer_is_drafted_from_what_both_models_answer_alone(
    services: Services, store: ValkeyStore, me: str
) -> None:
    alone = [items(service.recommend(A, B, limit=40)) for service in (services.champion, services.challenger)]
    assert not set(alone[0]) & set(alone[1])
    answer = services.both.append(me, A, B, limit=10)
    # Each item is the best of one of the models that has no place yet
    assert len(answer.recommendations) == 10
    drafted = [[item for item in items(answer) if item in own] for own in alone]
    assert drafted == [own[:5] for own in alone]
    # It counts as the challenger's
    assert (answer.served_by, answer.model) == ("session", services.challenger.recommend(A).model)
    assert metrics.TOP_SCORE.name not in services.both.record.values(200, 1, 0)

    # A retry and a look at the session get the same answer, and the session remembers who drafted what
    assert services.both.append(me, A, B, limit=10).recommendations == answer.recommendations
    look = services.both.get(me, limit=10)
    assert (look.recommendations, look.recommendation_id) == (answer.recommendations, answer.recommendation_id)
    impression = shown(store, me)
    assert (len(impression.teams), impression.item_ids[:10]) == (20, tuple(items(answer)))
    assert [team == "c" for team in impression.teams] == [item in alone[0] for item in impression.item_ids]
    assert impression.variant == "challenger"


def test_each_model_continues_from_its_own_half_of_the_snapshot(services: Services, me: str) -> None:
    services.both.append(me, A, B)
    grown = services.both.append(me, C, limit=20)
    assert services.both.record.values(200, 1, 0)[metrics.REPLAYED.name] == 1
    other = services.both.append(f"{me} again", A, B, C, limit=20)
    assert services.both.record.values(200, 1, 0)[metrics.REPLAYED.name] == 3
    # The coins differ, because the sessions do; what each model says does not
    scores = [{item.item_id: item.score for item in answer.recommendations} for answer in (grown, other)]
    assert scores[0] == scores[1]


def test_the_rules_of_a_request_hold_in_an_interleaved_answer(services: Services, me: str) -> None:
    services.both.append(me, A, B)
    champion = items(services.champion.recommend(A, B, limit=200))

    filtered = services.both.get(me, limit=12, filter={"price": {"lt": 10}}, fields=["price"])
    assert len(filtered.recommendations) == 12
    assert all(item.fields is not None and cast(float, item.fields["price"]) < 10 for item in filtered.recommendations)

    pin = [{"item_id": champion[100], "place": 2}]
    promote = [{"items": champion[120:130], "share": 0.25}]
    steered = services.both.get(me, limit=12, pin=pin, promote=promote).recommendations
    assert steered[1].item_id == champion[100]
    promoted = [place for place, item in enumerate(steered, 1) if item.item_id in champion[120:130]]
    assert promoted == [4, 8, 12]
    assert [place for place, item in enumerate(steered, 1) if item.reason == "promoted"] == [2, *promoted]

    diverse = services.both.get(me, limit=12, diversity={"field": "category", "max": 1}, fields=["category"])
    counts = Counter(item.fields["category"] for item in diverse.recommendations if item.fields is not None)
    assert (len(diverse.recommendations), max(counts.values())) == (12, 1)

    unseen = items(services.both.get(me, limit=200, exclude_seen=True))
    assert not {A, B} & set(unseen)
    short = services.both.get(me, limit=6)
    longer = services.both.get(me, limit=12)
    assert items(longer)[:6] == items(short)
    rest = services.both.get(me, limit=12, after=short.next)
    assert not set(items(short)) & set(items(rest))


def test_a_pinned_place_has_no_team(services: Services, store: ValkeyStore, me: str) -> None:
    pinned = items(services.champion.recommend(A, limit=200))[100]
    services.both.append(me, A, pin=[{"item_id": pinned, "place": 3}])
    impression = shown(store, me)
    assert impression.item_ids[2] == pinned
    assert [place for place, team in enumerate(impression.teams, 1) if team == "-"] == [3]


def test_each_item_has_the_score_of_the_model_that_drafted_it(services: Services, store: ValkeyStore, me: str) -> None:
    # GIVEN candidates that both models rank
    only = items(services.champion.recommend(A, B, limit=8))
    alone = [services.champion.recommend(A, B, only=only), services.challenger.recommend(A, B, only=only)]
    scores = [{item.item_id: item.score for item in answer.recommendations} for answer in alone]
    # WHEN they draft them THEN each item has the score of its team
    answer = services.both.append(me, A, B, only=only)
    teams = shown(store, me).teams
    expected = [scores["cx".index(team)][item] for team, item in zip(teams, items(answer), strict=True)]
    assert [item.score for item in answer.recommendations] == expected
    assert sorted(teams) == ["c"] * 4 + ["x"] * 4


def test_each_item_is_explained_by_the_model_that_drafted_it(services: Services, me: str) -> None:
    services.both.append(me, A, B)
    explained = services.both.get(me, explain=True, limit=6).recommendations
    assert {item.reason for item in explained} <= {"session", "memory"}
    assert {item.because for item in explained} <= {A, B, None}


def test_without_the_store_or_events_the_champion_answers_alone(
    services: Services, model: Model, contrary: Model, catalogue: Catalogue, me: str
) -> None:
    broken = Services([model, contrary], catalogue, FailingStore())
    answers = [
        services.both.get(me),
        services.both.append(me, A, store=False),
        broken.both.append(me, A),
        broken.both.get(me),
    ]
    alone = [services.champion.recommend(), services.champion.recommend(A), services.champion.recommend(A)]
    expected = [items(answer) for answer in (*alone, alone[0])]
    assert [items(answer) for answer in answers] == expected
    assert {answer.model.variant for answer in answers} == {"main"}


def test_an_answer_to_items_that_one_model_does_not_know_is_popular(
    services: Services, store: ValkeyStore, me: str
) -> None:
    answer = services.both.append(me, "no such item")
    assert (answer.served_by, len(answer.recommendations)) == ("popular", 20)
    # No state is kept that would make the next answer one of a session
    assert services.both.get(me).served_by == "popular"
    assert store.load(SessionName(me).key(SECRET), "any", Deadline.after(PATIENCE_SECONDS)).snapshot is None
