"""Types of `certificate.json`: an engine must answer its golden sessions as the engine did at export.

It shows that two engines agree, not that the model is good.
"""

import msgspec

from nextitem.errors import ArtifactCorrupt
from nextitem.model.manifest import CERTIFICATE, DECODE_ERRORS, MAX_TOP, ConsideredScheme

MAX_SCORE_TOLERANCE = 0.02
"""Maximum difference of a golden item's score, relative to the session's largest, that a certificate may allow."""
MIN_OVERLAP = 0.95
"""Minimum share of golden items that a certificate may demand."""
MIN_GOLDENS = 3
"""Minimum golden sessions of a certificate. Exports have 32, if enough sessions are held out."""
GOLDEN_TOP = 20
"""Minimum golden items of a session, unless the catalogue has fewer."""


class Golden(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session and the quantized engine's best items for it at export, with their scores.

    `types` are those of the session's events; empty if the model knows one type.
    """

    items: tuple[str, ...]
    top: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[str, ...] = ()


class Certificate(msgspec.Struct, frozen=True):
    """Golden sessions. An engine whose answers to them differ must not serve.

    An artifact may be stricter than `MAX_SCORE_TOLERANCE` and `MIN_OVERLAP`, never laxer.

    Attributes:
        score_tolerance: largest allowed difference of a score, relative to the session's largest score.
        overlap: smallest allowed mean share of the golden items that are recommended again.
        considered: the schemes that the exporter considered, as in the manifest.
    """

    sessions: tuple[Golden, ...]
    score_tolerance: float = MAX_SCORE_TOLERANCE
    overlap: float = MIN_OVERLAP
    considered: tuple[ConsideredScheme, ...] = ()


def decode_certificate(data: bytes, version: str, items: int) -> Certificate:
    """Return the certificate of a version.

    Args:
        data: the file.
        version: the model version.
        items: the size of its catalogue.

    Raises:
        ArtifactCorrupt: it is not a certificate, or certifies less than the floors of this module.
    """
    try:
        certificate = msgspec.json.decode(data, type=Certificate)
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{CERTIFICATE} of {version} is not a certificate: {error}") from None
    if fault := _certificate_fault(certificate, min(GOLDEN_TOP, items)):
        raise ArtifactCorrupt(f"{CERTIFICATE} of {version} {fault}; export the model again")
    return certificate


def _certificate_fault(certificate: Certificate, items: int) -> str | None:
    """Return why a certificate certifies too little, or None.

    Args:
        certificate: the certificate.
        items: minimum golden items of a session.
    """
    sessions = certificate.sessions
    if any(
        len(golden.top) != len(golden.scores) or len(golden.types) not in {0, len(golden.items)} for golden in sessions
    ):
        return "is not a certificate: a golden item has no score, or an event no type"
    if len(sessions) < MIN_GOLDENS:
        return f"has {len(sessions)} golden sessions; the minimum is {MIN_GOLDENS}"
    if not all(golden.items and items <= len(golden.top) <= MAX_TOP for golden in sessions):
        return f"has a golden session without events, or without {items} to {MAX_TOP} golden items"
    if not 0 <= certificate.score_tolerance <= MAX_SCORE_TOLERANCE:
        return f"allows scores to differ by {certificate.score_tolerance:g}; the maximum is {MAX_SCORE_TOLERANCE:g}"
    if not MIN_OVERLAP <= certificate.overlap <= 1:
        return f"demands {certificate.overlap:g} of the golden items; the minimum is {MIN_OVERLAP:g}"
    return None
