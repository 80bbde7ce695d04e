"""Consoles, progress bars and JSON of the commands."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import typer
from rich.console import Console

from model_export.data.ingestion.figures import Figures
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions
from model_export.view import View, shown

OUT = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
"""Standard output, for results. Item ids and paths are printed as they are, not read as markup."""
ERR = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
"""Standard error, for progress and messages."""


def read_events(names: Sequence[str], layout: Layout) -> tuple[Sessions, Figures]:
    """Return the sessions of files and their summary, and show the summary."""
    files = ", ".join(names)
    with waiting(f"reading {files}"):
        # Imported lazily: `--help` must not wait for DuckDB and Ibis.
        from model_export.data.ingestion.reader import read_files

        sessions, figures = read_files(names, layout)
    if layout.user is not None and not sessions.is_epoch:
        say(f"{files}: the times are only an order, which has no gaps: all events of a user are one session")
    if is_leader():
        say_figures(files, figures, figures.warnings())
    return sessions, figures


def say_figures(name: str, figures: Figures, warnings: Iterable[str]) -> None:
    """Print a summary of events."""
    first, *others = figures.lines()
    say(f"{name}: {first}")
    for line in others:
        say(f"  {line}")
    warn(warnings)


def warn(warnings: Iterable[str]) -> None:
    """Print warnings."""
    for warning in warnings:
        say(f"warning: {warning}")


def is_leader() -> bool:
    """Return whether this process reports, of those that torchrun has started together."""
    return os.environ.get("RANK", "0") == "0"


def print_json(document: Any) -> None:
    """Print a document as JSON on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def say(text: str) -> None:
    """Print a message on standard error."""
    ERR.print(text)


_views: list[View] = []
"""The view that is shown, if there is one: a console has one live line."""


@contextmanager
def progress() -> Iterator[View]:
    """Show a work while the block runs. Within another such block, it is a part of that one's work."""
    if _views:
        yield _views[-1]
        return
    with shown(ERR, silent=not is_leader()) as view:
        _views.append(view)
        try:
            yield view
        finally:
            _views.pop()


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show that a phase of unknown length runs; gives a function that changes the text."""
    with progress() as view:
        view.begin(text)
        yield view.begin
