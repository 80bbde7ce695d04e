"""The story's steps of the learning loop."""

from collections.abc import Callable

from devstack.cloud.actors import Answer
from devstack.cloud.cloud import LocalCloud

Until = Callable[[str, Callable[[], Answer], Callable[[Answer], bool]], Answer]
"""Asks until an answer is as it must be; the text says how."""
DELETED = "/v1/sessions/visitor-2"


def fill_and_compact(cloud: LocalCloud, until: Until, events: int) -> None:
    """Bring all events into the lake, and take those of a deleted session out again.

    Args:
        cloud: with `Learning`.
        until: asks a cold function again.
        events: that were stored so far.
    """
    body = {"events": [{"item_id": "tea-001", "event_id": "deleted-1"}]}
    until(
        "the event is stored",
        lambda: cloud.actors.request(cloud.caller(), "POST", f"{DELETED}/events", body),
        lambda answer: answer.status == 200 and answer.body["stored"],
    )
    (first,) = cloud.schedules.fire("CollectSchedule")
    assert (first["lake_events"], first["lake_lost"], first["lake_streams_left"]) == (events + 1, 0, 0), first
    assert cloud.actors.request(cloud.caller(), "DELETE", DELETED).status == 204
    (second,) = cloud.schedules.fire("CollectSchedule")
    assert (second["lake_events"], second["lake_deletions"]) == (0, 1), second
    (compacted,) = cloud.schedules.fire("CompactSchedule")
    assert (compacted["sessions"], compacted["rewritten"]) == (1, 1), compacted
