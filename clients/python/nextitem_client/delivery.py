"""Send the events of a queue, without input and output: a generator yields the calls. See `exchange`."""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from nextitem_client.calls import Call, append_events
from nextitem_client.errors import NotStored, Refused, RequestFailed
from nextitem_client.event_queue import EventQueue
from nextitem_client.schema import Answer, RankingOptions, now_ms


@dataclass
class Delivery:
    """The outcome of a delivery.

    Attributes:
        answers: the newest answer of each session that got events.
        statuses: the number of events by status, such as ``applied``, ``late``, ``too_old`` (not kept by the service)
            or ``invalid`` (skipped).
        refused: the number of events that the service refused for good; they left the queue, too.
        left: the number of events that are still in the queue.
        fault: why events are left.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    left: int = 0
    fault: RequestFailed | None = None


def deliver(
    queue: EventQueue, options: RankingOptions, clock: Callable[[], int] = now_ms
) -> Generator[Call[Answer], Answer, Delivery]:
    """Yield the calls that empty the queue, and return what became of the events.

    The first failed call ends the delivery, so that a session's events stay in order.

    The service corrects times by its own time less `sent_at`, so it adds the time that a request travels, which
    differs: the first event of a quick request could get a time before the last one of a slow request. `queue.placed`
    has the latest time that a session's last event may have got, and `sent_at` is so much earlier that the next one
    follows it.
    """
    delivery = Delivery()
    while delivery.fault is None and (batch := queue.batch()) is not None:
        lag = max(queue.placed.get(batch.session_id, 0) - batch.events[0].occurred_at, 0)
        started = clock()
        try:
            answer = yield append_events(batch.session_id, batch.events, {**options, "on_invalid": "skip"}, lag)
        except RequestFailed as fault:
            if _is_about_events(fault):
                queue.remove(batch, dropped_as="refused")
                delivery.refused += len(batch.events)
            else:
                delivery.fault = fault
        else:
            delivery.answers[batch.session_id] = answer
            if answer.stored:
                queue.remove(batch)
                delivery.statuses.update(event.status for event in answer.events or ())
            else:
                delivery.fault = NotStored("the session store did not confirm the events; they stay in the queue")
        ended = clock()
        latest = batch.events[-1].occurred_at + lag + max(ended - started, 0)
        queue.placed[batch.session_id] = min(latest, ended)  # the service takes a time in the future as now
    delivery.left = len(queue)
    if not delivery.left:
        queue.placed.clear()  # later events happen later than the answers
    return delivery


def _is_about_events(fault: RequestFailed) -> bool:
    """Return whether the events themselves are at fault, not the options, the token or the URL of the caller."""
    fields = [error.get("field", "") for error in fault.problem.errors] if isinstance(fault, Refused) else []
    return bool(fields) and all(name.startswith(("events", "session_id")) for name in fields)
