"""The plots of a report: points with their intervals, one colour for what is judged and grey for what it is held to.

Draws into figures of its own, never through pyplot's global state. Knows figures and findings, no files but the PNG.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_export.evaluation.analysis import Estimates, SliceResult
from model_export.metrics.bootstrap import Estimate
from model_export.metrics.exposure import Exposure

JUDGED, OTHER, RULE = "#0b5fa5", "#6b7280", "#d1d5db"
METRICS = {"hr@20": "HR@20", "mrr@20": "MRR@20"}
DPI = 144
ROW = 0.32
"""Inches of a row."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; the same figure gives the same bytes."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def metrics(found: Mapping[str, Estimates], judged: str) -> Figure:
    """Each ranker's metrics, the best on top."""
    figure, panels = _panels(len(METRICS), rows=len(found))
    for panel, (metric, title) in zip(panels, METRICS.items(), strict=True):
        ordered = _ordered({name: one[metric].value for name, one in found.items()})
        _points(panel, [(name, found[name][metric], _colour(name, judged)) for name in ordered])
        for at, name in enumerate(ordered):
            _told(panel, at, found[name][metric], f"{found[name][metric].value:.3f}", _colour(name, judged))
        panel.set_xlim(left=0.0)
        panel.margins(x=0.12)
        panel.set_title(f"{title}, with 95 % interval", loc="left", fontsize=10)
    return figure


def differences(found: Mapping[str, Estimates], judged: str, reached: Estimates) -> Figure:
    """The judged ranker minus each other, in the same draws; right of the line it is better.

    Rankers that reach less than half of what the judged one has (`reached`) are left out: they would press all others
    into one corner.
    """
    figure, panels = _panels(len(METRICS), rows=len(found))
    for panel, (metric, title) in zip(panels, METRICS.items(), strict=True):
        ordered = _ordered({name: -one[metric].value for name, one in found.items()})
        rows = [
            (name, found[name][metric]) for name in ordered if found[name][metric].value < reached[metric].value / 2
        ]
        _points(panel, [(name, one, JUDGED if one.low > 0 or one.high < 0 else OTHER) for name, one in rows])
        for at, (_, one) in enumerate(rows):
            _told(panel, at, one, f"{one.value:+.3f}", OTHER)
        panel.margins(x=0.2)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_title(f"{title}: {judged} minus baseline", loc="left", fontsize=10)
    figure.supxlabel(
        "blue: the paired difference's 95 % interval leaves 0 out; baselines that reach less than half are left out",
        fontsize=8,
        color=OTHER,
    )
    return figure


def slices(found: Sequence[SliceResult], judged: str, rival: str | None) -> Figure:
    """Both metrics in each slice, of the judged ranker and the strongest baseline."""
    groups = [(by, list(parts)) for by, parts in groupby(found, key=lambda one: one.by)]
    heights = [len(parts) + 1.2 for _, parts in groups]
    figure = Figure(figsize=(9, ROW * sum(heights) * 1.25 + 0.9), layout="constrained")
    grid = figure.subplots(len(groups), len(METRICS), squeeze=False, sharex="col", height_ratios=heights)
    names = [(judged, JUDGED, -0.13), *([(rival, OTHER, 0.13)] if rival is not None else [])]
    for row, (by, parts) in enumerate(groups):
        for column, (metric, title) in enumerate(METRICS.items()):
            panel = grid[row][column]
            for name, colour, shift in names:
                places = [at + shift for at in range(len(parts))]
                _bars(panel, places, [part.rankers[name][metric] for part in parts], colour, name)
            labels = [f"{part.name}  (n = {part.targets:,})" for part in parts] if column == 0 else [""] * len(parts)
            panel.set_yticks(range(len(parts)), labels)
            panel.set_ylim(len(parts) - 0.5, -0.5)
            panel.set_title(f"{by[0].upper()}{by[1:]}: {title}" if column == 0 else title, loc="left", fontsize=9)
            _plain(panel)
            panel.tick_params(labelbottom=True)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9)
    return figure


