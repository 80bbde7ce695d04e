r"""Write the service's patterns in the dialect of JSON Schema (ECMA-262), with the same meaning.

Python's dialect has ``(?i:...)``, ``\Z`` and a ``\s`` of its own. JSON text that is valid Unicode has no halves of
surrogate pairs, and some engines refuse a pattern that names them.
"""

import re

from nextitem.ids import ID_PATTERN, REFUSED_CHARACTERS
from nextitem.service.event_times import TIME_PATTERN

_SPACES = r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
"""Python's ``\\s`` without the characters that ids refuse: ECMA's has U+FEFF, too."""
_ANY_CASE = re.compile(r"\(\?i:((?:[^()\\]|\\.)*)\)")
_TOKEN = re.compile(r"\\?.", re.DOTALL)
_FOLDED = {"i": "\u0130\u0131", "s": "\u017f", "k": "\u212a"}
"""Characters beyond ASCII that ``(?i:...)`` takes for a letter."""
_SYNTAX = "^$\\.*+?()[]{}|/"
"""Characters that ECMA-262 lets a pattern escape; it refuses any other escape."""


def ecma(pattern: str) -> str:
    """Return a pattern in the dialect of ECMA-262.

    Args:
        pattern: in Python's dialect; parts of it that this module does not know must be common to both.
    """
    pattern = _ANY_CASE.sub(lambda match: f"(?:{''.join(map(_any_case, _TOKEN.findall(match[1])))})", pattern)
    pattern = pattern.replace(r"\s", _SPACES).replace(r"\ud800-\udfff", "").replace(r"\Z", "$")
    return "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in pattern)


def _any_case(token: str) -> str:
    char = token[-1]
    if char.isalpha():
        return f"[{char.lower()}{char.upper()}{_FOLDED.get(char.lower(), '')}]"
    return token if char in _SYNTAX else char


def _in_path(refused: str) -> str:
    """Return the pattern of an id that is a part of a path, and so has none of some characters."""
    pattern = ID_PATTERN.replace("^", r"^(?!\.{1,2}\Z)", 1)
    return ecma(pattern.replace(f"[^{REFUSED_CHARACTERS}", f"[^{REFUSED_CHARACTERS}{refused}"))


ID = ecma(ID_PATTERN)
"""Of any id."""
SESSION_ID = _in_path("/%?")
"""Of a session id, which is a part of a path: see `nextitem.ids.session_id_fault`."""
PATH_ITEM_ID = _in_path("%?")
"""Of an item id that is a part of a path: see `nextitem.ids.path_item_id_fault`."""
TIME = ecma(TIME_PATTERN)
"""Of a time as text."""
