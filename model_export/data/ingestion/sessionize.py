"""From events to sessions, and from sessions to train and test: every rule is one expression, whatever runs it.

Events of equal times in one session are put in order of their item ids: rows of a large data set have no order.
Knows nothing of files, and of how an expression is run only whom to ask for a figure.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from model_export.data.eventfile.reader import SECONDS_PER_MINUTE
from model_export.data.preparation.config import PrepareConfig
from model_export.data.preparation.engine import Engine
from model_export.data.sessions import FIRST_EPOCH_SECOND
from model_export.data.split import DAY_SECONDS, LATEST_SHARE
from nextitem.errors import InputError


@dataclass(frozen=True)
class Parts:
    """What is to be written.

    Attributes:
        train: `session_id`, `item_id`, `timestamp` of the training events, by start and id of the session, then time.
        test: those of the test events, in the same order; their items occur in train.
        catalogue: `item_id` and `events`, the training events of each item, in order of the ids' UTF-8 bytes.
        counts: what went in, and what the split rests on.
    """

    train: ir.Table
    test: ir.Table
    catalogue: ir.Table
    counts: dict[str, int | float]


def cut(engine: Engine, events: ir.Table, config: PrepareConfig) -> Parts:
    """Cut, split and filter.

    Args:
        engine: runs what must be known before the next expression can be written.
        events: `owner`, `item`, `time`, as `checking.events_of` returns them.
        config: the rules.

    Raises:
        InputError: nothing is left on one side.
    """
    known = engine.row(events.aggregate(last=events.time.max(), whole=(events.time == events.time.floor()).all())) or {}
    is_epoch = known["last"] >= FIRST_EPOCH_SECOND
    sessions = engine.kept("sessions", _sessions(events, config, is_epoch))
    starts = sessions.group_by("session").agg(start=_.start.min(), events=_.count())
    kept = starts.filter(_.events <= config.max_session)
    counts = (
        engine.row(
            starts.aggregate(
                events=_.events.sum(),
                sessions=_.count(),
                too_long=(_.events > config.max_session).ifelse(1, 0).sum(),
                last_start=(_.events <= config.max_session).ifelse(_.start, None).max(),
            )
        )
        or {}
    )
    if counts["sessions"] == counts["too_long"]:
        raise InputError(f"every session has more than {config.max_session} events: the ids are no sessions' or users'")
    first = _first_of_test(engine, kept, config, counts, is_epoch)
    sessions = sessions.filter(_.length <= config.max_session).mutate(
        in_test=(_.start > first["start"]) | ((_.start == first["start"]) & (_.session >= first["session"]))
    )
    train, catalogue = _train(engine, sessions.filter(~_.in_test), config)
    test = _long_enough(sessions.filter(_.in_test).semi_join(catalogue, sessions.item == catalogue.item_id), config)
    figures = {"events": counts["events"], "sessions": counts["sessions"], "too_long": counts["too_long"]}
    return Parts(
        train=_ordered(train, known["whole"]),
        test=_ordered(test, known["whole"]),
        catalogue=catalogue.order_by("item_id"),
        counts={**{name: int(value) for name, value in figures.items()}, "cutoff": float(first["start"])},
    )


def _sessions(events: ir.Table, config: PrepareConfig, is_epoch: bool) -> ir.Table:
    """Events with `session`, its `start` and its `length`."""
    if config.columns.user is None:
        cut_events = events.mutate(session=_.owner)
    elif not is_epoch:
        cut_events = events.mutate(session=_.owner + "-1")  # a running index has no gaps
    else:
        past = ibis.window(group_by="owner", order_by=["time", "item"])
        gap = config.columns.gap_minutes * SECONDS_PER_MINUTE
        cut_events = events.mutate(begins=((_.time - _.time.lag().over(past)) > gap).ifelse(1, 0)).mutate(
            number=_.begins.sum().over(ibis.cumulative_window(group_by="owner", order_by=["time", "item"]))
        )
        cut_events = cut_events.mutate(session=_.owner + "-" + (_.number + 1).cast("string"))
    whole = ibis.window(group_by="session")
    return cut_events.mutate(start=_.time.min().over(whole), length=_.count().over(whole)).select(
        "session", "item", "time", "start", "length"
    )


def _first_of_test(
    engine: Engine, starts: ir.Table, config: PrepareConfig, counts: dict[str, Any], is_epoch: bool
) -> dict[str, Any]:
    """Start and id of the session that test begins with, in order of both; as `split.split_by_time` has it."""
    if is_epoch:
        last_day = int(counts["last_start"] // DAY_SECONDS)
        return {"start": float((last_day - config.test_days + 1) * DAY_SECONDS), "session": ""}
    sessions = counts["sessions"] - counts["too_long"]
    latest = max(1, round(sessions * LATEST_SHARE))
    by_last = starts.order_by(ibis.desc("start"), ibis.desc("session")).limit(1, offset=latest - 1)
    return engine.row(by_last.select("start", "session")) or {}


def _train(engine: Engine, sessions: ir.Table, config: PrepareConfig) -> tuple[ir.Table, ir.Table]:
    """Training events, and their catalogue with counts."""
    long = sessions.filter(_.length >= config.min_session)
    support = long.group_by("item").agg(support=_.count()).filter(_.support >= config.min_support)
    train = engine.kept("train", _long_enough(long.semi_join(support, "item"), config))
    return train, engine.kept("catalogue", train.group_by(item_id="item").agg(events=_.count()))


def _long_enough(events: ir.Table, config: PrepareConfig) -> ir.Table:
    """Events of the sessions that still have enough of them."""
    counted = events.mutate(left=_.count().over(ibis.window(group_by="session")))
    return counted.filter(_.left >= config.min_session).drop("left")


def _ordered(events: ir.Table, whole: bool) -> ir.Table:
    return events.order_by("start", "session", "time", "item").select(
        session_id="session", item_id="item", timestamp=_.time.cast("int64") if whole else _.time
    )
