"""What an id is, for training and serving alike. Knows nothing of where ids come from or go to.

Item ids are opaque strings, compared byte for byte after UTF-8 encoding: no trimming, no case folding and
no Unicode normalisation, because the shop's own systems compare them so.
"""

MAX_ID_CHARS = 256
"""The longest session, item or event id, in Unicode code points."""


def id_fault(text: str) -> str | None:
    """Say what is wrong with an id, or None where nothing is.

    Args:
        text: a session, item or event id.

    Returns:
        The fault as the end of a sentence that begins with the id's name, or None.
    """
    if not text:
        return "is empty"
    if len(text) > MAX_ID_CHARS:
        return f"has {len(text)} characters, more than {MAX_ID_CHARS}"
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        return "holds half of a surrogate pair, which no UTF-8 can carry"
    return None
