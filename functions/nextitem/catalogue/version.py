"""The version of a catalogue: its content is its name.

Imports no numpy: a cold start fetches before it imports that.
"""

from pathlib import Path

from nextitem.model.manifest import digest_of

_HEX = frozenset("0123456789abcdef")
_DIGITS = 16


def version_of_catalogue(path: Path) -> str:
    """Return the version of a catalogue file: ``c`` and 16 hex digits of its SHA-256."""
    return f"c{digest_of(path).sha256[:_DIGITS]}"


def is_catalogue_version(text: str) -> bool:
    """Return whether a text is a catalogue's version, and so safe in a key or a path."""
    return len(text) == 1 + _DIGITS and text[0] == "c" and set(text[1:]) <= _HEX
