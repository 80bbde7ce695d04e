"""Parts of the targets that tell where a ranker is strong: by place, popularity, novelty and time of day.

Knows sessions alone, neither rankers nor metrics.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.protocol import target_events

Mask = NDArray[np.bool_]

RECENT_DAYS = 7
"""How far back from the end of train an item's last event may lie for the item to count as seen lately."""

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
BAND_HOURS = 6

_PLACES = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))
"""Events of the session before the target, from and to."""


class Slice(NamedTuple):
    """Some of the targets.

    Attributes:
        by: what they are told apart by.
        name: which of them these are.
        within: bool[targets], in the order of `protocol.target_events`; at least one.
    """

    by: str
    name: str
    within: Mask


def slices(test: Sessions, train: Sessions | None) -> list[Slice]:
    """Return every slice; what cannot be told apart is left out.

    Args:
        test: sessions recoded to the train catalogue.
        train: the training sessions over the same catalogue, or None: without them nothing is known of items.
    """
    events = target_events(test)
    codes = test.codes[events]
    groups = {
        "events before the target": _places(test, events),
        "the target in its session": _repeats(test, events),
        "time of day": _hours(test.times[events]) if test.is_epoch else {},
    }
    if train is not None:
        groups["popularity of the target"] = {
            name: popularity[codes] for name, popularity in _popularity(train).items()
        }
        groups["the target in train"] = _lately(train, codes) if train.is_epoch else {}
    return [
        Slice(by, name, within)
        for by, found in groups.items()
        if sum(bool(within.any()) for within in found.values()) > 1
        for name, within in found.items()
        if within.any()
    ]


def owners_of(test: Sessions) -> NDArray[np.int64]:
    """int64[targets], the session of each target, in the order of `protocol.target_events`."""
    return np.repeat(np.arange(len(test)), test.lengths)[target_events(test)]


def _places(test: Sessions, events: NDArray[np.int64]) -> dict[str, Mask]:
    place = events - test.offsets[owners_of(test)]
    found = {}
    for first, last in _PLACES:
        name = f"{first} or more" if last is None else str(first) if first == last else f"{first} to {last}"
        found[name] = (place >= first) & (place <= (last if last is not None else np.inf))
    return found


def _repeats(test: Sessions, events: NDArray[np.int64]) -> dict[str, Mask]:
    """Whether the target was in its session before."""
    owners = np.repeat(np.arange(len(test)), test.lengths)
    held = owners * len(test.catalogue) + test.codes
    first = np.zeros(len(test.codes), dtype=np.bool_)
    first[np.unique(held, return_index=True)[1]] = True
    return {"new": first[events], "seen before": ~first[events]}


def _hours(times: NDArray[np.float64]) -> dict[str, Mask]:
    band = (times % DAY_SECONDS).astype(np.int64) // (BAND_HOURS * HOUR_SECONDS)
    return {
        f"{BAND_HOURS * number:02}-{BAND_HOURS * (number + 1):02} UTC": band == number
        for number in range(24 // BAND_HOURS)
    }


def _popularity(train: Sessions) -> dict[str, Mask]:
    """Thirds of the training events, bool[items]: the head is the fewest items that make up the first third."""
    counts = np.bincount(train.codes, minlength=len(train.catalogue))
    order = np.argsort(-counts, kind="stable")
    before = np.empty(len(counts), dtype=np.int64)
    before[order] = np.cumsum(counts[order]) - counts[order]
    third = 3 * before // max(int(counts.sum()), 1)
    return {"head": third == 0, "mid": third == 1, "tail": third > 1}


def _lately(train: Sessions, codes: NDArray[np.int32]) -> dict[str, Mask]:
    last = np.full(len(train.catalogue), -np.inf)
    np.maximum.at(last, train.codes, train.times)
    recent = last[codes] > train.times.max() - RECENT_DAYS * DAY_SECONDS
    return {f"last {RECENT_DAYS} days": recent, "earlier only": ~recent}
