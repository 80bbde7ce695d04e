"""The limits of the data contracts: a setting for each."""

from dataclasses import dataclass, fields
from typing import Annotated

from nextitem.errors import InputError


@dataclass(frozen=True)
class ContractLimits:
    """What the events of the lake must keep before a training. Beside a setting stands its help text."""

    min_events: Annotated[int, "Minimum events."] = 10_000
    min_sessions: Annotated[int, "Minimum sessions of two or more events."] = 1_000
    max_session_share: Annotated[float, "Maximum share of all events that one session has: more is a robot."] = 0.02
    max_path_share: Annotated[
        float, "Maximum share of the sessions with three or more events that have the same items in the same order."
    ] = 0.05
    max_minute_share: Annotated[float, "Maximum share of all events that arrive in one minute."] = 0.2
    max_gap_hours: Annotated[float, "Maximum hours without any arrival, also before now."] = 24.0
    max_future_share: Annotated[float, "Maximum share of events that occurred after they arrived."] = 0.01
    max_lag_hours: Annotated[float, "Hours between an event and its arrival from which on it is far away."] = 24.0
    max_far_share: Annotated[float, "Maximum share of events that are far from their arrival."] = 0.05
    max_item_share: Annotated[float, "Maximum share of all events that one item has."] = 0.3
    max_unknown_share: Annotated[
        float, "Maximum share of the events of the last day whose item the live version does not know."
    ] = 0.8
    max_lost_share: Annotated[float, "Maximum share of events that were lost before they reached the lake."] = 0.01

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: naming the setting and its range.
        """
        for field in fields(self):
            value, option = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if not value >= 0:
                raise InputError(f"{option} must be at least 0, not {value!r}")
            if field.name.endswith("_share") and value > 1:
                raise InputError(f"{option} must be 0 to 1, not {value!r}")
