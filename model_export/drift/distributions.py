"""The distributions that are compared: how a window's events fall into the bins of a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.drift.bins import bins_by_size, bins_in_order
from model_export.drift.divergence import Codes, Divergence, Floats, Sample, compare, counted_like, sample_of
from model_export.drift.report import Change
from model_export.profile.habits import HOURS, LENGTHS, hour_bins, length_bins

OTHERS = "(others)"
SHOWN = 5
"""Names that gained or lost most, of each distribution."""
CERTAIN = 3.0
"""A name is shown if its share changed by more than so many standard errors."""


@dataclass(frozen=True, eq=False)
class Binned:
    """Events in the bins of a distribution.

    Attributes:
        owners: int64[events], the session of each event, ascending.
        codes: int64[events], its bin.
        names: of the bins.
        is_ordered: whether only neighbours may be joined; else the last bin is that of all others.
    """

    owners: Codes
    codes: Codes
    names: Sequence[str]
    is_ordered: bool = False

    @property
    def counts(self) -> Floats:
        """Events by bin, float64[bins]."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.float64)


@dataclass(frozen=True)
class Comparison:
    """Two distributions: how far they are apart over `bins` joined bins, and the names that gained or lost."""

    bins: int
    divergence: Divergence
    gained: tuple[Change, ...]
    lost: tuple[Change, ...]


def by_item(sessions: Sessions, names: Sequence[str]) -> Binned:
    """Return events by item, among those of a reference."""
    return _by_name(sessions, sessions.codes, sessions.catalogue, names)


def by_type(sessions: Sessions, names: Sequence[str]) -> Binned:
    """Return events by type, among those of a reference."""
    return _by_name(sessions, sessions.type_codes, sessions.types, names)


def by_category(sessions: Sessions, of_item: Mapping[str, str], names: Sequence[str]) -> Binned:
    """Return events by the category of their item, among those of a reference."""
    return _by_name(sessions, sessions.codes, [of_item.get(item, "") for item in sessions.catalogue], names)


def by_length(sessions: Sessions) -> Binned:
    """Return sessions by their number of events."""
    ends = [f"to {above - 1}" for above in LENGTHS[1:]]
    names = [
        str(first) if end == f"to {first}" else f"{first} {end}"
        for first, end in zip(LENGTHS, [*ends, "or more"], strict=True)
    ]
    return Binned(np.arange(len(sessions)), length_bins(sessions), names, is_ordered=True)


def by_hour(sessions: Sessions) -> Binned:
    """Return events by hour of the day in UTC."""
    return Binned(_owners(sessions), hour_bins(sessions), [f"{hour:02}:00" for hour in range(HOURS)], is_ordered=True)


def by_score(scores: Floats, quantiles: Sequence[float]) -> Binned:
    """Return sessions by their score, between the quantiles of a reference."""
    inner = np.array(quantiles[1:-1], np.float64)
    names = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(quantiles)]
    codes = np.searchsorted(inner, scores, side="right").astype(np.int64)
    return Binned(np.arange(len(scores)), codes, names, is_ordered=True)


def against_counts(reference: Floats, window: Binned) -> Comparison | None:
    """Compare a window with a reference of which only the counts are known; None if too few events fill two bins."""
    return _compare(reference, None, window)


def against_window(before: Binned, window: Binned) -> Comparison | None:
    """Compare a window with another one, in the same bins; None if too few events fill two bins."""
    return _compare(before.counts, before, window)


def _compare(reference: Floats, before: Binned | None, window: Binned) -> Comparison | None:
    joined = (bins_in_order if window.is_ordered else bins_by_size)(reference, len(window.codes))
    bins = int(joined.max()) + 1
    if bins == 1:
        return None
    after = sample_of(window.owners, joined[window.codes], bins)
    if before is None:
        counts = np.bincount(joined, weights=reference, minlength=bins).astype(np.float64)
        sample = counted_like(counts, after)
    else:
        sample = sample_of(before.owners, joined[before.codes], bins)
    gained, lost = _changes(reference, window, after, joined)
    return Comparison(bins, compare(sample, after), gained, lost)


def _changes(
    reference: Floats, window: Binned, sample: Sample, joined: Codes
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Return the names whose share changed most, and certainly: by the noise of their joined bin, if not their own."""
    counts = window.counts
    before, now = reference / reference.sum(), counts / counts.sum()
    # Events of a session depend on each other: the variance of a share is that of independent events, times the factor
    # that the joined bins show.
    independent = np.maximum(sample.counts / sample.total * (1 - sample.counts / sample.total) / sample.total, 1e-12)
    factor = np.maximum(np.diag(sample.covariance) / independent, 1.0)[joined]
    middle = (before + now) / 2
    error = np.sqrt(factor * middle * (1 - middle) * (1 / counts.sum() + 1 / reference.sum()))
    change = np.where(np.abs(now - before) > CERTAIN * error, now - before, 0.0)
    order = np.argsort(change, kind="stable")

    def shown(places: Codes) -> tuple[Change, ...]:
        return tuple(
            Change(window.names[place], round(float(before[place]), 6), round(float(now[place]), 6))
            for place in places.tolist()
            if change[place]
        )

    lost, gained = order[:SHOWN], order[::-1][:SHOWN]
    return shown(gained[change[gained] > 0]), shown(lost[change[lost] < 0])


def _by_name(sessions: Sessions, codes: NDArray[np.integer], own: Sequence[str], names: Sequence[str]) -> Binned:
    place = {name: number for number, name in enumerate(names)}
    bins = np.array([place.get(name, len(names)) for name in own], np.int64)
    return Binned(_owners(sessions), bins[codes], [*names, OTHERS])


def _owners(sessions: Sessions) -> Codes:
    return np.repeat(np.arange(len(sessions)), sessions.lengths)
