"""Settings of the pipeline, checked; imports no engine, so that wrong settings are refused at once."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from model_export.data.layout import MAX_SESSION_EVENTS, Layout
from model_export.data.sessions import MIN_SESSION_EVENTS
from nextitem.errors import InputError

EngineName = Literal["duckdb", "spark"]
FormatName = Literal["parquet", "csv", "csv.gz"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


@dataclass(frozen=True)
class PrepareConfig:
    """Settings of a preparation: the columns, the filters and the split."""

    layout: Layout = field(default_factory=Layout)
    """Layout of the files; with a user column, users' events are cut into sessions by gaps."""
    min_support: int = 5
    """Minimum training events of an item; rarer ones are dropped. 0 also keeps items that only test has."""
    min_session: int = MIN_SESSION_EVENTS
    """Minimum events of a session, before and after rare items are dropped."""
    max_session: int = MAX_SESSION_EVENTS
    """Maximum events of a session; longer ones are dropped, because no shopper has them."""
    test_days: int = 3
    """Number of last UTC days; the sessions that start on them are test. 0: the last tenth of the sessions by start."""
    format: FormatName = "parquet"
    """Format of the files that are written."""
    test_from: float | None = None
    """Epoch seconds; the sessions that start from then on are test, whatever `test_days` says."""
    for_gate: bool = False
    """Prepare for the gate: train has no event after the start of the test period, also of earlier sessions, and test
    keeps the items that train lacks."""

    def __post_init__(self) -> None:
        """Check the settings, and set what the layout leaves to the import.

        Raises:
            InputError: naming the option and its range.
        """
        if self.layout.collapse is None:
            object.__setattr__(self, "layout", replace(self.layout, collapse="repeats"))
        for name, fits, rule in (
            ("min_support", self.min_support >= 0, "at least 0"),
            ("min_session", self.min_session >= 1, "at least 1"),
            (
                "max_session",
                self.min_session <= self.max_session <= MAX_SESSION_EVENTS,
                f"at least --min-session and at most {MAX_SESSION_EVENTS}",
            ),
            ("test_days", self.test_days >= 0, "at least 0"),
            ("format", self.format in FORMATS, f"one of {', '.join(FORMATS)}"),
        ):
            if not fits:
                raise InputError(f"--{name.replace('_', '-')} must be {rule}, not {getattr(self, name)!r}")
