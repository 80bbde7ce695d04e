"""The rules of the gate: a setting for each bound."""

from dataclasses import dataclass, fields
from typing import Annotated

from nextitem.errors import InputError


@dataclass(frozen=True)
class GateRules:
    """The bounds that a version must keep. Beside a setting stands its help text on the command line."""

    max_loss: Annotated[
        float, "Maximum relative loss of HR@20 and of MRR@20 against the live version, which the interval must exclude."
    ] = 0.05
    min_coverage: Annotated[float, "Minimum of different items in the top 20s, as a share of the live one's."] = 0.8
    max_popularity_rise: Annotated[
        float, "Maximum by which the mean popularity percentile of recommended items may be above that of the live one."
    ] = 0.05
    max_size_ratio: Annotated[
        float, "Maximum size of the artifact, as a multiple of the live one's (of 24 MB, if it is smaller)."
    ] = 2.0
    max_latency_ratio: Annotated[float, "Maximum median latency on this machine, as a multiple of the live one."] = 1.5
    min_judged_sessions: Annotated[int, "Minimum sessions to judge by."] = 50
    max_judged_sessions: Annotated[int, "Sessions to judge by; of more, a sample is drawn."] = 5_000

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: naming the setting and its range.
        """
        for name, fits, rule in (
            ("max_loss", 0 <= self.max_loss < 1, "at least 0 and below 1"),
            ("min_coverage", 0 <= self.min_coverage <= 1, "0 to 1"),
            ("max_popularity_rise", 0 <= self.max_popularity_rise <= 1, "0 to 1"),
            ("max_size_ratio", self.max_size_ratio > 0, "above 0"),
            ("max_latency_ratio", self.max_latency_ratio > 0, "above 0"),
            ("min_judged_sessions", self.min_judged_sessions >= 1, "at least 1"),
            (
                "max_judged_sessions",
                self.max_judged_sessions >= self.min_judged_sessions,
                "at least --min-judged-sessions",
            ),
        ):
            if not fits:
                raise InputError(f"--{name.replace('_', '-')} must be {rule}, not {getattr(self, name)!r}")

    @property
    def changed(self) -> dict[str, float]:
        """The settings other than their defaults, by name."""
        return {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }
