"""Options that several commands take, one by one or in groups."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from model_export.data.layout import Collapse, InputFormat, Layout
from model_export.data.presets import PRESETS
from model_export.training.run_folder import refuse_artifact, refuse_run
from nextitem.errors import InputError, PathUnusable


def check_artifact(folder: Path) -> Path:
    """Return an artifact's folder, unless it is obviously another one."""
    refuse_run(folder)
    return folder


def check_run(folder: Path | None) -> Path | None:
    """Return a run's folder, unless it is obviously another one."""
    if folder is not None:
        refuse_artifact(folder)
    return folder


EventFiles = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders or s3:// addresses of events: .csv, .tsv, .jsonl (each also with .gz) or .parquet.",
        show_default=False,
    ),
]
ArtifactFolder = Annotated[
    Path,
    typer.Argument(help="An artifact's folder, named by its version.", show_default=False, callback=check_artifact),
]
SeenItems = Annotated[list[str], typer.Argument(help="Items of the session, oldest first.", show_default=False)]
ExcludeSeen = Annotated[bool, typer.Option("--exclude-seen", help="Do not recommend the items of the session.")]
ItemNames = Annotated[Path | None, typer.Option(help="CSV with the columns item_id and title, to show titles.")]
TestDays = Annotated[int, typer.Option(min=1, help="UTC days of the test period, by the start of the session.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


WITH_TYPES = "the column type has the types of events; train and evaluate read it with --type-column type"
"""Printed by the commands that write it."""


@dataclass(frozen=True)
class LayoutOptions:
    """The layout of event files. None: as `Layout` has it."""

    session_column: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Column of the session id, by default {Layout.session[0]}; repeat it if several columns are unique "
            "only together.",
            show_default=False,
        ),
    ] = None
    item_column: Annotated[
        str | None, typer.Option(help=f"Column of the item id, by default {Layout.item}.", show_default=False)
    ] = None
    time_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the time: ISO 8601, epoch numbers, a running index, or see --time-format; by default "
            f"{Layout.time}.",
            show_default=False,
        ),
    ] = None
    user_column: Annotated[
        str | None, typer.Option(help="Column of a user id: each user's events are cut into sessions.")
    ] = None
    gap_minutes: Annotated[
        float | None,
        typer.Option(
            min=0,
            help=f"With --user-column: a longer pause begins a new session; by default {Layout.gap_minutes:g}.",
            show_default=False,
        ),
    ] = None
    type_column: Annotated[
        str | None, typer.Option(help="Column of the event's type, such as view or purchase; see --keep.")
    ] = None
    keep: Annotated[
        str | None,
        typer.Option(
            help="Types of events that count, comma-separated, such as view,cart or, under other names, "
            "'Product Viewed=view'; by default all."
        ),
    ] = None
    collapse: Annotated[
        Collapse | None,
        typer.Option(
            help="Events to drop: repeats of item and type right before in the session, only duplicates (also of its "
            "time), or nothing. By default split and prepare drop repeats, and other commands nothing.",
            show_default=False,
        ),
    ] = None
    input_format: Annotated[
        InputFormat | None, typer.Option(help="Format of files whose suffix says nothing, such as .dat or .txt.")
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(help=r"Between two fields of CSV, such as ';', '::' or '\t'; by default a comma, in TSV a tab."),
    ] = None
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header", help="Without a header, the columns are named 1, 2, 3.", show_default=False
        ),
    ] = None
    quotes: Annotated[
        bool | None,
        typer.Option(
            "--quotes/--no-quotes",
            help="In CSV and TSV: double quotes are quotes, or only letters.",
            show_default=False,
        ),
    ] = None
    time_format: Annotated[
        str | None,
        typer.Option(
            help="Format of times that are not ISO 8601 or numbers, in codes of strptime, such as '%m/%d/%Y %H:%M'."
        ),
    ] = None
    drop_empty: Annotated[
        bool | None,
        typer.Option("--drop-empty", help="Drop rows without session (or user) or item id.", show_default=False),
    ] = None
    time_offset_column: Annotated[
        str | None, typer.Option(help="Column of milliseconds that are added to a date in --time-column.")
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help="Layout of well-known files, see `nextitem presets`; other options override it."),
    ] = None

    @property
    def layout(self) -> Layout:
        """The layout of the files.

        Raises:
            InputError: there is no such preset, or the options contradict each other.
        """
        base = Layout() if self.preset is None else _preset(self.preset)
        if self.session_column is not None and base.user is not None:
            base = replace(base, user=None)
        if self.session_column is not None and self.user_column is not None:
            raise InputError(
                "--user-column cuts sessions by pauses, and --session-column reads them: give one of both. If session "
                f"ids are unique only per user: --session-column {self.user_column} "
                f"--session-column {self.session_column[0]}"
            )
        chosen: dict[str, Any] = {
            "session": None if self.session_column is None else tuple(self.session_column),
            "item": self.item_column,
            "time": self.time_column,
            "user": self.user_column,
            "gap_minutes": self.gap_minutes,
            "type": self.type_column,
            "keep": None if self.keep is None else _listed(self.keep),
            "collapse": self.collapse,
            "input_format": self.input_format,
            # Few shells can write a tab.
            "delimiter": None if self.delimiter is None else self.delimiter.replace(r"\t", "\t"),
            "header": self.header,
            "quotes": self.quotes,
            "time_offset": self.time_offset_column,
            "time_format": self.time_format,
            "drop_empty": self.drop_empty,
        }
        layout = replace(base, **{name: value for name, value in chosen.items() if value is not None})
        if self.gap_minutes is not None and layout.user is None:
            raise InputError("--gap-minutes cuts the events of users: name the column of the users with --user-column")
        return layout


