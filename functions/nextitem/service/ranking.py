"""Rank the catalogue for a session or for bare items: replay the events, then score the items."""

from collections.abc import Sequence
from typing import NamedTuple

from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model, RankedItem
from nextitem.service.schema import RankingOptions, Recommendation, ServedBy
from nextitem.sessions.session import SessionRecord


class History(NamedTuple):
    """The items that a visitor looked at, and the hidden state that they led to.

    Attributes:
        source: the `served_by` of an answer that this history leads to.
        item_ids: oldest first; the model may not know all of them.
        hidden: the hidden state, or None if the model knows none of the items.
        replayed: the number of events replayed after the session's snapshot; without a snapshot, all events.
    """

    source: ServedBy
    item_ids: Sequence[str]
    hidden: HiddenState | None
    replayed: int = 0


class Ranking(NamedTuple):
    """Items by descending score, and the history that they are based on."""

    served_by: ServedBy
    items: list[RankedItem]


def replay_session(model: Model, session: SessionRecord) -> History:
    """Replay the events of a session that its snapshot does not cover."""
    hidden, entries = session.replay_from()
    known = model.vocabulary.indices(entry.item_id for entry in entries)
    if hidden is not None or known:
        hidden = model.replay(hidden, known)
    return History("session", session.item_ids, hidden, len(entries))


def replay_items(model: Model, item_ids: Sequence[str]) -> History:
    """Replay items, oldest first, as if they were a whole session."""
    known = model.vocabulary.indices(item_ids)
    return History("stateless", item_ids, model.replay(None, known) if known else None)


def rank(model: Model, history: History, options: RankingOptions, k: int) -> Ranking:
    """Rank the catalogue, or the candidates in `options.only`, and return the best.

    Without a hidden state the most popular items of the training data are returned.

    Args:
        model: the model that answers.
        history: what the visitor looked at.
        options: which items to rank and which to exclude; its `limit` is not used here.
        k: how many items to return; fewer come back where there are no more.
    """
    vocabulary = model.vocabulary
    exclude = vocabulary.indices((*options.exclude, *history.item_ids) if options.exclude_seen else options.exclude)
    only = None if options.only is None else vocabulary.indices(options.only)
    if history.hidden is None:
        return Ranking("popular", model.popular(exclude, k, only))
    session = vocabulary.indices(history.item_ids) if model.has_memory else ()
    if only is None:
        return Ranking(history.source, model.top(history.hidden, exclude, k, session))
    return Ranking(history.source, model.rank(history.hidden, only, exclude, k, session))


def recommendations(model: Model, items: Sequence[RankedItem]) -> list[Recommendation]:
    """Return ranked items as clients see them: by their ids, with rounded scores."""
    item_id = model.vocabulary.item_id
    return [Recommendation(item_id(item.index), round(item.score, 6)) for item in items]
