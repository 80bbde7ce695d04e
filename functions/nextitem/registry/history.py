"""Histories in the bucket: each revision of a document under a key with its number."""

import logging
from collections.abc import Callable

from nextitem.aws.object_store import ObjectReader

_REVISION_DIGITS = 15
"""Maximum digits of a revision in a key: our own have 8."""

logger = logging.getLogger(__name__)


def revisions_of(bucket: ObjectReader, key_of: Callable[[int], str]) -> list[int]:
    """Return the revisions of a history, oldest first. Other objects are logged and left out.

    Args:
        bucket: the bucket.
        key_of: returns the key of a revision: a folder, the revision with 8 digits, and ``.json``.
    """
    prefix = key_of(0).removesuffix("00000000.json")
    revisions = []
    for key in bucket.keys(prefix):
        digits = key.removeprefix(prefix).removesuffix(".json")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= _REVISION_DIGITS
        if is_number and key == key_of(int(digits)):
            revisions.append(int(digits))
        else:
            logger.warning("%s is ignored: its name is not that of a revision", key)
    return sorted(revisions)
