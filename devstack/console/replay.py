"""Replay a session on a model version, event by event, and explain its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from devstack.console.stored_session import StoredEvent, StoredSession
from nextitem.service.ranking import ReplayedSession, known_events, rank, replay_items
from nextitem.service.schema import RankingOptions
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import ParsedOptions

TOP = 20


@dataclass(frozen=True)
class Step:
    """The state of a session after one more event.

    Attributes:
        item_id: of the event.
        known: whether the model knows the item; an unknown one changes nothing.
        top: the best items after it.
        hidden: the hidden state after it, rounded.
        snapshot_difference: largest difference from the stored snapshot of this place; None where there is none.
    """

    item_id: str
    known: bool
    top: tuple[str, ...]
    hidden: tuple[float, ...]
    snapshot_difference: float | None


@dataclass(frozen=True)
class EventEffect:
    """The effect of an event: its place in the session (1 for the oldest), its item, and the change of score."""

    place: int
    item_id: str
    effect: float


@dataclass(frozen=True)
class Reason:
    """A recommendation, and the event with the largest effect on it; None if the session has one event only."""

    item_id: str
    because: EventEffect | None


@dataclass(frozen=True)
class Why:
    """Why a session is recommended what it is.

    Attributes:
        reasons: one for each recommendation, best first.
        moved_most: the event whose absence changes the scores of all of them most, and the sum of these changes.
    """

    reasons: tuple[Reason, ...]
    moved_most: EventEffect | None


def replay_steps(routed: RoutedModel, session: StoredSession) -> list[Step]:
    """Replay a stored session from its first event, and rank after each as the function does, with `explore` 0.

    Args:
        routed: the model version and the items that it serves.
        session: from the store.
    """
    snapshots = {
        snapshot.events: snapshot.hidden
        for snapshot in session.snapshots
        if snapshot.version == routed.snapshot_version
    }
    hidden = None
    steps = []
    for place, event in enumerate(session.events, start=1):
        known, types = known_events(routed, [(event.item_id, event.type)])
        if known:
            hidden = routed.model.replay(hidden, known, routed.items.new_rows, types)
        before = session.events[:place]
        replayed = ReplayedSession(
            "session", [earlier.item_id for earlier in before], [earlier.type for earlier in before], hidden
        )
        ranking = rank(routed, replayed, ParsedOptions(RankingOptions()), TOP, exclude_seen=routed.exclude_seen)
        stored = snapshots.get(place)
        difference = None if stored is None or hidden is None else float(np.abs(stored - hidden).max())
        steps.append(
            Step(
                event.item_id,
                bool(known),
                () if hidden is None else tuple(routed.items.item_id(item.index) for item in ranking.items),
                () if hidden is None else tuple(round(float(value), 3) for value in hidden),
                difference,
            )
        )
    return steps


def explain_answer(routed: RoutedModel, session: Sequence[StoredEvent], limit: int) -> Why:
    """Compute the answer again without each event, and compare.

    Args:
        routed: the model version and the items that it serves.
        session: its events, oldest first.
        limit: number of recommendations.
    """
    places = [place for place, event in enumerate(session) if routed.items.index(event.item_id) is not None]
    if not places:
        return Why((), None)
    options = ParsedOptions(RankingOptions())
    ranking = rank(routed, _replayed(routed, session), options, limit, exclude_seen=routed.exclude_seen)
    items = [routed.items.item_id(item.index) for item in ranking.items]
    scores = _scores(routed, session, items)
    effects: dict[int, dict[str, float]] = {}
    for place in places if len(places) > 1 else ():
        others = _scores(routed, [*session[:place], *session[place + 1 :]], items)
        effects[place] = {item: scores[item] - others[item] for item in items}

    def effect_of(place: int, effect: float) -> EventEffect:
        return EventEffect(place + 1, session[place].item_id, effect)

    reasons = []
    for item in items:
        on_item = [effect_of(place, changes[item]) for place, changes in effects.items()]
        reasons.append(Reason(item, max(on_item, key=lambda effect: effect.effect, default=None)))
    moved = [effect_of(place, sum(map(abs, changes.values()))) for place, changes in effects.items()]
    return Why(tuple(reasons), max(moved, key=lambda effect: effect.effect, default=None))


def _replayed(routed: RoutedModel, events: Sequence[StoredEvent]) -> ReplayedSession:
    item_ids, types = [event.item_id for event in events], [event.type for event in events]
    return replay_items(routed, item_ids, "session", types)


def _scores(routed: RoutedModel, events: Sequence[StoredEvent], items: Sequence[str]) -> dict[str, float]:
    """Return the score of each of some items after some events."""
    options = ParsedOptions(RankingOptions(only=list(items)))
    ranking = rank(routed, _replayed(routed, events), options, len(items))
    return {routed.items.item_id(item.index): item.score for item in ranking.items}
