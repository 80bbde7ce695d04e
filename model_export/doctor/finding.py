"""The result of a check."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]
_ORDER: tuple[Status, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: what was checked.
        status: fail: something does not work; warn: it may not, or could not be checked.
        detail: what is so.
        remedy: what to do, "" if nothing.
    """

    check: str
    status: Status
    detail: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> Status:
    """Return the worst status of some findings, "ok" if there are none."""
    return max((finding.status for finding in findings), key=_ORDER.index, default="ok")


def not_checked(check: str, because: str) -> Finding:
    """Return the finding of a check that a failure makes impossible; that failure says what to do."""
    return Finding(check, "warn", f"not checked: {because}")
