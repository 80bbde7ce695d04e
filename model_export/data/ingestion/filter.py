"""Step 6, filter: without items that are rare in train, and without short sessions."""

import ibis
import ibis.expr.types as ir
from ibis import _

Stages = list[tuple[str, ir.Table]]
"""What each filter removes, in words, and the events that it leaves; a filter that removes nothing is left out."""


def filter_train(train: ir.Table, min_support: int, min_session: int) -> Stages:
    """Drop short sessions, then items of fewer than `min_support` events, then sessions that became short."""
    stages: Stages = []
    left = train
    if min_session > 1:
        left = left.filter(_.length >= min_session)
        stages.append((short(min_session), left))
    if min_support > 1:
        support = left.group_by("item").agg(support=_.count()).filter(_.support >= min_support)
        left = left.semi_join(support, "item")
        stages.append((f"items of fewer than {min_support} events", left))
        if min_session > 1:
            stages.append(("sessions that became too short", _long_enough(left, min_session)))
    return stages


def filter_test(test: ir.Table, catalogue: ir.Table, min_session: int) -> Stages:
    """Drop events whose item is not in `item_id` of the catalogue, then sessions that are short."""
    known = test.semi_join(catalogue, test.item == catalogue.item_id)
    stages = [("items that train does not have", known)]
    return [*stages, (short(min_session), _long_enough(known, min_session))] if min_session > 1 else stages


def short(min_session: int) -> str:
    """Return what the filter of short sessions removes."""
    return f"sessions of fewer than {min_session} events"


def _long_enough(events: ir.Table, min_session: int) -> ir.Table:
    counted = events.mutate(left=_.count().over(ibis.window(group_by="session")))
    return counted.filter(_.left >= min_session).drop("left")
