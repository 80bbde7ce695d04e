"""The figures of a summary, its lines, and the warnings that follow from them. Imports no engine."""

from collections.abc import Iterator
from datetime import date

import msgspec

REPEATS_SHARE = 0.02
"""From this share of repeats on, a model learns to recommend the item just seen."""
TIED_SHARE = 0.05
LONG_SHARE = 0.01
SINGLE_SHARE = 0.5
HEAVY_SHARE, HEAVY_EVENTS = 0.01, 1_000
UNKNOWN_SHARE = 0.1
MIN_TARGETS = 500
"""With fewer targets, a hit rate is uncertain by more than 4 points."""
SHOWN = 5
"""Types and gaps that a line names."""


class Gap(msgspec.Struct, frozen=True):
    """A period in which no session starts: its first and last day, and its length in days."""

    first: str
    last: str
    days: int


class Heavy(msgspec.Struct, frozen=True):
    """A user or session of many events."""

    id: str
    events: int


class Lengths(msgspec.Struct, frozen=True):
    """Events of a session: median, 95th percentile and maximum; and the number of sessions of one event."""

    median: int
    p95: int
    longest: int
    single: int


class Figures(msgspec.Struct, frozen=True):
    """A summary of events.

    Attributes:
        rows: number of rows that were read.
        dropped: number of the rows that do not count, by reason.
        rewritten: number of ids such as 1234.0 that are read as 1234, by column.
        about_values: warnings of the check of the values.
        types: number of rows by type of event; empty without a column of types.
        kept_types: types that count; empty: all.
        collapse: see `Layout`.
        events: number of events that count.
        sessions: number of their sessions.
        items: number of their items.
        is_epoch: False when the times are only a running index.
        by_user: whether the sessions were cut from users' events.
        first: the first day that counts; of a running index, the first value.
        last: the last one.
        early: sessions that start before `first`.
        late: sessions that start after `last`.
        earliest: the first day on which a session starts.
        latest: the last one.
        gaps: periods without a session, the longest first.
        lengths: events of a session.
        duplicates: events with session, item, time and type of the event before, whether dropped or not.
        repeats: events with item and type of the event before, duplicates among them, whether dropped or not.
        tied: events that share their time with a neighbour of another item.
        long: sessions that last longer than 24 hours.
        heaviest: users or sessions of most events, without the sessions that `--max-session` drops.
    """

    rows: int
    dropped: dict[str, int]
    rewritten: dict[str, int]
    about_values: tuple[str, ...]
    types: dict[str, int]
    kept_types: tuple[str, ...]
    collapse: str
    events: int
    sessions: int
    items: int
    is_epoch: bool
    by_user: bool
    first: str
    last: str
    early: int
    late: int
    earliest: str | None
    latest: str | None
    gaps: tuple[Gap, ...]
    lengths: Lengths
    duplicates: int
    repeats: int
    tied: int
    long: int
    heaviest: tuple[Heavy, ...]

    def lines(self) -> list[str]:
        """Return the figures in some lines."""
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.items())
        counted = f"{self.rows:,} rows, {self.events:,} events count" + (f"; dropped: {dropped}" if dropped else "")
        lengths = self.lengths
        lines = [
            counted,
            f"{self.sessions:,} sessions, {self.items:,} items, {self.first} to {self.last}",
            (
                f"events of a session: median {lengths.median}, 95 % up to {lengths.p95}, longest {lengths.longest:,}; "
                f"{_percent(lengths.single, self.sessions)} of the sessions have one"
            ),
        ]
        if self.types:
            lines.append(f"types: {_listed(self.types)}")
        return lines

    def warnings(self) -> Iterator[str]:
        """Yield what will spoil a model, in words; each warning names its figure and what helps."""
        yield from self.about_values
        yield from self._about_events()
        yield from self._about_sessions()
        yield from self._about_times()

    def _about_events(self) -> Iterator[str]:
        if absent := [kind for kind in self.kept_types if kind not in self.types]:
            kinds = ", ".join(absent)
            yield f"no event is of the type {kinds}, which --keep names; the types are {_listed(self.types)}"
        left = {"nothing": self.repeats, "duplicates": self.repeats - self.duplicates}.get(self.collapse, 0)
        if left > REPEATS_SHARE * self.events:
            yield (
                f"{_percent(left, self.events)} of the events repeat the item right before: a model learns to "
                "recommend the item just seen. --collapse repeats drops them"
            )

    def _about_sessions(self) -> Iterator[str]:
        single = self.lengths.single
        # Users are counted before repeats are dropped, sessions behind that.
        counted = self.events + (self.dropped.get(self.collapse, 0) if self.by_user else 0)
        bound = max(HEAVY_EVENTS, HEAVY_SHARE * counted)
        heavy = [one for one in self.heaviest if one.events >= bound]
        if self.long > LONG_SHARE * self.sessions and not self.by_user:
            yield (
                f"{self.long:,} of {self.sessions:,} sessions last longer than 24 hours. If their ids are unique only "
                "per user: --session-column USER --session-column SESSION. If they name users: --user-column"
            )
        if single > SINGLE_SHARE * self.sessions:
            helps = (
                "If a visit pauses for longer: a larger --gap-minutes"
                if self.by_user
                else "If another column names visits or users: --session-column, --user-column"
            )
            yield (
                f"{_percent(single, self.sessions)} of the sessions have one event, and nothing can be learnt from "
                f"them. {helps}"
            )
        if heavy:
            shares = (f"{one.id!r} has {_percent(one.events, counted)} of the events ({one.events:,})" for one in heavy)
            yield (
                f"{'user' if self.by_user else 'session'} {', and '.join(shares)}: a bot, or a default value. Remove "
                "it, or drop long sessions: nextitem prepare --max-session"
            )

    def _about_times(self) -> Iterator[str]:
        if self.tied > TIED_SHARE * self.events:
            yield (
                f"{_percent(self.tied, self.events)} of the events share their time with another event of their "
                "session; their order is unknown. Finer times tell it; or, if the rows are in order, "
                "--time-column '#event'"
            )
        # A day next to it holds the rest of an export by local days: those of UTC+2 begin at 22:00 of the day before.
        if self.late and _days_between(self.last, self.latest) > 1:
            yield (
                f"{self.late:,} sessions start after {self.last}, the last day with a plausible number of sessions; "
                f"the latest on {self.latest}. Are their clocks right? They go to test"
            )
        if self.early and _days_between(self.earliest, self.first) > 1:
            yield (
                f"{self.early:,} sessions start before {self.first}, the first day with a plausible number of "
                f"sessions; the earliest on {self.earliest}. Are their clocks right? They go to train"
            )
        if self.gaps:
            shown = ", from ".join(f"{gap.first} to {gap.last} ({gap.days} days)" for gap in self.gaps[:SHOWN])
            more = f", and in {len(self.gaps) - SHOWN} shorter gaps" if len(self.gaps) > SHOWN else ""
            yield f"no session starts from {shown}{more}. Is the export complete?"


