"""Likes, carts and purchases: rates, order, and what they say about the walk."""

from collections import Counter
from itertools import pairwise

import pytest

from model_export.simulator import EventType, Intent, Session, Shop
from model_export.simulator.actions import actions_of
from model_export.simulator.chance import Chance
from model_export.simulator.shopper import Step


@pytest.mark.slow
def test_each_type_has_a_plausible_rate(traffic: tuple[Session, ...]) -> None:
    counts = Counter(event.type for session in traffic for event in session.events())
    views = counts[EventType.VIEW]
    assert views == sum(len(session.item_ids) for session in traffic)
    assert 0.08 < counts[EventType.CART] / views < 0.15
    assert 0.03 < counts[EventType.PURCHASE] / views < 0.06
    assert 0.015 < counts[EventType.LIKE] / views < 0.025
    buyers = sum(any(action.type is EventType.PURCHASE for action in session.actions) for session in traffic)
    assert 0.1 < buyers / len(traffic) < 0.2


def test_only_items_in_the_cart_are_bought_and_only_seen_items_are_in_it(traffic: tuple[Session, ...]) -> None:
    for session in traffic[:3000]:
        seen: set[str] = set()
        cart: set[str] = set()
        for event in session.events():
            match event.type:
                case EventType.VIEW:
                    seen.add(event.item_id)
                case EventType.LIKE:
                    assert event.item_id in seen
                case EventType.CART:
                    assert event.item_id in seen - cart
                    cart.add(event.item_id)
                case EventType.PURCHASE:
                    assert event.item_id in cart
                    cart.remove(event.item_id)


def test_a_cart_announces_accessories(traffic: tuple[Session, ...]) -> None:
    follows: dict[bool, list[bool]] = {True: [], False: []}
    for session in traffic:
        in_cart = {(action.item_id, action.time) for action in session.actions if action.type is EventType.CART}
        looks = list(zip(session.item_ids, session.times, session.intents, strict=True))
        for (item_id, time, intent), (_, next_time, next_intent) in pairwise(looks):
            if intent is not Intent.ACCESSORIES:
                carted = any(item == item_id and time <= at <= next_time for item, at in in_cart)
                follows[carted].append(next_intent is Intent.ACCESSORIES)
    share = {carted: sum(facts) / len(facts) for carted, facts in follows.items()}
    assert share[True] > 2 * share[False]


def test_actions_come_in_order_and_before_the_end() -> None:
    # GIVEN walks whose last view is half a second before the end
    shop = Shop()
    actions = [
        tuple(actions_of([Step(product, Intent.ACCESSORIES)] * 2, (10.0, 20.0), 20.5, Chance("end", product.item_id)))
        for product in shop.products
    ]
    # WHEN shoppers act THEN each does so in the order of time, after the first view and before the end
    assert sum(map(len, actions)) > 50
    for several in actions:
        times = [action.time for action in several]
        assert times == sorted(times)
        assert all(10 < time < 20.5 for time in times)
