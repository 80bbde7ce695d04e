"""Time-decayed counts of what visitors look at, over all sessions.

A count names no session and no visitor. An event of now counts 1, one of a half-life ago 1/2.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from nextitem.deadline import Deadline
from nextitem.sessions.session import PendingSave

CAPACITY = 500
"""Maximum number of items with a count, over the whole catalogue and in each group."""
MAX_GROUPS = 4
"""Maximum number of groups in which one event counts."""


class Count(NamedTuple):
    """One event to count: its item, its time in epoch milliseconds, and the groups of its item, such as categories."""

    item_id: str
    at: int
    groups: tuple[str, ...] = ()


class Trend(NamedTuple):
    """An item; its score is its time-decayed count of events."""

    item_id: str
    score: float


class Trends(Protocol):
    """Counts of trending items. Each method raises `StoreUnavailable` if the store does not answer in time."""

    def count(self, counts: Sequence[Count], deadline: Deadline) -> PendingSave:
        """Send events to count. It neither raises nor waits: `PendingSave.result` does both."""

    def top(self, group: str | None, now: int, deadline: Deadline) -> list[Trend]:
        """Return the items with the highest counts, highest first, at most `CAPACITY`.

        Args:
            group: a group; None for the whole catalogue.
            now: epoch milliseconds.
            deadline: when to give up.
        """
