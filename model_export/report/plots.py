"""Draw the plots of a page as SVG elements: points with their intervals, the model in blue and the baselines in grey.

Each figure is a `Figure` of its own; pyplot's global state is not used. A figure has one panel, so that a page can put
several beside each other, or below each other on a phone.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_export.evaluation.analysis import Estimates, SliceResult
from model_export.metrics.bootstrap import LEVEL, Estimate
from model_export.metrics.exposure import Exposure

INK, BLUE, GREY, LIGHT_GREY = "#111827", "#0b5fa5", "#6b7280", "#d1d5db"
COLOURS = {INK: "var(--ink)", BLUE: "var(--model)", GREY: "var(--muted)", LIGHT_GREY: "var(--line)"}
"""The page's variables for the colours that are drawn with, so that a plot follows the page into the dark."""
WIDTH, ROW_INCHES = 4.8, 0.3
TEXT_SIZE = 9
MAX_DAYS_LABELLED = 7
EXPOSURE_TITLES = {"percentile": "Mean popularity percentile", "gini": "Gini coefficient"}
"""By attribute of `Exposure`."""
STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "font.size": TEXT_SIZE,
    "svg.fonttype": "none",  # texts as texts: a third of the size of outlines, and a reader can search for them
    "svg.hashsalt": "nextitem",  # otherwise the ids differ from run to run
}
"""Of everything that is drawn: Matplotlib reads it when it makes an artist, so each function runs in it."""
_TOP = re.compile(r".*?(?=<svg )", re.DOTALL)
_SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
_ID = re.compile(r'(\bid="|href="#|url\(#)')


