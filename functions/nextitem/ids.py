"""The rules for ids, in training and in serving.

Item ids are opaque strings, compared byte for byte after UTF-8 encoding: no trimming, no case folding and
no Unicode normalisation. The shop's own systems compare them the same way.
"""

MAX_ID_CHARS = 256
"""The longest session, item or event id, in Unicode code points."""


def id_fault(text: str) -> str | None:
    """Return the fault of an id, as the end of a sentence that begins with its name; None if it is valid.

    Example:
        ``id_fault("")`` is "is empty", for "item_id is empty".
    """
    if not text:
        return "is empty"
    if len(text) > MAX_ID_CHARS:
        return f"has {len(text)} characters, more than {MAX_ID_CHARS}"
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        return "has half of a surrogate pair, which UTF-8 cannot encode"
    return None
