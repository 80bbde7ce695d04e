"""Rank the catalogue for a session or for bare items: replay the events, then score the items."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import RankedItem
from nextitem.service.schema import Reason, ServedBy
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.compose import Placement, compose
from nextitem.service.steering.parsed_options import ParsedOptions, plan_of
from nextitem.service.steering.ranker import PopularRanker, Ranker, SessionRanker
from nextitem.sessions.session import SessionRecord


class ReplayedSession(NamedTuple):
    """The items that a visitor looked at, and the hidden state that they led to.

    Attributes:
        source: the `served_by` of an answer that is based on it.
        item_ids: oldest first; the model may not know all of them.
        types: the type of each event.
        hidden: the hidden state, or None if the model knows none of the items.
        replayed: the number of events replayed after the session's snapshot; without a snapshot, all events.
        seed: names the log, for what is drawn: see `steering.exploration`.
    """

    source: ServedBy
    item_ids: Sequence[str]
    types: Sequence[str]
    hidden: HiddenState | None
    replayed: int = 0
    seed: bytes = b""


class Ranking(NamedTuple):
    """Items in the order of their places, and what they are based on, for `served_by`."""

    served_by: ServedBy
    items: list[RankedItem]
    placements: Mapping[int, Placement] = {}
    """Why an item has a place that its score did not give it, by its index."""


class Explanation(NamedTuple):
    """Why an item is in an answer, and the id of the session's item that moved it most; None where not asked for."""

    reason: Reason | None = None
    because: str | None = None


def replay_session(routed: RoutedModel, session: SessionRecord) -> ReplayedSession:
    """Replay the events of a session that its snapshot does not cover."""
    hidden, entries = session.replay_from()
    known, types = known_events(routed, ((entry.item_id, entry.type) for entry in entries))
    if hidden is not None or known:
        hidden = routed.model.replay(hidden, known, routed.items.new_rows, types)
    types_of_log = [entry.type for entry in session.log]
    seed = session.log[-1].chain if session.log else b""
    return ReplayedSession("session", session.item_ids, types_of_log, hidden, len(entries), seed)


def replay_items(
    routed: RoutedModel, item_ids: Sequence[str], source: ServedBy = "stateless", types: Sequence[str] | None = None
) -> ReplayedSession:
    """Replay items, oldest first, as if they were a whole session: of views, unless `types` has the types of events."""
    types = types or [VIEW] * len(item_ids)
    known, codes = known_events(routed, zip(item_ids, types, strict=True))
    hidden = routed.model.replay(None, known, routed.items.new_rows, codes) if known else None
    return ReplayedSession(source, item_ids, types, hidden, seed=blake2b("\n".join(item_ids).encode()).digest())


def known_events(routed: RoutedModel, events: Iterable[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """Return index and type of each event whose item is known."""
    items = routed.items
    known = [(index, event_type) for item_id, event_type in events if (index := items.index(item_id)) is not None]
    return [index for index, _ in known], routed.model.type_codes(event_type for _, event_type in known)


def rank_as_wished(routed: RoutedModel, replay: ReplayedSession, parsed: ParsedOptions, k: int) -> Ranking:
    """Rank with `exclude_seen` and `explore` of the request, or where it is silent, of the route; see `rank`."""
    options = parsed.options
    exclude_seen = routed.exclude_seen if options.exclude_seen is None else options.exclude_seen
    explore = routed.explore if options.explore is None else options.explore
    return rank(routed, replay, parsed, k, exclude_seen=exclude_seen, explore=explore)


def rank(
    routed: RoutedModel,
    replay: ReplayedSession,
    parsed: ParsedOptions,
    k: int,
    *,
    exclude_seen: bool = False,
    explore: float = 0.0,
) -> Ranking:
    """Rank the items that the options allow, and return the best in the order of the shop's rules.

    Without a hidden state the most popular items of the training data are ranked.

    Args:
        routed: the model that answers.
        replay: the replayed session.
        parsed: the options; their `limit`, `exclude_seen` and `explore` are not used here.
        k: how many items to return; fewer come back where there are no more.
        exclude_seen: whether to leave out the session's items.
        explore: the share of places that new items get beyond their scores.
    """
    items, excluded = routed.items, parsed.options.exclude
    exclude = items.indices((*excluded, *replay.item_ids) if exclude_seen else excluded)
    plan = plan_of(parsed, routed, replay.item_ids, exclude)
    source: ServedBy = "popular"
    ranker: Ranker = PopularRanker(routed)
    if replay.hidden is not None:
        session = items.indices(replay.item_ids) if routed.model.has_memory else ()
        source, ranker = replay.source, SessionRanker(routed, replay.hidden, session)
    if explore and len(items) > items.of_model:
        from nextitem.service.steering.exploration import explored  # imported lazily: most routes have no new items

        plan = explored(plan, explore, ranker, items, replay.seed)
    return Ranking(source, *compose(ranker, plan, k))
