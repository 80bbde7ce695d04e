"""Writes a report's files. Knows neither what is drawn nor how the page reads."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from model_export.data.atomic_file import write_atomically
from model_export.evaluation.evaluate import Report
from model_export.report.page import Plots, page
from nextitem.errors import InputError

PAGE = "report.md"

Curve = Sequence[tuple[float, float, float]]
"""Loss, HR@20 and MRR@20 on the validation days, by epoch."""


def require_plots() -> None:
    """Return if plots can be drawn.

    Raises:
        InputError: Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("a report needs Matplotlib: pip install 'nextitem[report]'")


def write_report(report: Report, folder: Path, history: Curve = ()) -> Path:
    """Write the page and its plots, over those of an earlier evaluation.

    Args:
        report: what was found.
        folder: where; made if it is not there.
        history: the training run's epochs, where they are known.

    Returns:
        The page.

    Raises:
        InputError: Matplotlib is not installed, or a file cannot be written.
    """
    require_plots()
    from model_export.report import plots

    analysis = report.analysis
    figures = {Plots.METRICS: plots.metrics(analysis.metrics, analysis.reference)}
    if analysis.differences:
        figures[Plots.DIFFERENCES] = plots.differences(
            analysis.differences, analysis.reference, analysis.metrics[analysis.reference]
        )
    if analysis.slices:
        figures[Plots.SLICES] = plots.slices(analysis.slices, analysis.reference, analysis.rival)
    if analysis.wanted is not None:
        figures[Plots.EXPOSURE] = plots.exposure(analysis.shown, analysis.wanted, analysis.reference)
    if history:
        figures[Plots.TRAINING] = plots.training(history)
    for name, figure in figures.items():
        write_atomically(folder / name, partial(plots.save, figure))
    text = page(report, tuple(figures), history).encode()
    write_atomically(folder / PAGE, lambda path: path.write_bytes(text))
    return folder / PAGE
