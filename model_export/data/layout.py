"""The layout of event files: their format, the columns that are read, and the rows that count."""

from dataclasses import dataclass

from nextitem.errors import InputError

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
    """

    session: tuple[str, ...] = ("session_id",)
    item: str = "item_id"
    time: str = "timestamp"
    user: str | None = None
    gap_minutes: float = 30.0
    event: str | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that types are chosen only where a column holds them.

        Raises:
            InputError: they are chosen, but there is no such column.
        """
        if self.keep and self.event is None:
            raise InputError("--keep chooses events by type: name the type's column with --event-column")

    @property
    def owner(self) -> tuple[str, ...]:
        """The columns that group the events: the user's if set, else the session's."""
        return self.session if self.user is None else (self.user,)
