"""The layout of event files: their format, the columns that are read, and the rows that count."""

from dataclasses import dataclass
from typing import Literal, get_args

from nextitem.errors import InputError

Collapse = Literal["nothing", "duplicates", "repeats"]
"""Events that are dropped: those with session, item, time and type of the event before, or all with its item."""
COLLAPSES: tuple[Collapse, ...] = get_args(Collapse)

MAX_SESSION_EVENTS = 100_000
"""Maximum events of a session. A longer one is a bot, or a default value for the id."""


@dataclass(frozen=True)
class Layout:
    """How event files are laid out; columns that it does not name are ignored.

    Attributes:
        session: columns of the session id, which is unique only together; not read when `user` is set.
        item: column of the item id.
        time: column of the event's time, or of a running index that only orders the events.
        user: column of the user id; when set, each user's events are cut into sessions.
        gap_minutes: a longer pause ends such a session. A running index has no minutes: there each user is one session.
        event: column of the event's type, such as a view or a purchase.
        keep: types of events that count; empty: all.
        collapse: events that do not count because they repeat the one before.
    """

    session: tuple[str, ...] = ("session_id",)
    item: str = "item_id"
    time: str = "timestamp"
    user: str | None = None
    gap_minutes: float = 30.0
    event: str | None = None
    keep: tuple[str, ...] = ()
    collapse: Collapse = "repeats"

    def __post_init__(self) -> None:
        """Check what counts.

        Raises:
            InputError: types are chosen without a column that holds them, or `collapse` is none of its values.
        """
        if self.collapse not in COLLAPSES:
            raise InputError(f"--collapse must be one of {', '.join(COLLAPSES)}, not {self.collapse!r}")
        if self.keep and self.event is None:
            raise InputError("--keep chooses events by type: name the type's column with --event-column")

    @property
    def owner(self) -> tuple[str, ...]:
        """The columns that group the events: the user's if set, else the session's."""
        return self.session if self.user is None else (self.user,)
