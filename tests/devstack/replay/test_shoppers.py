"""A replay sends the events of each session in their order and keeps every response."""

import asyncio
from collections.abc import Callable

from devstack.replay.shoppers import Visit, replay
from model_export.simulator import Action, EventType, Session
from tests.devstack.conftest import Toy


def session(name: str, *item_ids: str) -> Session:
    return Session(name, item_ids, tuple(float(n) for n in range(len(item_ids))), ())


def test_sessions_are_replayed(serve: Callable[..., Toy]) -> None:
    toy = serve("shopkeeper.handler", max_workers=2)
    sessions = [session(f"s-{n}", f"i-{n}", f"next-to-i-{n}", "other") for n in range(20)]
    done: list[None] = []

    visits = asyncio.run(replay(toy.served.url, sessions, lambda: done.append(None)))

    assert sorted(visit.item_ids for visit in visits) == sorted(session.item_ids for session in sessions)
    assert len(done) == 20
    for visit in visits:
        assert [call.status for call in visit.calls] == [200] * 3
        assert [call.recommended for call in visit.calls] == [(f"next-to-{i}", i) for i in visit.item_ids]
        assert {call.served_by for call in visit.calls} == {"session"}
        assert all(call.milliseconds > 0 for call in visit.calls)
        assert visit.hits() == [True, False]


def test_carts_are_sent_in_their_order_and_are_no_next_items(serve: Callable[..., Toy]) -> None:
    # GIVEN a shopper who puts the first item into the cart, looks at another one, and buys the first
    toy = serve("shopkeeper.handler")
    cart, purchase = Action("tea", 0.5, EventType.CART), Action("tea", 1.5, EventType.PURCHASE)
    shopper = Session("s", ("tea", "next-to-tea"), (0.0, 1.0), (), (cart, purchase))
    # WHEN the session is replayed
    (visit,) = asyncio.run(replay(toy.served.url, [shopper], lambda: None))
    # THEN each event is a request with its type, and only the view of a new item is a next item
    assert visit.item_ids == ("tea", "tea", "next-to-tea", "tea")
    assert [call.recommended[1:] for call in visit.calls] == [
        ("tea",),
        ("tea", "cart"),
        ("next-to-tea",),
        ("tea", "purchase"),
    ]
    assert visit.hits() == [True]


def test_failures_are_kept_and_do_not_stop_the_replay(serve: Callable[..., Toy]) -> None:
    toy = serve("shopkeeper.handler")

    (visit,) = asyncio.run(replay(toy.served.url, [session("s", "broken", "refused", "tea")], lambda: None))

    assert isinstance(visit, Visit)
    assert [call.status for call in visit.calls] == [503, 422, 200]
    assert [call.recommended for call in visit.calls[:2]] == [(), ()]
    assert visit.hits() == [False, False]
