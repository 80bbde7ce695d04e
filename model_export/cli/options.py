"""Options that several commands take, one by one or in groups."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from model_export.data.columns import Columns

EventsFile = Annotated[Path, typer.Argument(help="Events: .csv, .csv.gz or .parquet.", show_default=False)]
ArtifactFolder = Annotated[Path, typer.Argument(help="An artifact's folder, named by its version.", show_default=False)]
SeenItems = Annotated[list[str], typer.Argument(help="Items of the session, oldest first.", show_default=False)]
ExcludeSeen = Annotated[bool, typer.Option("--exclude-seen", help="Do not recommend the items of the session.")]
ItemNames = Annotated[Path | None, typer.Option(help="CSV with the columns item_id and name, to show names.")]
TestDays = Annotated[int, typer.Option(min=1, help="UTC days of the test period, by the start of the session.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True)
class ColumnOptions:
    """The columns of an event file."""

    session_column: Annotated[str, typer.Option(help="Column of the session id.")] = Columns.session
    item_column: Annotated[str, typer.Option(help="Column of the item id.")] = Columns.item
    time_column: Annotated[
        str, typer.Option(help="Column of the time: ISO 8601, epoch numbers, or a running index.")
    ] = Columns.time
    user_column: Annotated[
        str | None, typer.Option(help="Column of a user id: each user's events are cut into sessions.")
    ] = Columns.user
    gap_minutes: Annotated[
        float, typer.Option(min=0, help="With --user-column: a longer pause begins a new session.")
    ] = Columns.gap_minutes

    @property
    def columns(self) -> Columns:
        """The columns to read."""
        return Columns(self.session_column, self.item_column, self.time_column, self.user_column, self.gap_minutes)


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command for typer in which each parameter of a dataclass is one option per field.

    Example:
        ``def split(columns: ColumnOptions)`` gets the options ``--session-column``, ``--item-column`` and so on.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            types = get_type_hints(groups[name], include_extras=True)
            options = {field.name: (types[field.name], field.default) for field in fields(groups[name])}
        else:
            options = {name: (hints[name], parameter.default)}
        for option, (hint, default) in options.items():
            parameters.append(
                inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
            )

    @wraps(command)
    def flat(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect, unknown to typing
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat
