"""Types of events: a session is stepped by them, and conversions count for the answer that led to them."""

from collections.abc import Iterator

import pytest

from devstack.services.valkey import Valkey
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.sessions.feedback import Feedback
from nextitem.sessions.session import Answerer
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.service import Service, items

A, B = "board-001", "care-024"
"""Items that the demo model knows."""


@pytest.fixture(scope="module")
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


@pytest.mark.slow
def test_events_are_stepped_by_their_types(service: Service, me: str, model: Model) -> None:
    # GIVEN a model that knows carts, and its answer to a view, a cart and an event of an unknown type
    kinds = ["view", "cart", "no-such-type"]
    assert model.type_codes(kinds) == [0, model.manifest.types.index("cart"), 0]
    known = model.vocabulary.indices([A, A, B])
    ranked = model.top(model.replay(None, known, types=model.type_codes(kinds)), (), 20, known)
    expected = [model.vocabulary.item_id(item.index) for item in ranked]
    typed = [
        {"item_id": item_id, "event_id": str(at), "type": kind}
        for at, (item_id, kind) in enumerate(zip((A, A, B), kinds, strict=True))
    ]
    # WHEN the events come one by one THEN the last answer is the model's, and so is that of the stored session
    for event in typed:
        answer = service.append(me, event)
    assert items(answer) == items(service.get(me)) == expected
    # AND that of a request that stores nothing, or is repeated
    assert items(service.append(me, *typed, store=False)) == items(service.append(me, *typed)) == expected
    # AND views alone lead elsewhere
    assert [item.score for item in service.recommend(A, A, B).recommendations] != [
        item.score for item in answer.recommendations
    ]


def test_clicks_and_conversions_count_for_the_placement_of_their_answer(service: Service, me: str) -> None:
    # GIVEN an answer for the home page, from which a visitor comes to an item
    shown = service.append(me, A, placement="home")
    item_id, answer_id = items(shown)[0], shown.recommendation_id
    assert str(answer_id).endswith("-home")
    assert service.get(me, placement="home").recommendation_id == answer_id
    assert service.get(me).recommendation_id != answer_id
    service.append(me, {"item_id": item_id, "recommendation_id": answer_id}, placement="product-page")
    home = Answerer(shown.model.version, shown.model.variant, "home")
    assert service.record.feedback == (Feedback(home, 1, clicks=1),)
    assert service.record.placement == "product-page"
    # WHEN it goes into the cart, and is bought after another item THEN both are conversions of the home page
    for kind in ("cart", "purchase"):
        service.append(me, {"item_id": item_id, "recommendation_id": answer_id, "type": kind})
        conversions = [each for each in service.record.feedback if each.conversions]
        assert conversions == [Feedback(home, conversions={kind: 1})]
        service.append(me, B)