def _preset(name: str) -> Layout:
    if name not in PRESETS:
        near = get_close_matches(name.lower(), PRESETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the presets are {', '.join(PRESETS)}"
        raise InputError(f"there is no preset {name!r}; {hint}")
    return PRESETS[name].layout


def _listed(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated text.

    Raises:
        InputError: there is none.
    """
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise InputError("--keep names no type of events; write for example --keep view,cart")
    return parts


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command for typer in which each parameter of a dataclass is one option per field.

    A field is annotated with its `typer.Option`, or with the option's help text alone.

    Example:
        ``def split(layout: LayoutOptions)`` gets the options ``--session-column``, ``--item-column`` and so on.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            types = get_type_hints(groups[name], include_extras=True)
            options = {field.name: (_option(types[field.name]), field.default) for field in fields(groups[name])}
        else:
            options = {name: (hints[name], parameter.default)}
        for option, (hint, default) in options.items():
            parameters.append(
                inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
            )

    @wraps(command)
    def flat(**values: Any) -> None:
        given = dict(values)
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        try:
            command(**values)
        except PathUnusable as error:
            raise InputError(f"{_parameter_of(error.path, given, flat.__annotations__)}{error}") from error

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect, unknown to typing
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _parameter_of(path: str, values: Mapping[str, Any], hints: Mapping[str, Any]) -> str:
    """Return the option or argument whose value is a path, or else a folder above it, with a colon; empty for none."""
    named = {
        str(each).rstrip("/"): name
        for name, value in values.items()
        for each in (value if isinstance(value, list | tuple) else [value])
    }
    above = [path.rstrip("/"), *map(str, Path(path).parents)]
    name = next((named[each] for each in above if each in named), None)
    return "" if name is None else f"{_shown_name(name, hints[name])}: "


def _shown_name(name: str, hint: Any) -> str:
    """Return the name of an option or argument as a person writes it."""
    for note in get_args(hint)[1:]:
        if isinstance(note, ArgumentInfo):
            return name.upper()
        if isinstance(note, OptionInfo) and note.param_decls:
            return str(note.param_decls[0])
    return f"--{name.replace('_', '-')}"


def _option(hint: Any) -> Any:
    """Return an annotation as typer reads it: a text becomes the help of an option."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    texts = [typer.Option(help=note) if isinstance(note, str) else note for note in notes]
    return Annotated[kind, *texts] if texts else hint
