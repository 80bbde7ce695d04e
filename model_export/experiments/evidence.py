"""The evidence of a decision, as its document has it."""

import msgspec


class Estimate(msgspec.Struct, frozen=True):
    """An estimate with its always-valid interval; null is unknown (`value`) or unbounded."""

    value: float | None
    low: float | None
    high: float | None


class ArmEvidence(msgspec.Struct, frozen=True):
    """Sessions of an arm so far, and their mean outcome; null without sessions."""

    version: str
    sessions: int
    mean: float | None


class GuardEvidence(msgspec.Struct, frozen=True):
    """A guard rail at this look; `value` is null if it was not measured, or infinite (then `breached` is true)."""

    name: str
    value: float | None
    most: float
    breached: bool
