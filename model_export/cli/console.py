"""What the commands share: consoles, progress bars, JSON, and options that several take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from model_export.data.columns import Columns
from model_export.data.eventfile import read_sessions
from model_export.data.sessions import Sessions

OUT = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
"""Results. Item ids and paths are shown as they are: no markup in them means anything."""
ERR = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
"""Progress, and words that are not the result."""

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SessionColumn = Annotated[str, typer.Option(help="Column with the session id.")]
ItemColumn = Annotated[str, typer.Option(help="Column with the item id.")]
TimeColumn = Annotated[str, typer.Option(help="Column with the time: epoch numbers, ISO 8601, or a running index.")]
UserColumn = Annotated[str | None, typer.Option(help="Column with a user id: sessions are cut from users by gaps.")]
GapMinutes = Annotated[float, typer.Option(min=0, help="With --user-column: a longer gap begins a new session.")]


def columns_of(session: str, item: str, time: str, user: str | None, gap_minutes: float) -> Columns:
    """Return the columns that options name."""
    return Columns(session=session, item=item, time=time, user=user, gap_minutes=gap_minutes)


def read_events(path: Path, columns: Columns) -> Sessions:
    """Return a file's sessions, saying so where users' events cannot be cut by gaps."""
    with waiting(f"reading {path}"):
        sessions = read_sessions(path, columns)
    if columns.user is not None and not sessions.is_epoch:
        say(f"{path}: its times are only an order, which has no gaps: all events of a user are one session")
    return sessions


def print_json(document: Any) -> None:
    """Print a document as JSON on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def say(text: str) -> None:
    """Print words that are not the result."""
    ERR.print(text)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress bars while the block runs; none where standard error is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as bars:
        yield bars


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Show that something of unknown length goes on; gives a function that changes the text."""
    with ERR.status(Text(text)) as status:
        yield lambda stage: status.update(Text(stage))


EventsFile = Annotated[Path, typer.Argument(help="Events: .csv, .csv.gz or .parquet.", show_default=False)]
