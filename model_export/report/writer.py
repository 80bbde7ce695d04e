"""Write the files of a report."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from model_export.data.atomic_file import Write, write_together
from model_export.evaluation.evaluate import Report
from model_export.report.page import Plots, page
from nextitem.errors import InputError

PAGE = "report.md"

Curve = Sequence[tuple[float, float, float]]
"""Training loss, validation HR@20 and validation MRR@20 of each epoch."""


def require_plots() -> None:
    """Check that plots can be drawn.

    Raises:
        InputError: Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("a report needs Matplotlib: pip install 'nextitem[report]'")


def write_report(report: Report, folder: Path, history: Curve = ()) -> Path:
    """Write the page and its plots; those of an earlier report are overwritten.

    Args:
        report: the evaluation.
        folder: created if it does not exist.
        history: the training run's epochs, if known.

    Returns:
        The path of the page.

    Raises:
        InputError: Matplotlib is not installed, or a file cannot be written.
    """
    require_plots()
    from model_export.report import plots

    analysis = report.analysis
    reference = analysis.reference
    figures = {Plots.METRICS: plots.metrics(analysis.with_seen.intervals, reference)}
    if analysis.with_seen.differences:
        figures[Plots.DIFFERENCES] = plots.differences(
            analysis.with_seen.differences, reference, analysis.with_seen.intervals[reference]
        )
    if analysis.slices:
        figures[Plots.SLICES] = plots.slices(analysis.slices, reference, analysis.strongest_baseline)
    if analysis.target_exposure is not None:
        figures[Plots.EXPOSURE] = plots.exposure(analysis.exposure, analysis.target_exposure, reference)
    if history:
        figures[Plots.TRAINING] = plots.training(history)
    text = page(report, tuple(figures), history).encode()
    files: dict[Path, Write] = {folder / name: partial(plots.save, figure) for name, figure in figures.items()}
    write_together({**files, folder / PAGE: lambda path: path.write_bytes(text)})
    return folder / PAGE
