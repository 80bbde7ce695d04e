"""Write the page of a report."""

from collections.abc import Mapping
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from model_export.data.atomic_file import write_atomically
from model_export.data.ingestion.figures import Summary
from model_export.drift.report import DriftReport
from model_export.evaluation.evaluate import Report
from model_export.report.page import Page
from model_export.training.run_folder import RunRecord
from nextitem.errors import InputError

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "page.html.j2"
SUFFIX = ".html"
LIBRARIES = {"matplotlib": "Matplotlib", "jinja2": "Jinja2"}
"""Names of the libraries of the extra `report`, by their modules."""


def check_report(path: Path) -> None:
    """Check that a page can be written, before the work that it shows.

    Raises:
        InputError: the file's name is not that of an HTML page, or Matplotlib or Jinja2 is not installed.
    """
    if path.suffix != SUFFIX:
        raise InputError(f"the report {path} must be named *{SUFFIX}: it is one HTML page")
    if missing := [name for module, name in LIBRARIES.items() if find_spec(module) is None]:
        raise InputError(f"a report needs {' and '.join(missing)}: pip install 'nextitem[report]'")


def write_report(report: Report, path: Path, data: Mapping[str, Summary], run: RunRecord | None = None) -> None:
    """Write an evaluation as one HTML file, with its plots inside.

    Args:
        report: the evaluation.
        path: of the file, which is overwritten.
        data: summaries of the events, by a name such as "Test events".
        run: the training run of the model, if known.

    Raises:
        InputError: the file cannot be written.
    """
    from model_export.report.sections import page_of

    _write(page_of(report, run, data), path)


def write_drift_report(report: DriftReport, path: Path) -> None:
    """Write a measurement of drift as one HTML file, with its plots inside.

    Raises:
        InputError: the file cannot be written.
    """
    from model_export.report.drift_sections import drift_page

    _write(drift_page(report), path)


def _write(page: Page, path: Path) -> None:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from model_export.report.plots import with_own_ids

    numbers = count(1)

    def inline(svg: str) -> Markup:
        """Mark our own SVG, whose texts Matplotlib has escaped, as HTML."""
        return Markup(with_own_ids(svg, f"plot{next(numbers)}"))  # noqa: S704 - see the docstring

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = inline
    text = environment.get_template(TEMPLATE).render(page=page).encode()
    write_atomically(path, lambda incoming: incoming.write_bytes(text))
