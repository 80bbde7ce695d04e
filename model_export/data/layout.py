"""The layout of event files: their format, the columns that are read, and the rows that count."""

from dataclasses import dataclass
from typing import Literal, get_args

from model_export.data.time_format import TimeFormat
from nextitem.errors import InputError

Collapse = Literal["nothing", "duplicates", "repeats"]
"""Events that are dropped: those with item, type and time of the session's event before, or with its item and type."""
COLLAPSES: tuple[Collapse, ...] = get_args(Collapse)

MAX_SESSION_EVENTS = 100_000
"""Maximum events of a session. A longer one is a bot, or a default value for the id."""

MAX_DELIMITER_BYTES = 4

InputFormat = Literal["csv", "tsv", "jsonl", "parquet"]


@dataclass(frozen=True)
class Layout:
    """How event files are laid out; columns that it does not name are ignored.

    A column is a name, or a path to a value inside a column, such as ``events[].aid`` (`ingestion.paths`).

    Attributes:
        session: columns of the session id, which is unique only together; not read when `user` is set.
        item: column of the item id.
        time: column of the event's time, or of a running index that only orders the events.
        user: column of the user id; when set, each user's events are cut into sessions.
        gap_minutes: a longer pause ends such a session. A running index has no minutes: there each user is one session.
        type: column of the event's type, such as a view or a purchase; without one every event is a view.
        keep: types of events that count, each as it is in the files, or as ``type=label``; empty: all.
        collapse: events that do not count because they repeat the one before; None: `split` and `prepare` drop
            repeats, and other commands nothing, because they read what those have written.
        input_format: "csv", "tsv", "jsonl" or "parquet"; None: as the files' names say.
        delimiter: between two fields of CSV or TSV, one to four bytes; None: a comma, and a tab in TSV.
        header: whether the first record of CSV or TSV names the columns; without it they are named 1, 2, 3.
        quotes: whether double quotes around a field of CSV or TSV are no part of it; None: they are none, but a
            field of TSV that holds a tab or a line end in quotes is a fault: most are lone quotes in free text.
        time_offset: column of milliseconds that are added to a date in the column of the time.
        time_format: codes of `strptime` for times that are in no form that is known without them.
        drop_empty: whether rows without session (or user) or item id are dropped, and not a fault.
    """

    session: tuple[str, ...] = ("session_id",)
    item: str = "item_id"
    time: str = "timestamp"
    user: str | None = None
    gap_minutes: float = 30.0
    type: str | None = None
    keep: tuple[str, ...] = ()
    collapse: Collapse | None = None
    input_format: InputFormat | None = None
    delimiter: str | None = None
    header: bool = True
    quotes: bool | None = None
    time_offset: str | None = None
    time_format: str | None = None
    drop_empty: bool = False

    def __post_init__(self) -> None:
        """Check what the type of a field does not say.

        Raises:
            InputError: types of events are chosen, but no column holds them; `collapse` is none of its values; the
                delimiter cannot be one; or `time_format` has unknown codes or names no day.
        """
        if self.time_format is not None:
            TimeFormat.parse(self.time_format)
        if self.collapse not in (None, *COLLAPSES):
            raise InputError(f"--collapse must be one of {', '.join(COLLAPSES)}, not {self.collapse!r}")
        if self.keep and self.type is None:
            raise InputError("--keep chooses events by type: name the type's column with --type-column")
        if len(self.labels) < len(self.keep):
            raise InputError(f"--keep names a type twice: {', '.join(self.keep)}")
        delimiter = "," if self.delimiter is None else self.delimiter
        if not 1 <= len(delimiter.encode()) <= MAX_DELIMITER_BYTES or set(delimiter) & set('"\r\n\0'):
            rule = f"one to {MAX_DELIMITER_BYTES} bytes without quotes and line ends"
            raise InputError(f"--delimiter must be {rule}, not {delimiter!r}")

    @property
    def labels(self) -> dict[str, str]:
        """The label of each type that counts, by the type in the files; empty: all types count, each its own label."""
        return dict(map(_labelled, self.keep))

    @property
    def has_types(self) -> bool:
        """Whether events of several types may count."""
        return self.type is not None and len({*self.labels.values()}) != 1

    @property
    def owner(self) -> tuple[str, ...]:
        """The columns that group the events: the user's if set, else the session's."""
        return self.session if self.user is None else (self.user,)


def _labelled(text: str) -> tuple[str, str]:
    """Return the type that a text of `Layout.keep` names, and its label."""
    kind, equals, label = text.rpartition("=")
    return (kind, label) if equals else (text, text)
