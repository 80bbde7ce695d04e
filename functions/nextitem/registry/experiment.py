"""An experiment on a route: a challenger takes a share of the sessions from the champion (decision 38)."""

import os
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nextitem.errors import InputError

CHAMPION = "main"
"""The variant that takes all sessions without an experiment, and those of the champion during one."""
CHALLENGER = "challenger"
"""The variant of the version that is tried."""

Kind = Literal["canary", "interleaving"]
"""A canary answers the sessions of the challenger's share by itself; interleaving drafts their answers from both."""

ExperimentId = Annotated[str, msgspec.Meta(pattern=r"^e[0-9a-f]{12}$")]
Salt = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]


class Experiment(msgspec.Struct, frozen=True):
    """The experiment that runs on a route. Its share is the challenger's weight.

    Attributes:
        experiment: its id.
        kind: see `Kind`.
        salt: of the hash that assigns sessions: another experiment assigns them independently.
        started: ISO 8601 in UTC.
        challenger: the challenger's variant; the other one is the champion's.
    """

    experiment: ExperimentId
    kind: Kind
    salt: Salt
    started: str
    challenger: str = CHALLENGER


def new_experiment_id() -> str:
    """Return a random id."""
    return f"e{os.urandom(6).hex()}"


def new_experiment(kind: Kind, now: datetime, experiment_id: str | None = None) -> Experiment:
    """Return an experiment with a salt of its own.

    Raises:
        InputError: the id has another form.
    """
    name = new_experiment_id() if experiment_id is None else experiment_id
    try:
        msgspec.convert(name, ExperimentId)
    except msgspec.ValidationError:
        raise InputError(f"{name!r} is not the id of an experiment: e and 12 hex digits") from None
    return Experiment(name, kind, os.urandom(8).hex(), now.isoformat(timespec="seconds"))


def check_share(share: float) -> None:
    """Check a challenger's share of the sessions.

    Raises:
        InputError: it is not over 0 and at most 1.
    """
    if not 0 < share <= 1:  # written so that NaN fails
        raise InputError(f"the challenger's share is {share}; it must be over 0 and at most 1, such as 0.05")
