"""The cursor of an answer's next page: the items that the pages before it have shown, packed into a text.

The cursor needs no state in the service, and the next page repeats nothing even if the session, the model or the
catalogue has changed in between.
"""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from nextitem.errors import RequestError
from nextitem.ids import MAX_ID_CHARS, id_fault
from nextitem.service.schema.limits import MAX_CURSOR_CHARS, MAX_SHOWN

_SEPARATOR = "\n"
"""No id has a line break."""
_RAW = -zlib.MAX_WBITS
_MAX_BYTES = MAX_SHOWN * (4 * MAX_ID_CHARS + 1)
"""Of an unpacked cursor: a small text can unpack to gigabytes."""


def cursor_after(shown: Sequence[str]) -> str | None:
    """Return the cursor of the page after some items; None if they are more than a cursor holds."""
    if len(shown) > MAX_SHOWN:
        return None
    packed = zlib.compress(_SEPARATOR.join(shown).encode(), zlib.Z_BEST_SPEED, _RAW)
    cursor = _as_text(packed)
    return cursor if len(cursor) <= MAX_CURSOR_CHARS else None


def shown_before(cursor: str) -> list[str]:
    """Return the items that the pages before a cursor have shown.

    Raises:
        RequestError: 422, it is not the `next` of an answer.
    """
    try:
        packed = urlsafe_b64decode(cursor.encode("ascii") + b"==")  # skips other characters
        unpacker = zlib.decompressobj(_RAW)
        text = unpacker.decompress(packed, _MAX_BYTES)
        shown = text.decode().split(_SEPARATOR)
    except (ValueError, binascii.Error, zlib.error):
        shown = []
    else:
        if not unpacker.eof or unpacker.unused_data or len(shown) > MAX_SHOWN or _as_text(packed) != cursor:
            shown = []
    if not shown or any(map(id_fault, shown)):
        detail = "is not the `next` of an answer; send it as it came, or leave it out for the first page"
        raise RequestError(422, "Unprocessable content", f"after {detail}", field="after")
    return shown


def _as_text(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()
