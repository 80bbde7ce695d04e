"""The settings of a retraining, and how a container reads them from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Self, get_type_hints

import msgspec

from model_export.retraining.limits import ContractLimits
from model_export.retraining.rules import GateRules
from model_export.training.config import FitConfig
from nextitem.errors import InputError

PREFIX = "NEXTITEM_RETRAIN_"
"""Begins the environment variable of each setting: its name in capitals follows."""

EXCLUDE_SEEN = "NEXTITEM_EXCLUDE_SEEN"


@dataclass(frozen=True)
class LakeSettings:
    """Which events of the lake are used. Beside a setting stands its help text on the command line."""

    days: Annotated[int, "Newest UTC days of the lake to learn from and to judge by."] = 90
    test_days: Annotated[
        int,
        "Times 24 hours before the newest event, which judge and are not trained on; 0: the last tenth of the sessions "
        "by start.",
    ] = 1
    min_support: Annotated[int, "Minimum training events of an item; 0 keeps all items."] = 5

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: naming the setting and its range.
        """
        for name, least in (("days", 1), ("test_days", 0), ("min_support", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} must be at least {least}, not {getattr(self, name)!r}")


@dataclass(frozen=True)
class RetrainSettings:
    """All settings of a retraining.

    Attributes:
        lake: which events are used.
        limits: of the data contracts.
        rules: of the gate.
        fit: of the training.
        deployment_leaves_out_seen: whether answers leave out a session's own items where the route does not say; the
            gate judges such lists. In a container ``NEXTITEM_EXCLUDE_SEEN``, as the service has it.
    """

    lake: LakeSettings = field(default_factory=LakeSettings)
    limits: ContractLimits = field(default_factory=ContractLimits)
    rules: GateRules = field(default_factory=GateRules)
    fit: FitConfig = field(default_factory=FitConfig)
    deployment_leaves_out_seen: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that begin with `PREFIX`, such as ``NEXTITEM_RETRAIN_MIN_EVENTS=5000``.

        ``NEXTITEM_EXCLUDE_SEEN`` is the deployment's setting.

        Raises:
            InputError: a variable is unknown, or its value is wrong.
        """
        given = {
            name.removeprefix(PREFIX).lower(): text for name, text in environment.items() if name.startswith(PREFIX)
        }
        groups: dict[str, type[Any]] = {
            "lake": LakeSettings,
            "limits": ContractLimits,
            "rules": GateRules,
            "fit": FitConfig,
        }
        known = {setting.name for group in groups.values() for setting in fields(group)}
        if unknown := sorted(given.keys() - known):
            names = ", ".join(f"{PREFIX}{name.upper()}" for name in sorted(known))
            raise InputError(f"unknown setting {PREFIX}{unknown[0].upper()}. Known: {names}")
        seen = environment.get(EXCLUDE_SEEN) or "false"
        if seen not in {"true", "false"}:
            raise InputError(f"{EXCLUDE_SEEN} must be true or false, not {seen!r}")
        chosen = {name: _group(group, given) for name, group in groups.items()}
        return cls(**chosen, deployment_leaves_out_seen=seen == "true")


def _group(group: type[Any], given: Mapping[str, str]) -> Any:
    types = get_type_hints(group)
    values = {}
    for setting in fields(group):
        if setting.name not in given:
            continue
        text = given[setting.name]
        try:
            values[setting.name] = msgspec.convert(text, types[setting.name], strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"{PREFIX}{setting.name.upper()}={text}: {error}") from None
    return group(**values)
