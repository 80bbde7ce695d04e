"""The formats of times that users name by codes of `strptime`, as regular expressions that every engine understands."""

import re
from dataclasses import dataclass
from typing import Self

from nextitem.errors import InputError

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PARTS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"1[0-2]|0[1-9]|[1-9]",
    "b": "|".join(name[:3] for name in MONTHS),
    "B": "|".join(MONTHS),
    "d": r"3[01]|[12]\d|0[1-9]|[1-9]| [1-9]",
    "H": r"2[0-3]|[01]\d|\d",
    "I": r"1[0-2]|0[1-9]|[1-9]",
    "p": "am|pm",
    "M": r"[0-5]\d|\d",
    "S": r"[0-5]\d|\d",
    "f": r"\d{1,9}",
    "z": r"z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?",
}
"""Patterns of the codes that are read, in any case."""
_PASSED = {"a": "|".join(name[:3] for name in _DAYS), "A": "|".join(_DAYS), "Z": "utc|gmt|z", "%": "%"}
"""Patterns of the codes that may stand in a time and say nothing more."""
_TOKEN = re.compile(r"(%(.?)|(\s+)|[^%\s])", re.DOTALL)
CODES = ", ".join(f"%{code}" for code in (*_PARTS, *_PASSED))


@dataclass(frozen=True)
class TimeFormat:
    """A format of times.

    Attributes:
        text: as the user wrote it.
        pattern: a regular expression for a whole time (Python, RE2 and Java), with a group for each code that is read.
        groups: number of the group by code.
    """

    text: str
    pattern: str
    groups: dict[str, int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a format.

        As with `datetime.strptime`, numbers may lack their leading zero, spaces stand for any space, and %y up to 68 is
        in this century. A format without a zone is UTC.

        Raises:
            InputError: it has an unknown code, or the codes name no day or hour, or name it twice.

        Example:
            ``TimeFormat.parse("%m/%d/%Y %I:%M %p")`` is for "1/31/2026 9:30 AM".
        """
        pattern, groups = "", dict[str, int]()
        for whole, code, space in _TOKEN.findall(text):
            if space:
                pattern += r"\s+"
            elif not whole.startswith("%"):
                pattern += re.escape(whole)
            elif code in _PASSED:
                pattern += f"(?:{_PASSED[code]})"
            elif code not in _PARTS:
                raise InputError(f"--time-format {text!r}: %{code} is not a known code. Known: {CODES}")
            elif code in groups:
                raise InputError(f"--time-format {text!r} has %{code} twice")
            else:
                groups[code] = len(groups) + 1
                pattern += f"({_PARTS[code]})"
        _check(text, groups)
        return cls(text, f"(?i)^{pattern}$", groups)


def _check(text: str, groups: dict[str, int]) -> None:
    """Check that the codes name one day, and at most one hour."""
    for name, choices in {"year": "Yy", "month": "mbB", "day": "d"}.items():
        if len(groups.keys() & set(choices)) != 1:
            codes = " or ".join(f"%{code}" for code in choices)
            raise InputError(f"--time-format {text!r} must name the {name} once, by {codes}")
    if {"H", "I"} <= groups.keys() or ("I" in groups) != ("p" in groups):
        raise InputError(f"--time-format {text!r} must name the hour by %H, or by %I and %p")
