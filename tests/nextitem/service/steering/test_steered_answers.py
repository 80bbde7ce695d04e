"""Steered answers of the demo model with a catalogue: filters, rules, fields, reasons, and what is refused."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from devstack.services.valkey import Valkey
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import join_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import RequestError
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.service.serving import Draw, RoutedModel, outside_experiments
from nextitem.sessions.session import SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.catalogue.strategies import Cells, written
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.service import Service, items

A, B = "board-001", "care-024"
"""Items that the demo model knows."""
COLOURS = ["red", "green", "blue"]


class OneModel:
    """A router with one model, with or without a catalogue."""

    def __init__(self, routed: RoutedModel) -> None:
        self.routed = routed

    def model_for(self, _draw: Draw = outside_experiments, *, attributes: bool = False) -> RoutedModel:
        return self.routed


@pytest.fixture(scope="module")
def catalogue(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    ids = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))][:-1]
    cells: Cells = {
        "category": ("string", [item.split("-")[0] for item in ids]),
        "price": ("number", [float(number % 50) for number in range(len(ids))]),
        "colours": ("strings", [[COLOURS[number % 3], "any"] for number in range(len(ids))]),
        "since": ("time", [None if number % 2 else 0.0 for number in range(len(ids))]),
    }
    return written(tmp_path_factory.mktemp("catalogue") / "catalogue.bin", ids, cells, {"cheap": {"price": {"lt": 5}}})


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


def service_of(model: Model, catalogue: Catalogue | None, store: SessionStore) -> Service:
    join = None if catalogue is None else join_of(model.vocabulary, catalogue)
    served = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
    return Service(cast(Router, OneModel(RoutedModel(model, served, "main", exclude_seen=False))), store)


@pytest.fixture
def service(model: Model, catalogue: Catalogue, store: SessionStore) -> Service:
    return service_of(model, catalogue, store)


def values(service: Service, answer: Any, field: str) -> list[Any]:
    return [item.fields[field] for item in answer.recommendations]


CHEAP: dict[str, Any] = {"filter": {"named": "cheap"}, "limit": 10, "fields": ["price", "category"]}


@pytest.mark.slow
def test_every_operation_answers_with_items_of_which_the_filter_is_true(service: Service, me: str) -> None:
    # GIVEN a session
    whole = items(service.recommend(A, B, limit=200, exclude=[]))
    # WHEN each operation is asked for cheap items
    answers = [
        service.append(me, A, B, **CHEAP),
        service.append(me, A, B, store=False, **CHEAP),
        service.get(me, **CHEAP),
        service.recommend(A, B, **CHEAP),
        service.recommend(**CHEAP),
    ]
    # THEN each has ten, and those of the session are the best of the whole ranking
    assert [answer.served_by for answer in answers] == ["session", "stateless", "session", "stateless", "popular"]
    for answer in answers:
        assert len(answer.recommendations) == 10
        assert max(values(service, answer, "price")) < 5
    best = items(answers[3])
    assert [item for item in whole if item in best] == best[: len([item for item in whole if item in best])]
    assert len({tuple(items(answer)) for answer in answers[:4]}) == 1


@pytest.mark.parametrize("longest_list", [4096, 3])
def test_a_filter_works_with_only_exclude_seen_and_unavailable_items(
    service: Service, monkeypatch: pytest.MonkeyPatch, longest_list: int
) -> None:
    """Where the filter's items are a list for the engine, and where they are a mask, as in a large catalogue."""
    monkeypatch.setattr("nextitem.catalogue.selection.MAX_LISTED", longest_list)
    routed = cast(OneModel, service.recommender._router).routed
    listed = items(service.recommend(A, B, **CHEAP))
    expensive = items(service.recommend(A, B, filter={"price": {"gte": 40}}))[0]
    # only
    assert items(service.recommend(A, B, only=[*listed[:3], expensive], filter={"named": "cheap"})) == listed[:3]
    assert items(service.recommend(only=[*listed[:3], expensive], filter={"named": "cheap"})) != []
    assert items(service.recommend(A, B, only=[expensive], filter={"named": "cheap"})) == []
    # exclude, exclude_seen
    left = items(service.recommend(listed[1], A, exclude=[listed[0]], exclude_seen=True, filter={"named": "cheap"}))
    assert not {listed[0], listed[1]} & set(left)
    # unavailable items
    routed.items.set_unavailable(listed[:2])
    assert items(service.recommend(A, B, **CHEAP))[:8] == listed[2:]
    assert not set(listed[:2]) & set(items(service.recommend(A, filter={"not": {"price": 0}}, limit=200)))
    routed.items.set_unavailable([])


