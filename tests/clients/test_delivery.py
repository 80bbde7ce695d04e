"""A slow request before a quick one does not change the order of their events."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextitem_client import Answer, Event, EventQueue, NoAnswer
from nextitem_client.delivery import deliver
from nextitem_client.schema import MAX_EVENTS
from tests.clients.scripted_server import ANSWER

FINE = msgspec.convert(ANSWER, Answer)
SKEW = -3_600_000
"""Of the service's clock from ours, in milliseconds."""


@settings(max_examples=30, deadline=None)
@given(
    travels=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000), st.booleans()), min_size=12, max_size=12),
    gap=st.integers(0, 3_000),
)
@pytest.mark.slow
def test_times_on_the_service_keep_the_order_of_the_queue(travels: Sequence[tuple[int, int, bool]], gap: int) -> None:
    # GIVEN four requests' worth of events, and for each request the time to the service, the time back, and its loss
    clock = [10_000_000]
    placed: dict[str, int] = {}
    with EventQueue() as queue:
        added = [Event("tea-001", occurred_at=1_000_000 + place * gap) for place in range(4 * MAX_EVENTS)]
        clock[0] = max(clock[0], added[-1].occurred_at)
        for event in added:
            queue.add("me", event)
        # WHEN they are delivered; after a lost answer, delivered again
        waits = iter(travels)
        while len(queue):
            steps = deliver(queue, {}, clock=lambda: clock[0])
            try:
                call = next(steps)
                while True:
                    there, back, is_lost = next(waits, (0, 0, False))
                    sent_at = clock[0] - call.lag
                    clock[0] += there
                    arrived = clock[0] + SKEW
                    for event in call.fields["events"]:
                        placed.setdefault(event.event_id, min(event.occurred_at + arrived - sent_at, arrived))
                    clock[0] += back
                    call = steps.throw(NoAnswer("lost")) if is_lost else steps.send(FINE)
            except StopIteration:
                pass
    # THEN the times that the service gave them are in the order of the queue
    times = [placed[event.event_id] for event in added]
    assert times == sorted(times)


def test_events_apart_keep_their_times() -> None:
    # GIVEN 65 events a minute apart
    with EventQueue() as queue:
        for place in range(MAX_EVENTS + 1):
            queue.add("me", Event("tea-001", occurred_at=place * 60_000))
        # WHEN the first request takes 5 seconds
        clock = iter([10_000_000, 10_005_000, 10_005_000, 10_006_000])
        steps = deliver(queue, {}, clock=lambda: next(clock))
        next(steps)
        # THEN the second one says when it is sent
        assert steps.send(FINE).lag == 0
        steps.close()
