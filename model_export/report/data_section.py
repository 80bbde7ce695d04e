"""The section of the page that shows the events behind the figures, with what may spoil them."""

from collections.abc import Callable, Mapping

from model_export.data.ingestion.figures import Figures, Summary
from model_export.report.page import Cell, Part, Row, Section, Table, words

FIGURES: dict[str, Callable[[Figures], str]] = {
    "rows read": lambda figures: f"{figures.rows:,}",
    "events that count": lambda figures: f"{figures.events:,}",
    "sessions": lambda figures: f"{figures.sessions:,}",
    "items": lambda figures: f"{figures.items:,}",
    "first day, or index": lambda figures: figures.first,
    "last day, or index": lambda figures: figures.last,
    "events of a session: median": lambda figures: f"{figures.lengths.median:,}",
    "events of a session: 95 % up to": lambda figures: f"{figures.lengths.p95:,}",
    "events of a session: longest": lambda figures: f"{figures.lengths.longest:,}",
    "sessions of one event": lambda figures: f"{figures.lengths.single:,}",
    "sessions longer than 24 hours": lambda figures: f"{figures.long:,}",
    "sessions before the first day": lambda figures: f"{figures.early:,}",
    "sessions after the last day": lambda figures: f"{figures.late:,}",
    "repeats of the item right before": lambda figures: f"{figures.repeats:,}",
    "exact duplicates": lambda figures: f"{figures.duplicates:,}",
    "events that share their time": lambda figures: f"{figures.tied:,}",
    "periods without a session": lambda figures: f"{len(figures.gaps):,}",
}
"""The rows that every table has, and their values."""


def data_section(data: Mapping[str, Summary]) -> Section:
    """Return the section.

    Args:
        data: summaries of the events, by a name such as "Test events".
    """
    return Section("Data", [_part(name, summary) for name, summary in data.items()])


def _part(name: str, summary: Summary) -> Part:
    figures = summary.figures
    rows = [Row(title, [Cell(value(figures))]) for title, value in FIGURES.items()]
    rows += [Row(f"dropped: {reason}", [Cell(f"{count:,}")]) for reason, count in figures.dropped.items()]
    rows += [Row(f"type {kind or '(none)'}", [Cell(f"{count:,}")]) for kind, count in figures.types.items()]
    if summary.test_events:
        rows.append(Row("of an item that train does not have", [Cell(f"{summary.unknown:,}")]))
    heaviest = [
        Row(heavy.id, [Cell(f"{heavy.events:,}"), words("user" if figures.by_user else "session")])
        for heavy in figures.heaviest
    ]
    text = " ".join(f"Warning: {warning}." for warning in summary.warnings) or "No warnings."
    return Part(
        title=name,
        text=text,
        tables=[
            Table(f"{name}: figures", ["", "count"], rows),
            Table(f"{name}: the most events", ["id", "events", "of a"], heaviest),
        ],
    )