def test_an_item_without_attributes_counts_as_one_without_values(service: Service, model: Model) -> None:
    unknown = model.vocabulary.item_id(len(model.vocabulary) - 1)  # the catalogue does not have it
    only = [unknown, A, B]
    assert items(service.recommend(A, only=only, filter={"category": {"missing": True}})) == [unknown]
    assert unknown in items(service.recommend(A, only=only, filter={"not": {"category": "board"}}))
    answer = service.recommend(A, only=[unknown], fields=["category", "price"])
    assert answer.recommendations[0].fields == {"category": None, "price": None}


def test_same_as_last_is_the_session_s_newest_item(service: Service, me: str) -> None:
    same: dict[str, Any] = {"filter": {"category": {"same_as": "last"}}, "fields": ["category"]}
    assert set(values(service, service.recommend(A, B, **same), "category")) == {"care"}
    assert set(values(service, service.append(me, B, A, **same), "category")) == {"board"}
    assert service.recommend(**same).recommendations == []


def test_the_rules_of_a_request_shape_its_answer(service: Service, me: str) -> None:
    plain = items(service.recommend(A, B, limit=200))
    wishes: dict[str, Any] = {
        "pin": [{"item_id": plain[150], "place": 2}, {"item_id": "no such item", "place": 1}],
        "promote": [{"items": plain[160:170], "share": 0.2}],
        "diversity": {"field": "category", "max": 2},
        "boost": [{"filter": {"colours": "red"}, "factor": 3}],
        "fields": ["category", "colours", "since"],
        "limit": 15,
    }
    answer = service.recommend(A, B, **wishes)
    got = items(answer)
    # pinned and promoted items have their places, and say so
    assert got[1] == plain[150]
    promoted = [place for place, item in enumerate(answer.recommendations, 1) if item.reason == "promoted"]
    assert promoted[:2] == [2, 5]
    assert got[4] in plain[160:170]
    # no category more than twice, except by pins
    assert max(Counter(values(service, answer, "category")).values()) <= 2
    # times are texts, lists are lists
    assert set(values(service, answer, "since")) <= {None, "1970-01-01T00:00:00Z"}
    assert all(len(colours) == 2 for colours in values(service, answer, "colours"))
    # a retry, with or without the store, gets the same
    assert service.recommend(A, B, **wishes) == answer
    first = service.append(me, A, B, **wishes)
    assert first.recommendations == service.append(me, A, B, **wishes).recommendations
    assert [item.item_id for item in first.recommendations] == got


def test_a_boost_multiplies_the_probability(service: Service) -> None:
    plain = {item.item_id: item.score for item in service.recommend(A, B, limit=200).recommendations}
    boost = [{"filter": {"colours": "red"}, "factor": 5}]
    boosted = service.recommend(A, B, limit=200, boost=boost, fields=["colours"])
    for item in boosted.recommendations:
        if item.item_id in plain:
            gain = np.log(5) if item.fields is not None and "red" in cast(list[str], item.fields["colours"]) else 0.0
            assert item.score == pytest.approx(plain[item.item_id] + gain, abs=1e-4)
    popular = {item.item_id: item.score for item in service.recommend(limit=200).recommendations}
    best = service.recommend(limit=5, boost=boost).recommendations
    assert {round(item.score / popular[item.item_id], 3) for item in best} <= {1.0, 5.0}
    assert best[0].score == max(item.score for item in best)


