"""Draw the plots of a page about drift."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from model_export.drift.report import ELEVATED, MODERATE, Change, HitRate, Measure
from model_export.report.plots import BLUE, GREY, INK, LIGHT_GREY, STYLE, bare_panel

DASHED = (0, (4, 3))


@mpl.rc_context(STYLE)
def divergences(measures: Sequence[Measure]) -> Figure:
    """Draw the PSI of each measure beside what chance would make of it, and the bounds of the levels."""
    figure, panel = bare_panel(rows=len(measures), title="PSI; grey: by chance, up to its bound")
    places = range(len(measures))[::-1]
    panel.hlines(places, 0, [each.bound for each in measures], color=LIGHT_GREY, linewidth=7)
    panel.plot([each.expected for each in measures], places, "|", color=GREY, markersize=9)
    for place, each in zip(places, measures, strict=True):
        panel.plot(each.psi, place, "o", color=BLUE if each.excess else GREY, markersize=5)
    panel.set_yticks(places, [f"{each.name} / {each.against}" for each in measures])
    for bound in (MODERATE, ELEVATED):
        panel.axvline(bound, color=INK, linewidth=0.8, linestyle=DASHED)
    panel.set_xlim(left=0.0, right=max([ELEVATED, *(max(each.psi, each.bound) for each in measures)]) * 1.1)
    return figure


@mpl.rc_context(STYLE)
def changes(rows: Sequence[Change], title: str) -> Figure:
    """Draw the shares of names before (grey) and now (blue)."""
    figure, panel = bare_panel(rows=len(rows), title=title)
    for place, change in zip(range(len(rows))[::-1], rows, strict=True):
        panel.plot([change.before, change.now], [place, place], color=LIGHT_GREY, linewidth=2, zorder=1)
        panel.plot(change.before, place, "o", color=GREY, markersize=5)
        panel.plot(change.now, place, "o", color=BLUE, markersize=5)
    panel.set_yticks(range(len(rows))[::-1], [change.name for change in rows])
    panel.set_xlim(left=0.0)
    panel.margins(x=0.1)
    return figure


@mpl.rc_context(STYLE)
def hit_rates(rates: Sequence[HitRate], promised: float) -> Figure:
    """Draw the online hit rate of each version with its interval; dashed: what the measured version's profile says."""
    figure, panel = bare_panel(rows=len(rates), title="Online hit@20, with 95 % interval")
    for place, rate in zip(range(len(rates))[::-1], rates, strict=True):
        reach = [[max(rate.value - rate.low, 0.0)], [max(rate.high - rate.value, 0.0)]]
        panel.errorbar(rate.value, place, xerr=reach, fmt="o", color=BLUE, markersize=5, linewidth=1.4, capsize=2.5)
    panel.set_yticks(range(len(rates))[::-1], [f"{rate.version} ({rate.variant})" for rate in rates])
    panel.axvline(promised, color=INK, linewidth=0.8, linestyle=DASHED)
    panel.set_xlim(0.0, 1.0)
    return figure
