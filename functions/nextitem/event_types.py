"""The rules for types of events, the same at every entrance: requests, the command line, training data.

A type is a label of the shop's own: `view`, `cart`, `purchase`, `like` or any other. Labels are compared byte for byte.
"""

import re

VIEW = "view"
"""The type of an event that names none."""

MAX_LABEL_CHARS = 32
LABEL_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_.:-]{{0,{MAX_LABEL_CHARS - 1}}}\Z"
"""The form of a type, and of any other label that may become the dimension of a metric."""
LABEL_FAULT = f"is not a label: it needs 1 to {MAX_LABEL_CHARS} letters, digits, '_', '.', ':' and '-', no mark first"


def is_label(text: str) -> bool:
    """Return whether a text has the form of a type."""
    return re.match(LABEL_PATTERN, text) is not None
