"""The rules for ids, the same at every entrance: HTTP, direct invokes, the command line, items of training data.

Ids are opaque strings, compared byte for byte after UTF-8 encoding: no trimming, no case folding and no Unicode
normalisation. The shop's own systems compare them the same way. Refused are characters that some entrance cannot carry:
a path or a file of one id per line. U+FFFD shows that a decoder has replaced bytes, so other ids may look the same.
"""

import re
from collections.abc import Iterable
from itertools import islice

MAX_ID_CHARS = 256
"""Maximum length of an id, in Unicode code points."""

MISSING_VALUES = (
    "nan", "null", "none", "nil", "undefined", "na", "n/a", "#n/a", "<na>", "(null)", "(none)", "(not set)", r"\n",
)  # fmt: skip
"""Other tools write these, in any case, for a missing value; here in lower case."""
_MISSING_WORDS = "|".join(map(re.escape, MISSING_VALUES))

REFUSED_CHARACTERS = r"\x00-\x1f\x7f-\x9f" + "\u2028\u2029\ufffd"
"""Control characters, line separators and U+FFFD, for a class of a regular expression (Python, RE2 and Java)."""

ID_PATTERN = rf"^(?!\s*(?i:{_MISSING_WORDS})?\s*\Z)[^{REFUSED_CHARACTERS}\ud800-\udfff]{{1,{MAX_ID_CHARS}}}\Z"
_ID = re.compile(ID_PATTERN)
SHOWN_IDS, SHOWN_CHARACTERS = 3, 40
"""Ids of a side that a sentence shows, and characters of each."""
_PATH_MARKS = frozenset("/%?")
_DECODED_TWICE = frozenset("%?")

ID_FAULT = (
    f"is not an id: it needs 1 to {MAX_ID_CHARS} characters, without control characters, line breaks, U+FFFD and "
    'halves of surrogate pairs, and must not be blank or a word for a missing value, such as "null" or "undefined"'
)


def id_fault(text: str) -> str | None:
    """Return the fault of an id, as the end of a sentence that begins with its name; None if it is valid."""
    return None if _ID.match(text) else ID_FAULT


def session_id_fault(text: str) -> str | None:
    """Return the fault of a session id, like `id_fault`.

    API Gateway decodes a path twice and cuts it at an encoded ``?`` before it matches the route, and clients resolve
    ``.`` and ``..``, encoded or not.

    Example:
        ``session_id_fault("a/b")`` is 'must not contain "/", "%" or "?" or be "." or "..": it is a part of a path'.
    """
    if not _PATH_MARKS.isdisjoint(text) or text in {".", ".."}:
        return 'must not contain "/", "%" or "?" or be "." or "..": it is a part of a path'
    return id_fault(text)


def path_item_id_fault(text: str) -> str | None:
    """Return the fault of an item id that is a part of a path, like `session_id_fault`; it may contain ``/``."""
    if not _DECODED_TWICE.isdisjoint(text) or text in {".", ".."}:
        return (
            'must not contain "%" or "?" or be "." or "..": it is a part of a path; POST /v1/recommendations with '
            "exclude_seen answers the same, and takes every id"
        )
    return id_fault(text)


def id_examples(first: str, first_ids: Iterable[str], second: str, second_ids: Iterable[str]) -> str:
    """Return a sentence with ids of two sides that have few or none in common, so that a reader sees the difference.

    Example:
        ``id_examples("the model", ["1", "2"], "the catalogue", ["item-1"])`` is "Ids of the model are such as '1', '2';
        of the catalogue such as 'item-1'".
    """
    return f"Ids of {first} are such as {first_of(first_ids)}; of {second} such as {first_of(second_ids)}"


def first_of(ids: Iterable[str]) -> str:
    """Return the first ids of many for a message: quoted, and each cut to a length."""
    shown = (f"{item[:SHOWN_CHARACTERS]}…" if len(item) > SHOWN_CHARACTERS else item for item in ids)
    return ", ".join(map(repr, islice(shown, SHOWN_IDS)))
