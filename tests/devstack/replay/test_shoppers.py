"""A replay sends the views of each session in their order and keeps every response."""

import asyncio
from collections.abc import Callable

from devstack.replay.shoppers import Visit, replay
from model_export.simulator import Session
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


def test_failures_are_kept_and_do_not_stop_the_replay(serve: Callable[..., Toy]) -> None:
    toy = serve("shopkeeper.handler")

    (visit,) = asyncio.run(replay(toy.served.url, [session("s", "broken", "refused", "tea")], lambda: None))

    assert isinstance(visit, Visit)
    assert [call.status for call in visit.calls] == [503, 422, 200]
    assert [call.recommended for call in visit.calls[:2]] == [(), ()]
    assert visit.hits() == [False, False]
