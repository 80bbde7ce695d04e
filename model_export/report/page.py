"""The parts of a page: sections with texts, plots and tables. The template gives them their form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from model_export.metrics.bootstrap import Estimate


class Cell(NamedTuple):
    """A cell of a table: a text, and the interval below it; `is_words` for a text that is no figure."""

    text: str
    interval: str = ""
    is_words: bool = False


class Row(NamedTuple):
    """A row of a table; `is_marked` for that of the model."""

    name: str
    cells: Sequence[Cell]
    is_marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its caption, the heads of its columns (the first is that of the rows' names), and its rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Plot:
    """A plot as an SVG element, with a text that says what it shows."""

    svg: str
    text: str


@dataclass(frozen=True)
class Part:
    """A part of a section: a title or none, a text, then its plots side by side, then its tables."""

    title: str = ""
    text: str = ""
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Section:
    """A section of the page, which its contents name."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: its title.
        summary: a paragraph below it.
        warning: what makes the figures wrong; empty if nothing does.
        note: a second paragraph, if there is no warning.
        sections: in their order.
    """

    title: str
    summary: str
    warning: str
    note: str
    sections: Sequence[Section]


def words(text: str) -> Cell:
    """Return a text that is no figure; all cells of its column are such texts."""
    return Cell(text, is_words=True)


def figure(value: float) -> Cell:
    """Return a figure without an interval."""
    return Cell(f"{value:.3f}")


def interval(estimate: Estimate) -> Cell:
    """Return a figure with its interval."""
    return Cell(f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}")


def signed_interval(estimate: Estimate) -> Cell:
    """Return a difference with its interval."""
    return Cell(f"{estimate.value:+.3f}", f"{estimate.low:+.3f} to {estimate.high:+.3f}")
