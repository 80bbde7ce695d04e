"""The columns of event files, and the limit of their sessions."""

from dataclasses import dataclass

MAX_SESSION_EVENTS = 100_000
"""Maximum events of a session. A longer one is a bot, or a default value for the id."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are read from an event file; all others are ignored.

    Attributes:
        session: column of the session id; not read when `user` is set.
        item: column of the item id.
        time: column of the event's time, or of a running index that only orders the events.
        user: column of the user id; when set, each user's events are cut into sessions.
        gap_minutes: a longer pause ends such a session. A running index has no minutes: there each user is one session.
    """

    session: str = "session_id"
    item: str = "item_id"
    time: str = "timestamp"
    user: str | None = None
    gap_minutes: float = 30.0

    @property
    def owner(self) -> str:
        """The column that groups the events: the user's if set, else the session's."""
        return self.user if self.user is not None else self.session
