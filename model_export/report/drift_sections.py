"""Compose the page of a measurement of drift."""

from collections.abc import Iterator

from model_export.drift.report import Change, DriftReport, Measure
from model_export.report import drift_plots
from model_export.report.page import Cell, Page, Part, Plot, Row, Section, Table, figure, words
from model_export.report.plots import svg

LEVELS = {
    "steady": "Nothing that a person should look at.",
    "moderate": "Something has moved, but not so far that a ticket opens.",
    "elevated": "Something has moved so far that a person should look, or the next training should come soon.",
    "failing": "The model serves visitors much worse than its validation promised: train again now.",
}
EXPLAINED = (
    "PSI is the population stability index. Two samples of one distribution have a PSI above 0, too: the grey line "
    "ends where chance alone arrives once in a thousand windows, and the mark is what it makes on average. Only what "
    "is beyond that counts, is smoothed over the reports, and is compared with the dashed bounds (.1 moderate, .25 "
    "elevated)."
)


def drift_page(report: DriftReport) -> Page:
    """Return the page."""
    reasons = "; ".join(report.reasons)
    summary = (
        f"{report.sessions:,} sessions that began from {report.since} to {report.until}, {report.events:,} events; "
        f"the model is {report.version} ({report.variant})."
    )
    level = f"Level: {report.level}. {LEVELS[report.level]}" + (f" Reasons: {reasons}." if reasons else "")
    is_warning = report.level in {"elevated", "failing"}
    sections = [_distributions(report), *_changed(report), _hits(report), _unknown(report)]
    return Page(
        title=f"Drift of the route {report.route}",
        summary=summary,
        warning=level if is_warning else "",
        note="" if is_warning else level,
        sections=sections,
    )


def _distributions(report: DriftReport) -> Section:
    measured = [each for each in report.measures if not each.skipped]
    text = ", ".join(f"{each.name} against {each.against} {each.psi:.3f}" for each in measured)
    plots = [Plot(svg(drift_plots.divergences(measured)), f"PSI of every distribution: {text}.")] if measured else []
    head = ["", "PSI", "by chance", "bound", "beyond", "smoothed", "Jensen-Shannon", "bins", "level", "opens a ticket"]
    rows = [
        Row(
            f"{each.name}, against {each.against}",
            [
                *map(figure, (each.psi, each.expected, each.bound, each.excess, each.smoothed, each.jensen_shannon)),
                Cell(str(each.bins)),
                words(each.level),
                words("yes" if each.notifies else "no"),
            ],
        )
        for each in measured
    ]
    skipped = [
        Row(f"{each.name}, against {each.against}", [words(each.skipped)]) for each in report.measures if each.skipped
    ]
    tables = [Table("Every distribution", head, rows)]
    if skipped:
        tables.append(Table("Not measured", ["", "reason"], skipped))
    smoothing = f" Values are smoothed with a half-life of {report.half_life:g} hours."
    return Section("Distributions", [Part(text=EXPLAINED + smoothing, plots=plots, tables=tables)])


def _changed(report: DriftReport) -> Iterator[Section]:
    parts = [_change_part(each) for each in report.measures if each.gained or each.lost]
    if parts:
        yield Section("What changed", parts)


def _change_part(measure: Measure) -> Part:
    rows = [*measure.gained, *measure.lost]
    title = f"{measure.name.capitalize()}, against {measure.against}"
    shown = drift_plots.changes(rows, "Share before (grey) and now (blue)")
    return Part(
        title=title,
        text="Those that gained most, then those that lost most; changes below three standard errors are left out.",
        plots=[Plot(svg(shown), f"{title}: shares before and now; the table has the values.")],
        tables=[Table(title, ["", "before", "now", "change"], [_change_row(change) for change in rows])],
    )


def _change_row(change: Change) -> Row:
    return Row(change.name, [figure(change.before), figure(change.now), Cell(f"{change.now - change.before:+.3f}")])


def _hits(report: DriftReport) -> Section:
    text = (
        f"The share of events whose item was among the 20 recommended before. The profile of {report.version} promises "
        f"{report.promised:.3f}; by the upper end of the interval, at least {report.shortfall:.0%} of it is missing."
    )
    if not report.hit_rates:
        return Section("Online hit rate", [Part(text=f"{text} No event of the window followed an answer.")])
    rows = [
        Row(
            f"{rate.version} ({rate.variant})",
            [
                Cell(f"{rate.value:.3f}", f"{rate.low:.3f} to {rate.high:.3f}"),
                figure(rate.smoothed),
                Cell("" if rate.last_week is None else f"{rate.last_week:.3f}"),
                Cell(f"{rate.events:,}"),
                Cell(f"{rate.sessions:,}"),
            ],
            is_marked=rate.version == report.version,
        )
        for rate in report.hit_rates
    ]
    plot = Plot(
        svg(drift_plots.hit_rates(report.hit_rates, report.promised)),
        "Online hit rate of each version, with its interval; the table has the values.",
    )
    head = ["", "hit@20", "smoothed", "last week", "events", "sessions"]
    return Section("Online hit rate", [Part(text=text, plots=[plot], tables=[Table("By version", head, rows)])])


def _unknown(report: DriftReport) -> Section:
    unknown = report.unknown
    text = (
        f"{unknown.share:.1%} of the events have an item that the model does not know; on the last days of its "
        f"training it was {unknown.before:.1%}. The rise is at least {unknown.rise:.1%}, "
        f"smoothed {unknown.smoothed:.1%}."
    )
    rows = [Row(item.name, [figure(item.now)]) for item in unknown.items]
    tables = [Table("The most frequent of these items", ["item", "share of all events"], rows)] if rows else []
    return Section("Unknown items", [Part(text=text, tables=tables)])
