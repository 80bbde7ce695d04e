"""Slice the targets by type, place in the session, popularity, novelty, time of day and day."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.protocol import target_events

Mask = NDArray[np.bool_]

RECENT_DAYS = 7
"""An item is recent if its last event is at most this long before the end of train."""

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
BAND_HOURS = 6

_PLACES = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))
"""First and last number of events before the target, for each slice by place."""


class Slice(NamedTuple):
    """A part of the targets.

    Attributes:
        by: the property that the targets are sliced by.
        name: its value in this slice.
        targets: bool[targets], in the order of `protocol.target_events`; at least one is True.
    """

    by: str
    name: str
    targets: Mask


def slices(test: Sessions, train: Sessions | None) -> list[Slice]:
    """Return every slice. A property with the same value for all targets gives none.

    Args:
        test: sessions recoded to the train catalogue.
        train: the training sessions over the same catalogue; without them there are no slices by item.
    """
    events = target_events(test)
    codes = test.codes[events]
    properties = {
        "type of the target": {name: test.type_codes[events] == code for code, name in enumerate(test.types)},
        "events before the target": _by_place(test, events),
        "the target in its session": _by_repeat(test, events),
        "time of day": _by_hour(test.times[events]) if test.is_epoch else {},
    }
    if train is not None:
        thirds = _popularity_thirds(train)
        properties["popularity of the target"] = {name: items[codes] for name, items in thirds.items()}
        properties["the target in train"] = _by_recency(train, codes) if train.is_epoch else {}
    present = {
        by: {name: targets for name, targets in masks.items() if targets.any()} for by, masks in properties.items()
    }
    return [
        Slice(by, name, targets) for by, masks in present.items() if len(masks) > 1 for name, targets in masks.items()
    ]


def days(test: Sessions) -> list[Slice]:
    """Return a slice for each UTC day that has a target, in their order; none without a calendar.

    Args:
        test: sessions recoded to the train catalogue.
    """
    if not test.is_epoch:
        return []
    numbers = (test.times[target_events(test)] // DAY_SECONDS).astype(np.int64)
    return [Slice("UTC day", _date(day), numbers == day) for day in np.unique(numbers).tolist()]


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_SECONDS, UTC).date().isoformat()


def sessions_of_targets(test: Sessions) -> NDArray[np.int64]:
    """Return the session index of each target, int64[targets], in the order of `protocol.target_events`."""
    return np.repeat(np.arange(len(test)), test.lengths)[target_events(test)]


def _by_place(test: Sessions, events: NDArray[np.int64]) -> dict[str, Mask]:
    before = events - test.offsets[sessions_of_targets(test)]
    masks = {}
    for first, last in _PLACES:
        name = f"{first} or more" if last is None else str(first) if first == last else f"{first} to {last}"
        masks[name] = (before >= first) & (before <= (last if last is not None else np.inf))
    return masks


def _by_repeat(test: Sessions, events: NDArray[np.int64]) -> dict[str, Mask]:
    owners = np.repeat(np.arange(len(test)), test.lengths)
    first = np.zeros(len(test.codes), dtype=np.bool_)
    first[np.unique(owners * len(test.catalogue) + test.codes, return_index=True)[1]] = True
    return {"new": first[events], "seen before": ~first[events]}


def _by_hour(times: NDArray[np.float64]) -> dict[str, Mask]:
    band = (times % DAY_SECONDS).astype(np.int64) // (BAND_HOURS * HOUR_SECONDS)
    return {
        f"{BAND_HOURS * number:02}-{BAND_HOURS * (number + 1):02} UTC": band == number
        for number in range(24 // BAND_HOURS)
    }


def _popularity_thirds(train: Sessions) -> dict[str, Mask]:
    """Return items by thirds of the training events, bool[items] each; the head has the most popular items."""
    counts = np.bincount(train.codes, minlength=len(train.catalogue))
    order = np.argsort(-counts, kind="stable")
    before = np.empty(len(counts), dtype=np.int64)
    before[order] = np.cumsum(counts[order]) - counts[order]
    third = 3 * before // max(int(counts.sum()), 1)
    return {"head": third == 0, "mid": third == 1, "tail": third > 1}


def _by_recency(train: Sessions, codes: NDArray[np.int32]) -> dict[str, Mask]:
    last = np.full(len(train.catalogue), -np.inf)
    np.maximum.at(last, train.codes, train.times)
    recent = last[codes] > train.times.max() - RECENT_DAYS * DAY_SECONDS
    return {f"last {RECENT_DAYS} days": recent, "earlier only": ~recent}
