"""What an event file must look like: the names of its columns, and the limits it must keep.

This module knows nothing of files, formats or DuckDB.
"""

from dataclasses import dataclass

MAX_SESSION_EVENTS = 100_000
"""Events of one session. Beyond it the id is not a session's (a bot, a default value, a whole shop)."""


@dataclass(frozen=True)
class Columns:
    """The columns that are read from an event file; all others are ignored.

    Attributes:
        session: column of the session id; not read when `user` is set.
        item: column of the item id.
        time: column of the event's time, or of a running index that only orders the events.
        user: column of the user id; when set, sessions are cut from each user's events.
        gap_minutes: a pause longer than this ends a session cut from a user's events. A running
            index has no minutes: there each user is one session.
    """

    session: str = "session_id"
    item: str = "item_id"
    time: str = "timestamp"
    user: str | None = None
    gap_minutes: float = 30.0

    @property
    def owner(self) -> str:
        """The column whose values group the events: the user's if set, else the session's."""
        return self.user if self.user is not None else self.session