def exposure(shown: Mapping[str, Exposure], wanted: Exposure, judged: str) -> Figure:
    """How popular and how concentrated the items shown are, beside those that were wanted."""
    figure, panels = _panels(2, rows=len(shown))
    for panel, (name_of, title) in zip(
        panels,
        (("percentile", "Mean popularity percentile of the top 20"), ("gini", "Gini coefficient of what is shown")),
        strict=True,
    ):
        ordered = _ordered({name: -getattr(one, name_of) for name, one in shown.items()})
        for at, name in enumerate(ordered):
            panel.plot(getattr(shown[name], name_of), at, "o", color=_colour(name, judged), markersize=5)
        panel.set_yticks(range(len(ordered)), ordered)
        panel.axvline(getattr(wanted, name_of), color="black", linewidth=0.8, linestyle=(0, (4, 3)))
        panel.set_title(title, loc="left", fontsize=10)
        _plain(panel)
    figure.supxlabel("dashed: the items that visitors went to", fontsize=8, color=OTHER)
    return figure


def training(history: Sequence[tuple[float, float, float]]) -> Figure:
    """Loss, and the metrics on the validation days, by epoch; the kept epoch is marked."""
    figure, panels = _panels(3, rows=6)
    epochs = range(1, len(history) + 1)
    best = max(epochs, key=lambda epoch: history[epoch - 1][2])
    for at, (panel, title) in enumerate(
        zip(panels, ("Training loss", "Validation HR@20", "Validation MRR@20"), strict=True)
    ):
        values = [epoch[at] for epoch in history]
        panel.plot(epochs, values, "-o", color=JUDGED, markersize=3, linewidth=1.2)
        panel.axvline(best, color=RULE, linewidth=4, zorder=0)
        panel.set_title(title, loc="left", fontsize=10)
        panel.set_xlabel("epoch", fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(panel, axis="y")
    figure.supxlabel(f"grey: epoch {best}, the best validation MRR@20", fontsize=8, color=OTHER)
    return figure


def _panels(count: int, *, rows: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, max(ROW * rows + 1.1, 2.2)), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _points(panel: Axes, rows: Iterable[tuple[str, Estimate, str]]) -> None:
    labels = []
    for at, (name, one, colour) in enumerate(rows):
        _bars(panel, [at], [one], colour, name)
        labels.append(name)
    panel.set_yticks(range(len(labels)), labels)
    _plain(panel)


def _bars(panel: Axes, places: Sequence[float], found: Sequence[Estimate], colour: str, label: str) -> None:
    values = [one.value for one in found]
    # A percentile interval may leave the value itself out by a rounding error; no error bar has a negative length.
    reach = [[max(one.value - one.low, 0.0) for one in found], [max(one.high - one.value, 0.0) for one in found]]
    panel.errorbar(
        values, places, xerr=reach, fmt="o", color=colour, markersize=4.5, linewidth=1.4, capsize=2.5, label=label
    )


def _ordered(values: Mapping[str, float]) -> list[str]:
    """Names by value, the highest last and so on top."""
    return sorted(values, key=values.__getitem__)


def _told(panel: Axes, at: float, one: Estimate, text: str, colour: str) -> None:
    """Write a value beside its interval, on the side that is away from 0."""
    end, shift, side = (one.high, 5, "left") if one.value >= 0 else (one.low, -5, "right")
    panel.annotate(
        text, (end, at), (shift, 0), textcoords="offset points", va="center", ha=side, fontsize=8, color=colour
    )


def _colour(name: str, judged: str) -> str:
    return JUDGED if name == judged else OTHER


def _plain(panel: Axes, axis: str = "x") -> None:
    for side in ("top", "right", "left" if axis == "x" else "top"):
        panel.spines[side].set_visible(False)
    panel.grid(axis="x" if axis == "x" else "y", color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=8, length=0 if axis == "x" else 3)
