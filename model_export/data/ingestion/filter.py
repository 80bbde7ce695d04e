"""Step 6, filter: without items that are rare in train, and without short sessions."""

import ibis
import ibis.expr.types as ir
from ibis import _


def filter_train(train: ir.Table, min_support: int, min_session: int) -> ir.Table:
    """Drop short sessions, then items of fewer than `min_support` events, then sessions that became short."""
    long = train.filter(_.length >= min_session)
    support = long.group_by("item").agg(support=_.count()).filter(_.support >= min_support)
    return _long_enough(long.semi_join(support, "item"), min_session)


def filter_test(test: ir.Table, catalogue: ir.Table, min_session: int) -> ir.Table:
    """Drop events whose item is not in `item_id` of the catalogue, then sessions that are short."""
    return _long_enough(test.semi_join(catalogue, test.item == catalogue.item_id), min_session)


def _long_enough(events: ir.Table, min_session: int) -> ir.Table:
    counted = events.mutate(left=_.count().over(ibis.window(group_by="session")))
    return counted.filter(_.left >= min_session).drop("left")