def test_an_explained_answer_says_why(service: Service) -> None:
    answer = service.recommend(A, B, explain=True, limit=10, pin=[{"item_id": "tea-001", "place": 3}])
    assert answer.recommendations[2].reason == "promoted"
    assert {item.reason for item in answer.recommendations} <= {"session", "memory", "promoted"}
    assert {item.because for item in answer.recommendations} <= {A, B, None}
    assert any(item.because for item in answer.recommendations)
    # The score without the named item is lower, and no other item's absence lowers it more.
    named = next(item for item in answer.recommendations if item.because == B)
    without = {
        left: service.recommend(*({A, B} - {left}), only=[named.item_id]).recommendations[0].score for left in (A, B)
    }
    assert without[B] < named.score
    assert without[B] <= without[A]
    assert {item.reason for item in service.recommend(explain=True).recommendations} == {"popular"}
    assert {item.reason for item in service.recommend(A).recommendations} == {None}


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"filter": {"colour": "red"}}, "filter.colour"),
        ({"filter": {"price": {"gte": "1"}}}, "filter.price.gte"),
        ({"boost": [{"filter": {"price": "1"}, "factor": 2}]}, "boost[0].filter.price"),
        ({"boost": [{"filter": {"price": 1}, "factor": 0}]}, "boost[0].factor"),
        ({"boost": [{"filter": {"price": 1}, "factr": 2}]}, "boost[0].factr"),
        ({"promote": [{"share": 0.5}]}, "promote[0]"),
        ({"promote": [{"share": 0.5, "items": [A], "filter": {"price": 1}}]}, "promote[0]"),
        ({"promote": [{"share": 0.5, "items": [A]}, {"share": 0.6, "items": [B]}]}, "promote"),
        ({"promote": [{"share": 0.5, "filter": {"brand": 1}}]}, "promote[0].filter.brand"),
        ({"diversity": {"field": "brand", "max": 1}}, "diversity.field"),
        ({"diversity": {"field": "category", "maximum": 1}}, "diversity.maximum"),
        ({"diversity": {"field": "category"}}, "diversity.max"),
        ({"diversity": {"max": 1, "mmr": 0.5}}, "diversity.field"),
        ({"diversity": {}}, "diversity"),
        ({"diversity": {"mmr": 1.5}}, "diversity.mmr"),
        ({"pin": [{"item_id": A, "place": 21}]}, "pin[0].place"),
        ({"pin": [{"item_id": A, "place": 1}, {"item_id": A, "place": 2}]}, "pin[1].item_id"),
        ({"pin": [{"item_id": A, "place": 1}, {"item_id": B, "place": 1}]}, "pin[1].place"),
        ({"fields": ["category", "brand"]}, "fields[1]"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_stored(
    service: Service, me: str, wishes: dict[str, Any], field: str
) -> None:
    for ask in (partial(service.append, me, A, **wishes), partial(service.recommend, A, **wishes)):
        with pytest.raises(RequestError) as refused:
            ask()
        assert refused.value.status == 422
        assert refused.value.field == field
    assert service.get(me).session_length == 0


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"filter": {"price": 1}}, "filter"),
        ({"boost": [{"filter": {"price": 1}, "factor": 2}]}, "boost[0].filter"),
        ({"promote": [{"filter": {"price": 1}, "share": 0.5}]}, "promote[0].filter"),
        ({"diversity": {"field": "category", "max": 1}}, "diversity.field"),
        ({"fields": ["price"]}, "fields[0]"),
    ],
)
def test_without_a_catalogue_a_refusal_says_how_to_add_one(
    model: Model, store: SessionStore, wishes: dict[str, Any], field: str
) -> None:
    with pytest.raises(RequestError, match="nextitem items publish") as refused:
        service_of(model, None, store).recommend(A, **wishes)
    assert refused.value.field == field


def test_pins_and_promoted_ids_need_no_catalogue(model: Model, store: SessionStore) -> None:
    service = service_of(model, None, store)
    plain = items(service.recommend(A, limit=30))
    pin = [{"item_id": plain[20], "place": 1}]
    promote = [{"items": plain[25:27], "share": 0.5}]
    got = items(service.recommend(A, limit=6, pin=pin, promote=promote))
    assert got == [plain[20], plain[25], plain[0], plain[26], plain[1], plain[2]]
    # An excluded or unavailable item has no place, a seen one has.
    assert items(service.recommend(A, limit=2, exclude=[plain[20]], pin=pin)) == plain[:2]
    assert items(service.recommend(A, limit=2, exclude_seen=True, pin=[{"item_id": A, "place": 2}]))[1] == A


def test_mmr_answers_with_items_that_are_unlike_each_other(service: Service, model: Model) -> None:
    def similarity(wanted: list[str]) -> float:
        rows = model.rows(model.vocabulary.indices(wanted))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return float((rows @ rows.T)[~np.eye(len(rows), dtype=np.bool_)].mean())

    # GIVEN answers with a growing weight of the similarity
    plain = items(service.recommend(A, B, limit=10))
    answers = [items(service.recommend(A, B, limit=10, diversity={"mmr": mmr})) for mmr in (0, 0.3, 0.7)]
    # WHEN their items are compared THEN they are ever less similar, and the best item stays the first
    assert answers[0] == plain
    assert similarity(plain) > similarity(answers[1]) > similarity(answers[2])
    assert {answer[0] for answer in answers} == {plain[0]}
    # AND a maximum of a value holds beside it
    both = service.recommend(A, B, limit=10, diversity={"mmr": 0.3, "field": "category", "max": 1}, fields=["category"])
    assert len(set(values(service, both, "category"))) == 10
    assert items(both) != items(service.recommend(A, B, limit=10, diversity={"field": "category", "max": 1}))


def test_mmr_needs_no_catalogue_and_no_session(model: Model, store: SessionStore) -> None:
    service = service_of(model, None, store)
    plain, diverse = (items(service.recommend(limit=10, **more)) for more in ({}, {"diversity": {"mmr": 0.7}}))
    assert diverse[0] == plain[0]
    assert diverse != plain


def test_an_answer_without_wishes_has_no_more_fields_than_before(service: Service) -> None:
    document = msgspec.to_builtins(service.recommend(A, limit=1))
    assert set(document["recommendations"][0]) == {"item_id", "score"}
