"""The document of a measurement of drift: `drift/<route>/<time>.json` in the bucket."""

from typing import Literal

import msgspec

Reference = Literal["training", "last week"]
Level = Literal["steady", "moderate", "elevated"]
ReportLevel = Literal["steady", "moderate", "elevated", "failing"]

MODERATE, ELEVATED = 0.1, 0.25
"""Smoothed PSI beyond chance from which a distribution has moved moderately, or by so much that a person should look:
the usual bounds of the index in credit scoring (Siddiqi, Credit Risk Scorecards, 2006)."""
UNKNOWN_RISE = 0.1
"""Smoothed rise of the share of unknown items from which the level is elevated."""
MAX_SHORTFALL = 1 / 3
"""Share of the profile's hit rate that may be missing online."""


class Change(msgspec.Struct, frozen=True):
    """A name, such as an item, and its share before and now."""

    name: str
    before: float
    now: float


class Measure(msgspec.Struct, frozen=True):
    """A distribution of the window against a reference.

    Attributes:
        name: `items`, `categories`, `types`, `top scores`, `session lengths` or `hours`.
        against: the reference.
        skipped: why it was not measured; then all figures are 0.
        bins: number of bins, after those with few events were joined.
        psi: the population stability index.
        expected: what it would be by chance alone.
        bound: what chance alone exceeds once in a thousand windows.
        jensen_shannon: the Jensen-Shannon divergence, in bits.
        excess: the PSI beyond its expectation; 0 within the bound.
        smoothed: the smoothed excess.
        level: of the smoothed excess.
        notifies: whether an elevated level of this measure opens a ticket.
        gained: names whose share grew most.
        lost: names whose share shrank most.
    """

    name: str
    against: Reference
    skipped: str = ""
    bins: int = 0
    psi: float = 0.0
    expected: float = 0.0
    bound: float = 0.0
    jensen_shannon: float = 0.0
    excess: float = 0.0
    smoothed: float = 0.0
    level: Level = "steady"
    notifies: bool = False
    gained: tuple[Change, ...] = ()
    lost: tuple[Change, ...] = ()


class Unknown(msgspec.Struct, frozen=True):
    """Events with an item that the model does not know.

    Attributes:
        share: of the window's events.
        before: the share on the validation days of the training.
        rise: how much more it is at least, at the lower end of the 95 % interval; 0 if it may be no more.
        smoothed: the smoothed rise.
        level: of the smoothed rise.
        items: the most frequent of these items.
    """

    share: float
    before: float
    rise: float
    smoothed: float
    level: Level
    items: tuple[Change, ...]


class HitRate(msgspec.Struct, frozen=True):
    """Online hit rate of a version as one of the route's variants: after an experiment it may have been both.

    Attributes:
        version: the model version whose answers were judged.
        variant: its variant on the route.
        events: events after one of its answers.
        sessions: their sessions.
        value: share of these events whose item was among the first 20.
        low, high: its 95 % interval, with sessions as clusters.
        smoothed: the smoothed value.
        last_week: the value in last week's window; None if it did not answer then.
    """

    version: str
    variant: str
    events: int
    sessions: int
    value: float
    low: float
    high: float
    smoothed: float
    last_week: float | None


class DriftReport(msgspec.Struct, frozen=True):
    """A measurement.

    Attributes:
        route: the route.
        version: the version with most of the route's traffic, whose profile is the reference.
        variant: its variant.
        measured: when, ISO 8601 in UTC.
        since, until: when the window's sessions began.
        sessions: their number.
        events: the number of their events.
        half_life: of the smoothing, in hours.
        measures: every distribution against every reference.
        unknown: see `Unknown`.
        hit_rates: of each version that answered, those with most events first.
        promised: the hit rate that the profile promises; see `measure.promised_hit_rate`.
        shortfall: share of it that is missing online, at least: by the upper end of the interval around the smoothed
            rate; 0 if there are too few sessions to say.
        level: `failing` if too much of the hit rate is missing, else the highest level that notifies.
        reasons: what led to the level, in words.
    """

    route: str
    version: str
    variant: str
    measured: str
    since: str
    until: str
    sessions: int
    events: int
    half_life: float
    measures: tuple[Measure, ...]
    unknown: Unknown
    hit_rates: tuple[HitRate, ...]
    promised: float
    shortfall: float
    level: ReportLevel
    reasons: tuple[str, ...]

    def measure(self, name: str, against: Reference) -> Measure | None:
        """Return one of the measures, or None if there is none of that kind."""
        return next((each for each in self.measures if (each.name, each.against) == (name, against)), None)

    @property
    def notified(self) -> float:
        """The largest smoothed excess of a measure that notifies."""
        return max((each.smoothed for each in self.measures if each.notifies), default=0.0)


def level_of(value: float, moderate: float, elevated: float) -> Level:
    """Return the level of a smoothed value."""
    if value >= elevated:
        return "elevated"
    return "moderate" if value >= moderate else "steady"
