"""Draw the plots of a report: points with their intervals, the model in blue and the baselines in grey.

Each figure is a `Figure` of its own; pyplot's global state is not used.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_export.evaluation.analysis import COMPARED, Estimates, SliceResult
from model_export.metrics.bootstrap import Estimate
from model_export.metrics.exposure import Exposure
from model_export.metrics.ranking import Accuracy

BLUE, GREY, LIGHT_GREY = "#0b5fa5", "#6b7280", "#d1d5db"
TITLES = {metric: metric.upper() for metric in COMPARED}
DPI = 144
ROW_INCHES = 0.32


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; the same figure gives the same bytes."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def metrics(rankers: Mapping[str, Estimates], reference: str) -> Figure:
    """Draw each ranker's metrics, the best on top."""
    figure, panels = _panels(len(TITLES), rows=len(rankers))
    for panel, (metric, title) in zip(panels, TITLES.items(), strict=True):
        names = _ascending({name: estimates[metric].value for name, estimates in rankers.items()})
        _points(panel, [(name, rankers[name][metric], _colour(name, reference)) for name in names])
        for place, name in enumerate(names):
            estimate = rankers[name][metric]
            _annotate(panel, place, estimate, f"{estimate.value:.3f}", _colour(name, reference))
        panel.set_xlim(left=0.0)
        panel.margins(x=0.12)
        panel.set_title(f"{title}, with 95 % interval", loc="left", fontsize=10)
    return figure


def differences(rankers: Mapping[str, Estimates], reference: str, reached: Estimates) -> Figure:
    """Draw the reference minus each other ranker; right of the line the reference is better.

    Rankers that reach less than half of the reference's metric (`reached`) are left out, because they would compress
    the scale of the others.
    """
    figure, panels = _panels(len(TITLES), rows=len(rankers))
    for panel, (metric, title) in zip(panels, TITLES.items(), strict=True):
        names = _ascending({name: -estimates[metric].value for name, estimates in rankers.items()})
        rows = [
            (name, rankers[name][metric]) for name in names if rankers[name][metric].value < reached[metric].value / 2
        ]
        _points(panel, [(name, row, BLUE if row.low > 0 or row.high < 0 else GREY) for name, row in rows])
        for place, (_, estimate) in enumerate(rows):
            _annotate(panel, place, estimate, f"{estimate.value:+.3f}", GREY)
        panel.margins(x=0.2)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_title(f"{title}: {reference} minus baseline", loc="left", fontsize=10)
    _note(
        figure,
        "blue: the 95 % interval of the paired difference excludes 0; baselines below half of the model left out",
    )
    return figure


def slices(results: Sequence[SliceResult], reference: str, baseline: str | None) -> Figure:
    """Draw both metrics in each slice, of the reference and the strongest baseline."""
    groups = [(by, list(parts)) for by, parts in groupby(results, key=lambda part: part.by)]
    heights = [len(parts) + 1.2 for _, parts in groups]
    figure = Figure(figsize=(9, ROW_INCHES * sum(heights) * 1.25 + 0.9), layout="constrained")
    grid = figure.subplots(len(groups), len(TITLES), squeeze=False, sharex="col", height_ratios=heights)
    names = [(reference, BLUE, -0.13), *([(baseline, GREY, 0.13)] if baseline is not None else [])]
    for row, (by, parts) in enumerate(groups):
        for column, (metric, title) in enumerate(TITLES.items()):
            panel = grid[row][column]
            for name, colour, shift in names:
                places = [place + shift for place in range(len(parts))]
                _bars(panel, places, [part.rankers[name][metric] for part in parts], colour, name)
            labels = [f"{part.name}  (n = {part.targets:,})" for part in parts] if column == 0 else [""] * len(parts)
            panel.set_yticks(range(len(parts)), labels)
            panel.set_ylim(len(parts) - 0.5, -0.5)
            panel.set_title(f"{by[0].upper()}{by[1:]}: {title}" if column == 0 else title, loc="left", fontsize=9)
            _style(panel)
            panel.tick_params(labelbottom=True)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9)
    return figure


def exposure(rankers: Mapping[str, Exposure], targets: Exposure, reference: str) -> Figure:
    """Draw popularity and concentration of the items shown, beside those of the targets."""
    figure, panels = _panels(2, rows=len(rankers))
    titles = {
        "percentile": "Mean popularity percentile of the top 20",
        "gini": "Gini coefficient of the top 20",
    }
    for panel, (attribute, title) in zip(panels, titles.items(), strict=True):
        names = _ascending({name: -getattr(shown, attribute) for name, shown in rankers.items()})
        for place, name in enumerate(names):
            panel.plot(getattr(rankers[name], attribute), place, "o", color=_colour(name, reference), markersize=5)
        panel.set_yticks(range(len(names)), names)
        panel.axvline(getattr(targets, attribute), color="black", linewidth=0.8, linestyle=(0, (4, 3)))
        panel.set_title(title, loc="left", fontsize=10)
        _style(panel)
    _note(figure, "dashed: the targets, the items that visitors went to")
    return figure


def training(history: Sequence[tuple[float, float, float]]) -> Figure:
    """Draw loss and validation metrics by epoch, and mark the epoch that training keeps."""
    figure, panels = _panels(3, rows=6)
    epochs = range(1, len(history) + 1)
    kept = max(epochs, key=lambda epoch: Accuracy(*history[epoch - 1][1:]).objective)
    titles = ("Training loss", "Validation HR@20", "Validation MRR@20")
    for panel, title, values in zip(panels, titles, zip(*history, strict=True), strict=True):
        panel.plot(epochs, values, "-o", color=BLUE, markersize=3, linewidth=1.2)
        panel.axvline(kept, color=LIGHT_GREY, linewidth=4, zorder=0)
        panel.set_title(title, loc="left", fontsize=10)
        panel.set_xlabel("epoch", fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        _style(panel, axis="y")
    _note(figure, f"grey: epoch {kept}, with the highest validation HR@20 + 2 MRR@20, is kept")
    return figure


def _panels(count: int, *, rows: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, max(ROW_INCHES * rows + 1.1, 2.2)), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


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
    panel.annotate(
        text, (end, place), (shift, 0), textcoords="offset points", va="center", ha=side, fontsize=8, color=colour
    )


def _note(figure: Figure, text: str) -> None:
    figure.supxlabel(text, fontsize=8, color=GREY)


def _colour(name: str, reference: str) -> str:
    return BLUE if name == reference else GREY


def _style(panel: Axes, axis: str = "x") -> None:
    """Remove frame lines and draw a light grid along one axis."""
    for side in ("top", "right", *(["left"] if axis == "x" else [])):
        panel.spines[side].set_visible(False)
    panel.grid(axis="x" if axis == "x" else "y", color=LIGHT_GREY, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=8, length=0 if axis == "x" else 3)
