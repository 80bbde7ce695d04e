"""Intents do what they are called."""

from collections import Counter
from itertools import pairwise, takewhile

import pytest

from model_export.simulator import CATEGORIES, Intent, Session, Shop

CATEGORY = {category.prefix: category for category in CATEGORIES}


def steps(traffic: tuple[Session, ...]) -> list[tuple[str, str, Intent]]:
    """Every (item before, item, intent) of the traffic that no whim disturbs."""
    return [
        (before, item, intent)
        for session in traffic
        for (before, earlier), (item, intent) in pairwise(zip(session.item_ids, session.intents, strict=True))
        if Intent.WHIM not in (earlier, intent)
    ]


def is_accessory(event: tuple[str, Intent]) -> bool:
    return event[1] is Intent.ACCESSORIES


def share(facts: list[bool]) -> float:
    return sum(facts) / len(facts)


def test_every_intent_has_its_share(traffic: tuple[Session, ...]) -> None:
    counts = Counter(intent for session in traffic for intent in session.intents)
    assert set(counts) == set(Intent)
    assert min(counts.values()) / counts.total() > 0.02
    assert counts[Intent.WHIM] / counts.total() == pytest.approx(0.05, abs=0.02)


def test_comparing_shoppers_return_to_what_they_saw(traffic: tuple[Session, ...]) -> None:
    returns: dict[Intent, list[bool]] = {Intent.COMPARE: [], Intent.BROWSE: []}
    for session in traffic:
        for at in range(2, len(session.item_ids)):
            intents = set(session.intents[at - 2 : at + 1])
            if len(intents) == 1 and (intent := intents.pop()) in returns:
                returns[intent].append(session.item_ids[at] in session.item_ids[:at])
    assert share(returns[Intent.COMPARE]) > 0.7
    assert share(returns[Intent.COMPARE]) > 1.5 * share(returns[Intent.BROWSE])


def test_browsing_and_comparing_stay_in_the_category(shop: Shop, traffic: tuple[Session, ...]) -> None:
    for session in traffic:
        looks = zip(session.item_ids, session.intents, strict=True)
        for (before, earlier), (item, intent) in pairwise(looks):
            if earlier is intent and intent in (Intent.BROWSE, Intent.COMPARE):
                assert shop.product(before).category == shop.product(item).category


def test_browsing_keeps_to_a_brand_or_a_price(shop: Shop, traffic: tuple[Session, ...]) -> None:
    pairs = [
        (shop.product(before), shop.product(item))
        for before, item, intent in steps(traffic)
        if intent is Intent.BROWSE and shop.product(before).category == shop.product(item).category
    ]
    assert share([left.brand == right.brand for left, right in pairs]) > 0.4
    others = [
        max(left.price, right.price) / min(left.price, right.price)
        for left, right in pairs
        if left.brand != right.brand
    ]
    assert sorted(others)[len(others) // 2] < 1.3


def test_accessories_belong_to_a_product_seen_before(shop: Shop, traffic: tuple[Session, ...]) -> None:
    belongs: dict[Intent, list[bool]] = {Intent.ACCESSORIES: [], Intent.WHIM: []}
    for session in traffic:
        categories = [shop.product(item_id).category for item_id in session.item_ids]
        for at in range(1, len(categories)):
            if (intent := session.intents[at]) in belongs:
                wanted = {prefix for seen in categories[:at] for prefix in CATEGORY[seen].accessories}
                belongs[intent].append(categories[at] in wanted)
    # A whim complements an item seen before only by accident.
    assert all(belongs[Intent.ACCESSORIES])
    assert share(belongs[Intent.WHIM]) < 0.5


def test_accessories_come_in_the_order_of_need(shop: Shop, traffic: tuple[Session, ...]) -> None:
    in_order: list[bool] = []
    for session in traffic:
        order = CATEGORY[shop.product(session.item_ids[0]).category].accessories
        events = zip(session.item_ids, session.intents, strict=True)
        opening = [shop.product(item_id).category for item_id, _ in takewhile(is_accessory, events)]
        if len(opening) > 2:
            in_order.append(opening[1:] == [prefix for prefix in order if prefix in opening[1:]])
    # Rarely a drift to the product in view makes two runs look like one.
    assert len(in_order) > 1000
    assert share(in_order) > 0.98


def test_drifting_leads_to_a_related_category(shop: Shop, traffic: tuple[Session, ...]) -> None:
    drifts = [
        (shop.product(session.item_ids[at - 1]).category, shop.product(session.item_ids[at]).category)
        for session in traffic
        for at in range(1, len(session.item_ids))
        if session.intents[at] is Intent.DRIFT and session.intents[at - 1] in (Intent.BROWSE, Intent.COMPARE)
    ]
    assert drifts
    assert all(to in CATEGORY[here].related for here, to in drifts)
