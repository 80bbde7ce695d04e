"""Replay a session on a model version, event by event, and explain its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from devstack.console.stored_session import StoredEvent, StoredSession
from model_export.evaluation.explain import explain
from nextitem.model.engine import Model

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


def replay_steps(model: Model, session: StoredSession, *, exclude_seen: bool) -> list[Step]:
    """Replay a stored session from its first event.

    Args:
        model: the model version.
        session: from the store.
        exclude_seen: leave the session's items out of each list, as the route does.
    """
    snapshots = {
        snapshot.events: snapshot.hidden for snapshot in session.snapshots if snapshot.version == model.version
    }
    hidden = None
    known: list[int] = []
    steps = []
    for place, event in enumerate(session.events, start=1):
        index = model.vocabulary.index(event.item_id)
        if index is not None:
            known.append(index)
            hidden = model.replay(hidden, [index], types=model.type_codes([event.type]))
        ranked = [] if hidden is None else model.top(hidden, known if exclude_seen else [], TOP, known)
        stored = snapshots.get(place)
        difference = None if stored is None or hidden is None else float(np.abs(stored - hidden).max())
        steps.append(
            Step(
                event.item_id,
                index is not None,
                tuple(model.vocabulary.item_id(item.index) for item in ranked),
                () if hidden is None else tuple(round(float(value), 3) for value in hidden),
                difference,
            )
        )
    return steps


def explain_answer(model: Model, session: Sequence[StoredEvent], limit: int, *, exclude_seen: bool) -> Why:
    """Compute the answer again without each event, and compare.

    Args:
        model: the model version.
        session: its events, oldest first.
        limit: number of recommendations.
        exclude_seen: as for the answer.
    """
    known = [
        (place, index, event.type)
        for place, event in enumerate(session, 1)
        if (index := model.vocabulary.index(event.item_id)) is not None
    ]
    if not known:
        return Why((), None)
    places, events, types = zip(*known, strict=True)
    explanations = explain(model, events, limit, exclude_seen=exclude_seen, types=model.type_codes(types))
    reasons = []
    totals: dict[int, EventEffect] = {}
    for explanation in explanations:
        effects = [
            EventEffect(places[effect.place - 1], model.vocabulary.item_id(effect.item), effect.effect)
            for effect in explanation.effects
        ]
        supporting = max(effects, key=lambda effect: effect.effect, default=None)
        reasons.append(Reason(model.vocabulary.item_id(explanation.item), supporting))
        for effect in effects:
            before = totals[effect.place].effect if effect.place in totals else 0.0
            totals[effect.place] = EventEffect(effect.place, effect.item_id, before + abs(effect.effect))
    return Why(tuple(reasons), max(totals.values(), key=lambda effect: effect.effect, default=None))