class Summary(msgspec.Struct, frozen=True):
    """Figures of events, and the warnings that follow from them.

    Attributes:
        figures: of the events that were read.
        warnings: what will spoil a model or its evaluation, in words.
        test_events: number of test events before the filters; 0 without a split.
        unknown: number of these whose item train does not have.
    """

    figures: Figures
    warnings: list[str]
    test_events: int = 0
    unknown: int = 0


def few_targets(name: str, targets: int) -> Iterator[str]:
    """Yield a warning if a part of the events has few targets.

    Args:
        name: of the part, such as "test".
        targets: number of events that are to be predicted.
    """
    if targets < MIN_TARGETS:
        points = 98 / max(targets, 1) ** 0.5
        yield (
            f"{name} has {targets:,} targets: a hit rate on so few is uncertain by up to {points:.0f} points. More "
            "days or more events help"
        )


NOT_PREDICTED = "are not predicted. Fewer --test-days, or newer training events, help if both have ids of one kind"
"""The effect of an unknown item on an evaluation."""


def unknown_items(events: int, unknown: int, side: str, effect: str, ids: str) -> Iterator[str]:
    """Yield a warning if many test events have an item that another side does not have.

    Args:
        events: number of test events.
        unknown: number of those whose item the other side does not have.
        side: the other side, such as "train" or a version.
        effect: of an unknown item, as the end of a sentence about them.
        ids: a sentence that shows ids of both sides.
    """
    if unknown > UNKNOWN_SHARE * events:
        share = _percent(unknown, events)
        yield f"{share} of the test events have an item that {side} does not have; they {effect}. {ids}"


def _days_between(first: str | None, last: str | None) -> int:
    """Return the days from one to another; 0 if there are no days."""
    return (date.fromisoformat(last) - date.fromisoformat(first)).days if first and last else 0


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.3g} %"


def _listed(types: dict[str, int]) -> str:
    more = f" and {len(types) - SHOWN} more" if len(types) > SHOWN else ""
    return ", ".join(f"{kind or '(none)'} {count:,}" for kind, count in list(types.items())[:SHOWN]) + more
