"""How the demo's sessions connect items."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model_export.simulator import Session

NEIGHBOURS = 12
SESSIONS_SHOWN = 12


@dataclass(frozen=True)
class Neighbour:
    """An item, and the number of sessions that connect it."""

    item_id: str
    sessions: int


@dataclass(frozen=True)
class DemoSession:
    """A session of the demo with an item in it."""

    session_id: str
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class ItemView:
    """An item: its neighbours, the items that followed it directly, and sessions that have it."""

    item_id: str
    sessions_with_it: int
    sessions_counted: int
    neighbours: tuple[Neighbour, ...]
    followers: tuple[Neighbour, ...]
    sessions: tuple[DemoSession, ...]


def item_view(item_id: str, sessions: Sequence[Session]) -> ItemView:
    """Count an item's neighbours in some sessions."""
    having = [session for session in sessions if item_id in session.item_ids]
    together = Counter(other for session in having for other in set(session.item_ids) - {item_id})
    followers = Counter(
        after
        for session in having
        for after in {after for item, after in pairwise(session.item_ids) if item == item_id and after != item_id}
    )
    return ItemView(
        item_id,
        len(having),
        len(sessions),
        _most_common(together),
        _most_common(followers),
        tuple(DemoSession(session.session_id, session.item_ids) for session in having[:SESSIONS_SHOWN]),
    )


def _most_common(counts: Counter[str]) -> tuple[Neighbour, ...]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Neighbour(item_id, count) for item_id, count in ranked[:NEIGHBOURS])
