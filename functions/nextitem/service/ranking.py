"""Rank the catalogue for a session or for bare items: replay the events, then score the items."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import RankedItem
from nextitem.service.router import RoutedModel
from nextitem.service.schema import RankingOptions, Recommendation, ServedBy
from nextitem.sessions.session import SessionRecord


class ReplayedSession(NamedTuple):
    """The items that a visitor looked at, and the hidden state that they led to.

    Attributes:
        source: the `served_by` of an answer that is based on it.
        item_ids: oldest first; the model may not know all of them.
        hidden: the hidden state, or None if the model knows none of the items.
        replayed: the number of events replayed after the session's snapshot; without a snapshot, all events.
    """

    source: ServedBy
    item_ids: Sequence[str]
    hidden: HiddenState | None
    replayed: int = 0


class Ranking(NamedTuple):
    """Items by descending score, and what they are based on, for `served_by`."""

    served_by: ServedBy
    items: list[RankedItem]


def replay_session(routed: RoutedModel, session: SessionRecord) -> ReplayedSession:
    """Replay the events of a session that its snapshot does not cover."""
    hidden, entries = session.replay_from()
    known, types = _known(routed, ((entry.item_id, entry.type) for entry in entries))
    if hidden is not None or known:
        hidden = routed.model.replay(hidden, known, routed.items.new_rows, types)
    return ReplayedSession("session", session.item_ids, hidden, len(entries))


def replay_items(
    routed: RoutedModel, item_ids: Sequence[str], source: ServedBy = "stateless", types: Sequence[str] | None = None
) -> ReplayedSession:
    """Replay items, oldest first, as if they were a whole session: of views, unless `types` has the types of events."""
    known, codes = _known(routed, zip(item_ids, types or [VIEW] * len(item_ids), strict=True))
    hidden = routed.model.replay(None, known, routed.items.new_rows, codes) if known else None
    return ReplayedSession(source, item_ids, hidden)


def _known(routed: RoutedModel, events: Iterable[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """Return index and type of each event whose item is known."""
    items = routed.items
    known = [(index, event_type) for item_id, event_type in events if (index := items.index(item_id)) is not None]
    return [index for index, _ in known], routed.model.type_codes(event_type for _, event_type in known)


def rank(
    routed: RoutedModel, replay: ReplayedSession, options: RankingOptions, k: int, *, exclude_seen: bool = False
) -> Ranking:
    """Rank the catalogue, or the candidates in `options.only`, and return the best.

    Without a hidden state the most popular items of the training data are returned.

    Args:
        routed: the model that answers.
        replay: the replayed session.
        options: which items to rank and which to exclude; its `limit` and `exclude_seen` are not used here.
        k: how many items to return; fewer come back where there are no more.
        exclude_seen: whether to leave out the session's items.
    """
    model, items = routed.model, routed.items
    exclude = items.indices((*options.exclude, *replay.item_ids) if exclude_seen else options.exclude)
    only = None if options.only is None else items.indices(options.only)
    if replay.hidden is None:
        return Ranking("popular", model.popular(exclude, k, only, items.unavailable))
    session = items.indices(replay.item_ids) if model.has_memory else ()
    barred, new_rows = items.unavailable, items.new_rows
    if only is None:
        return Ranking(replay.source, model.top(replay.hidden, exclude, k, session, barred, new_rows))
    return Ranking(replay.source, model.rank(replay.hidden, only, exclude, k, session, barred, new_rows))


def recommendations(routed: RoutedModel, items: Sequence[RankedItem]) -> list[Recommendation]:
    """Return ranked items as clients see them: by their ids, with rounded scores."""
    item_id = routed.items.item_id
    return [Recommendation(item_id(item.index), round(item.score, 6)) for item in items]