@mpl.rc_context(STYLE)
def svg(figure: Figure) -> str:
    """Return a figure as an SVG element, as wide as a page lets it; the same figure gives the same text."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = _SIZE.sub("", _TOP.sub("", file.getvalue(), count=1), count=2)
    for colour, variable in COLOURS.items():
        text = text.replace(colour, variable)
    return text


def with_own_ids(element: str, name: str) -> str:
    """Return an SVG element whose ids begin with a name, because all elements of a page share their ids."""
    return _ID.sub(rf"\g<1>{name}-", element)


@mpl.rc_context(STYLE)
def metrics(rankers: Mapping[str, Estimates], metric: str, reference: str) -> Figure:
    """Draw a metric of each ranker, the best on top."""
    names = _ascending({name: estimates[metric].value for name, estimates in rankers.items()})
    figure, panel = new_panel(rows=len(names), title=f"{metric.upper()}, with {100 * LEVEL:.0f} % interval")
    _points(panel, [(name, rankers[name][metric], _colour(name, reference)) for name in names])
    for place, name in enumerate(names):
        estimate = rankers[name][metric]
        _annotate(panel, place, estimate, f"{estimate.value:.3f}", _colour(name, reference))
    panel.set_xlim(left=0.0)
    panel.margins(x=0.16)
    return figure


@mpl.rc_context(STYLE)
def differences(rankers: Mapping[str, Estimates], metric: str, reached: float) -> Figure:
    """Draw the reference minus each other ranker; right of the line the reference is better.

    Rankers that reach less than half of the reference's metric (`reached`) are left out, because they would compress
    the scale of the others.
    """
    names = _ascending({name: -estimates[metric].value for name, estimates in rankers.items()})
    rows = [(name, rankers[name][metric]) for name in names if rankers[name][metric].value < reached / 2]
    figure, panel = new_panel(rows=len(rows), title=f"{metric.upper()}: model minus baseline")
    _points(panel, [(name, row, BLUE if row.low > 0 or row.high < 0 else GREY) for name, row in rows])
    for place, (_, estimate) in enumerate(rows):
        _annotate(panel, place, estimate, f"{estimate.value:+.3f}", GREY)
    panel.margins(x=0.25)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.axvline(0.0, color=INK, linewidth=0.8)
    return figure


@mpl.rc_context(STYLE)
def slices(results: Sequence[SliceResult], metric: str, names: Sequence[str]) -> Figure:
    """Draw a metric in each slice, of one or two rankers, the first of them in blue."""
    groups = [(by, list(parts)) for by, parts in groupby(results, key=lambda part: part.by)]
    heights = [len(parts) + 1.2 for _, parts in groups]
    drawn = list(zip(names, (BLUE, GREY), (-0.13, 0.13), strict=False))
    figure = Figure(figsize=(WIDTH, ROW_INCHES * sum(heights) * 1.2 + 0.9), layout="constrained")
    panels = figure.subplots(len(groups), 1, squeeze=False, sharex="col", height_ratios=heights)[:, 0]
    for panel, (by, parts) in zip(panels, groups, strict=True):
        for name, colour, shift in drawn:
            places = [place + shift for place in range(len(parts))]
            _bars(panel, places, [part.rankers[name][metric] for part in parts], colour, name)
        panel.set_yticks(range(len(parts)), [f"{part.name}  (n = {part.targets:,})" for part in parts])
        panel.set_ylim(len(parts) - 0.5, -0.5)
        panel.set_title(f"{metric.upper()} by {by}", loc="left", fontsize=TEXT_SIZE)
        _style(panel)
        panel.tick_params(labelbottom=True)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(drawn), frameon=False)
    return figure


@mpl.rc_context(STYLE)
def by_day(days: Sequence[SliceResult], metric: str, names: Sequence[str]) -> Figure:
    """Draw a metric by day, of one or two rankers, the first of them in blue with its interval as a band."""
    figure, panel = new_panel(rows=7, title=f"{metric.upper()} by UTC day")
    places = range(len(days))
    for name, colour in zip(names, (BLUE, GREY), strict=False):
        estimates = [day.rankers[name][metric] for day in days]
        panel.plot(places, [each.value for each in estimates], "-o", color=colour, markersize=3, label=name)
        lows, highs = [each.low for each in estimates], [each.high for each in estimates]
        panel.fill_between(places, lows, highs, color=colour, alpha=0.15, linewidth=0)
    labelled = places[:: -(-len(days) // MAX_DAYS_LABELLED)]
    panel.set_xticks(labelled, [days[place].name.partition("-")[2] for place in labelled])
    panel.set_ylim(bottom=0.0)
    panel.legend(loc="lower right", frameon=False)
    _style(panel, axis="y")
    return figure


@mpl.rc_context(STYLE)
def exposure(rankers: Mapping[str, Exposure], attribute: str, targets: Exposure, reference: str) -> Figure:
    """Draw popularity or concentration of the items shown, beside that of the targets."""
    names = _ascending({name: -getattr(shown, attribute) for name, shown in rankers.items()})
    figure, panel = new_panel(rows=len(names), title=f"{EXPOSURE_TITLES[attribute]} of the top 20")
    for place, name in enumerate(names):
        panel.plot(getattr(rankers[name], attribute), place, "o", color=_colour(name, reference), markersize=5)
    panel.set_yticks(range(len(names)), names)
    panel.axvline(getattr(targets, attribute), color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    _style(panel)
    return figure


@mpl.rc_context(STYLE)
def learning_curve(values: Sequence[float], used: int, title: str) -> Figure:
    """Draw a value of each epoch, and mark the epoch that was used.

    Args:
        values: of epoch 1, 2, 3 and so on.
        used: the number of the epoch.
        title: what the values are.
    """
    figure, panel = new_panel(rows=6, title=title)
    panel.plot(range(1, len(values) + 1), values, "-o", color=BLUE, markersize=3, linewidth=1.2)
    panel.axvline(used, color=LIGHT_GREY, linewidth=4, zorder=0, gid=f"used-epoch-{used}")
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    _style(panel, axis="y")
    return figure


@mpl.rc_context(STYLE)
def bare_panel(*, rows: int, title: str) -> tuple[Figure, Axes]:
    """Return a figure for some rows, without frame lines."""
    figure, panel = new_panel(rows=rows, title=title)
    panel.set_ylim(-0.5, rows - 0.5)
    _style(panel)
    return figure, panel


def new_panel(*, rows: int, title: str) -> tuple[Figure, Axes]:
    """Return a figure with one panel, for some rows."""
    figure = Figure(figsize=(WIDTH, max(ROW_INCHES * rows + 0.9, 1.8)), layout="constrained")
    panel = figure.subplots()
    panel.set_title(title, loc="left", fontsize=TEXT_SIZE + 1)
    return figure, panel


def _points(panel: Axes, rows: Iterable[tuple[str, Estimate, str]]) -> None:
    """Draw one point per name, estimate and colour, the first at the bottom."""
    names = []
    for place, (name, estimate, colour) in enumerate(rows):
        _bars(panel, [place], [estimate], colour, name)
        names.append(name)
    panel.set_yticks(range(len(names)), names)
    _style(panel)


def _bars(panel: Axes, places: Sequence[float], estimates: Sequence[Estimate], colour: str, label: str) -> None:
    values = [estimate.value for estimate in estimates]
    # Rounding may put a value just outside its interval, and Matplotlib refuses an error bar of negative length.
    reach = [
        [max(estimate.value - estimate.low, 0.0) for estimate in estimates],
        [max(estimate.high - estimate.value, 0.0) for estimate in estimates],
    ]
    panel.errorbar(
        values, places, xerr=reach, fmt="o", color=colour, markersize=4.5, linewidth=1.4, capsize=2.5, label=label
    )


def _ascending(values: Mapping[str, float]) -> list[str]:
    """Return names by value; the highest is last and so drawn on top."""
    return sorted(values, key=values.__getitem__)


def _annotate(panel: Axes, place: float, estimate: Estimate, text: str, colour: str) -> None:
    """Write a value beside its interval, on the side away from 0."""
    end, shift, side = (estimate.high, 5, "left") if estimate.value >= 0 else (estimate.low, -5, "right")
    panel.annotate(text, (end, place), (shift, 0), textcoords="offset points", va="center", ha=side, color=colour)


def _colour(name: str, reference: str) -> str:
    return BLUE if name == reference else GREY


def _style(panel: Axes, axis: str = "x") -> None:
    """Remove frame lines and draw a light grid along one axis."""
    for side in ("top", "right", *(["left"] if axis == "x" else [])):
        panel.spines[side].set_visible(False)
    panel.grid(axis="x" if axis == "x" else "y", color=LIGHT_GREY, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(length=0 if axis == "x" else 3)
