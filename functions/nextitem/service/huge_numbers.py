"""Replace numbers that no float can hold by the largest float: it is as wrong in any field, and JSON can write it."""

import math
import sys
from typing import Any


def parse_float(text: str) -> float:
    """Read a number of JSON; one that no float can hold becomes the largest float of its sign."""
    return _finite(float(text))


def parse_int(text: str) -> int | float:
    """Read an integer of JSON, like `parse_float` if no float can hold it: Python refuses one of over 4,300 digits."""
    return int(text) if math.isfinite(float(text)) else parse_float(text)


def replace_infinities(document: Any) -> Any:
    """Return a JSON document without infinities, which `json` makes of 1e400, and for which msgspec writes null.

    Raises:
        ValueError: the document has a NaN.
    """
    if isinstance(document, dict):
        return {name: replace_infinities(value) for name, value in document.items()}
    if isinstance(document, list):
        return [replace_infinities(value) for value in document]
    return _finite(document) if isinstance(document, float) else document


def _finite(number: float) -> float:
    if math.isnan(number):
        raise ValueError("NaN is no JSON value")
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number
