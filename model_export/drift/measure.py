"""Measure drift: live events against the training profile and against last week. Pure functions: they read nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np

from model_export.data.sessions import Sessions
from model_export.drift.distributions import (
    SHOWN,
    Binned,
    Comparison,
    against_counts,
    against_window,
    by_category,
    by_hour,
    by_item,
    by_length,
    by_score,
    by_type,
)
from model_export.drift.divergence import Floats
from model_export.drift.rates import rate_of
from model_export.drift.report import (
    ELEVATED,
    MAX_SHORTFALL,
    MODERATE,
    UNKNOWN_RISE,
    Change,
    DriftReport,
    HitRate,
    Measure,
    Reference,
    ReportLevel,
    Unknown,
    level_of,
)
from model_export.drift.smoothing import smoothed
from model_export.drift.window import Window
from model_export.profile.document import MAX_CATEGORIES, MAX_ITEMS, Profile, most_frequent
from model_export.profile.habits import counted

DAY_HOURS = 24
NOTIFYING = {
    ("items", "training"),
    ("categories", "training"),
    ("types", "last week"),
    ("session lengths", "last week"),
    ("hours", "last week"),
}
"""The measures that may open a ticket. The model learned which items follow each other, so those are compared with its
training. Habits are compared with last week: training events may come from another source, with other sessions, and
that is no drift."""


@dataclass(frozen=True)
class Live:
    """The version that answers, and what is known of it.

    Attributes:
        route: the route.
        version: the version with most of its traffic.
        variant: its variant.
        profile: of its training.
        knows: returns whether the model knows an item.
        leaves_out_seen: whether answers leave out the session's items.
        categories: the category of items, from the route's catalogue; None if it has no such column.
        top_scores: returns the scores of first recommendations to some sessions (`drift.scores`); None where no model
            can be run.
    """

    route: str
    version: str
    variant: str
    profile: Profile
    knows: Callable[[str], bool]
    leaves_out_seen: bool
    categories: Mapping[str, str] | None
    top_scores: Callable[[Sessions], Floats] | None = None


def promised_hit_rate(profile: Profile, *, leaves_out_seen: bool) -> float:
    """Return the online hit rate that a profile promises: unknown items are misses there, and returns may be."""
    validation = profile.validation
    return (validation.hit_rate_new if leaves_out_seen else validation.hit_rate) * (1 - validation.unknown)


def measure(
    live: Live, window: Window, last_week: Window, previous: DriftReport | None, now: datetime, half_life: float
) -> DriftReport:
    """Measure drift.

    Args:
        live: the version that answers.
        window: of the lake.
        last_week: the window of the same length a week before; it may be empty.
        previous: the report before, or None. That of another version does not count.
        now: when this is measured.
        half_life: of the smoothing, in hours.
    """
    before = previous if previous is not None and previous.version == live.version else None
    hours = 0.0 if before is None else (now - datetime.fromisoformat(before.measured)).total_seconds() / 3600
    smoothing = _Smoothing(before, max(hours, 0.0), half_life)
    measures = tuple(smoothing.measure(each) for each in _measures(live, window, last_week))
    unknown = _unknown(live, window.sessions, smoothing)
    rates = _hit_rates(window, last_week, smoothing)
    promised = promised_hit_rate(live.profile, leaves_out_seen=live.leaves_out_seen)
    # After a promotion the version's answers as a challenger are in the window, too: they have a rate of their own.
    of_version = [rate for rate in rates if rate.version == live.version]
    own = next((rate for rate in of_version if rate.variant == live.variant), of_version[0] if of_version else None)
    # The interval is that of this window alone: windows may overlap, so smoothing may not make it narrower.
    reached = 1.0 if own is None else own.smoothed + (own.high - own.value)
    shortfall = max(1 - reached / promised, 0.0) if promised else 0.0
    reasons = tuple(_reasons(measures, unknown, shortfall))
    return DriftReport(
        route=live.route,
        version=live.version,
        variant=live.variant,
        measured=now.astimezone(UTC).isoformat(timespec="seconds"),
        since=_time(window.span.since),
        until=_time(window.span.until),
        sessions=len(window.sessions),
        events=len(window.sessions.codes),
        half_life=half_life,
        measures=measures,
        unknown=unknown,
        hit_rates=rates,
        promised=round(promised, 6),
        shortfall=round(shortfall, 6),
        level=_level(measures, unknown, shortfall),
        reasons=reasons,
    )


class _Smoothing:
    """Carries the smoothed values of the report before on."""

    def __init__(self, before: DriftReport | None, hours: float, half_life: float) -> None:
        self.before, self._hours, self._half_life = before, hours, half_life

    def next(self, before: float | None, value: float) -> float:
        return round(smoothed(before, value, self._hours, self._half_life), 6)

    def measure(self, measure: Measure) -> Measure:
        """Return a measure with its smoothed excess; one that was skipped keeps the value before."""
        last = None if self.before is None else self.before.measure(measure.name, measure.against)
        before = None if last is None else last.smoothed
        value = before or 0.0 if measure.skipped else self.next(before, measure.excess)
        return msgspec.structs.replace(measure, smoothed=value, level=level_of(value, MODERATE, ELEVATED))


def _measures(live: Live, window: Window, last_week: Window) -> Iterator[Measure]:
    now, then, profile = counted(window.sessions), counted(last_week.sessions), live.profile
    yield _against_training("items", profile.items, profile.other_items, by_item(now, [*profile.items]))
    yield _against_last_week("items", then, now, lambda sessions: by_item(sessions, _frequent_items(then)))
    yield from _categories(live, then, now)
    yield _against_training("types", profile.types, 0, by_type(now, [*profile.types]))
    yield _against_last_week("types", then, now, lambda sessions: by_type(sessions, then.types))
    if live.top_scores is not None:
        yield _scores(profile, live.top_scores(now))
    yield _of_counts("session lengths", profile.lengths, by_length(now))
    yield _against_last_week("session lengths", then, now, by_length)
    if window.span.hours % DAY_HOURS:
        part = "a window of whole days has every hour of the day"
        yield from (Measure("hours", reference, skipped=part) for reference in ("training", "last week"))
        return
    if profile.hours:
        yield _of_counts("hours", profile.hours, by_hour(now))
    else:
        yield Measure("hours", "training", skipped="the training times were only an order")
    yield _against_last_week("hours", then, now, by_hour)


def _categories(live: Live, then: Sessions, now: Sessions) -> Iterator[Measure]:
    of_item, known = live.categories, live.profile.categories
    if of_item is None:
        yield Measure("categories", "training", skipped="the route's catalogue has no categories")
        return
    if known is None:
        yield Measure("categories", "training", skipped="the version was exported without categories (--items)")
    else:
        binned = by_category(now, of_item, [*known.events])
        yield _against_training("categories", known.events, known.others, binned)
    names = sorted({of_item.get(item, "") for item in then.catalogue} - {""})[:MAX_CATEGORIES]
    yield _against_last_week("categories", then, now, lambda sessions: by_category(sessions, of_item, names))


def _scores(profile: Profile, scores: Floats) -> Measure:
    """Compare scores with the quantiles of those of the held-out sessions: each bin has as many of these."""
    quantiles = profile.validation.scores
    if not quantiles or not len(scores):
        return Measure("top scores", "training", skipped="there are no scores to compare")
    expected = np.full(len(quantiles) - 1, len(scores) / (len(quantiles) - 1))
    return _measure("top scores", "training", against_counts(expected, by_score(scores, quantiles)))


def _against_training(name: str, events: Mapping[str, int], others: int, window: Binned) -> Measure:
    return _of_counts(name, [*events.values(), others], window)


def _of_counts(name: str, events: Sequence[int], window: Binned) -> Measure:
    return _measure(name, "training", against_counts(np.array(events, np.float64), window))


def _against_last_week(name: str, then: Sessions, now: Sessions, binned: Callable[[Sessions], Binned]) -> Measure:
    return _measure(name, "last week", against_window(binned(then), binned(now)))


def _measure(name: str, against: Reference, comparison: Comparison | None) -> Measure:
    if comparison is None:
        return Measure(name, against, skipped="fewer than two bins have enough events")
    divergence = comparison.divergence
    return Measure(
        name,
        against,
        bins=comparison.bins,
        psi=round(divergence.psi, 6),
        expected=round(divergence.expected, 6),
        bound=round(divergence.bound, 6),
        jensen_shannon=round(divergence.jensen_shannon, 6),
        excess=round(divergence.excess, 6),
        notifies=(name, against) in NOTIFYING,
        gained=comparison.gained,
        lost=comparison.lost,
    )


def _frequent_items(sessions: Sessions) -> list[str]:
    counts = np.bincount(sessions.codes, minlength=len(sessions.catalogue))
    return [*most_frequent(sessions.catalogue, counts, MAX_ITEMS)]


def _unknown(live: Live, sessions: Sessions, smoothing: _Smoothing) -> Unknown:
    is_unknown = np.array([not live.knows(item) for item in sessions.catalogue], np.int64)
    events = is_unknown[sessions.codes] if len(sessions.catalogue) else np.empty(0, np.int64)
    rate = rate_of(np.repeat(np.arange(len(sessions)), sessions.lengths), events)
    trained = live.profile.validation.unknown
    rise = max(rate.low - trained, 0.0)
    before = None if smoothing.before is None else smoothing.before.unknown.smoothed
    value = smoothing.next(before, rise)
    counts = np.bincount(sessions.codes, minlength=len(sessions.catalogue)) * is_unknown
    total = max(len(sessions.codes), 1)
    items = most_frequent(sessions.catalogue, counts, SHOWN)
    return Unknown(
        share=round(rate.value, 6),
        before=trained,
        rise=round(rise, 6),
        smoothed=value,
        level=level_of(value, UNKNOWN_RISE / 2, UNKNOWN_RISE),
        items=tuple(Change(name, 0.0, round(count / total, 6)) for name, count in items.items()),
    )


def _hit_rates(window: Window, last_week: Window, smoothing: _Smoothing) -> tuple[HitRate, ...]:
    reported = () if smoothing.before is None else smoothing.before.hit_rates
    before = {(rate.version, rate.variant): rate.smoothed for rate in reported}
    then = {name: rate_of(owners, hits).value for name, owners, hits in last_week.judged.by_version()}
    rates = []
    for name, owners, hits in window.judged.by_version():
        rate = rate_of(owners, hits)
        rates.append(
            HitRate(
                version=name[0],
                variant=name[1],
                events=rate.events,
                sessions=rate.sessions,
                value=round(rate.value, 6),
                low=round(rate.low, 6),
                high=round(rate.high, 6),
                smoothed=smoothing.next(before.get(name), rate.value),
                last_week=None if name not in then else round(then[name], 6),
            )
        )
    return tuple(sorted(rates, key=lambda rate: -rate.events))


def _level(measures: Sequence[Measure], unknown: Unknown, shortfall: float) -> ReportLevel:
    if shortfall > MAX_SHORTFALL:
        return "failing"
    levels = {unknown.level, *(each.level for each in measures if each.notifies)}
    return next((level for level in ("elevated", "moderate") if level in levels), "steady")


def _reasons(measures: Sequence[Measure], unknown: Unknown, shortfall: float) -> Iterator[str]:
    if shortfall > MAX_SHORTFALL:
        yield f"the online hit rate is at least {shortfall:.0%} below what the profile promises"
    if unknown.level != "steady":
        yield f"{unknown.share:.0%} of the events have an item that the model does not know"
    for each in measures:
        if each.notifies and each.level != "steady":
            yield f"{each.name} against {each.against}: PSI {each.smoothed:.2f} beyond chance"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
