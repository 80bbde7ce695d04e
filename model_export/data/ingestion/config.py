"""How events are prepared, as values that are checked. Imports no engine, so that a wrong one is told at once."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from model_export.data.columns import MAX_SESSION_EVENTS, Columns
from model_export.data.sessions import MIN_SESSION_EVENTS
from nextitem.errors import InputError

EngineName = Literal["duckdb", "spark"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

FormatName = Literal["parquet", "csv", "csv.gz"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


@dataclass(frozen=True)
class PrepareConfig:
    """What is kept, and where test begins."""

    columns: Columns = field(default_factory=Columns)
    """Which columns are read; with a user column, sessions are cut from users by gaps."""
    min_support: int = 5
    """Least training events of an item; rarer ones are dropped."""
    min_session: int = MIN_SESSION_EVENTS
    """Least events of a session, asked before and after rare items are dropped."""
    max_session: int = MAX_SESSION_EVENTS
    """Most events of a session; longer ones are no shopper's and are dropped."""
    test_days: int = 3
    """Test is the sessions that start on the last so many UTC days."""
    format: FormatName = "parquet"
    """What is written."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InputError: naming the setting and what it must be.
        """
        for name, fits, rule in (
            ("min_support", self.min_support >= 1, "at least 1"),
            ("min_session", self.min_session >= 1, "at least 1"),
            (
                "max_session",
                self.min_session <= self.max_session <= MAX_SESSION_EVENTS,
                f"at least min session and at most {MAX_SESSION_EVENTS}",
            ),
            ("test_days", self.test_days >= 1, "at least 1"),
            ("format", self.format in FORMATS, f"one of {', '.join(FORMATS)}"),
        ):
            if not fits:
                raise InputError(f"{name.replace('_', ' ')} must be {rule}, not {getattr(self, name)!r}")
