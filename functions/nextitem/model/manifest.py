"""What an artifact says of itself: `manifest.json` and `certificate.json`, as types.

Shared by the exporter that writes them and the service that reads them, so that the two cannot drift apart.
Knows no model and no bucket.
"""

import hashlib
import mmap
from pathlib import Path

import msgspec

from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported

SCHEMA = 2
"""The newest manifest schema that this code reads, and the one it writes. From 2 on, scoring may ask for a session."""

MANIFEST = "manifest.json"
STEP_GRAPH = "step.onnx"
SCORE_GRAPH = "score.onnx"
WEIGHTS = "weights.bin"
VOCABULARY = "vocabulary.bin"
CERTIFICATE = "certificate.json"

CARD = "card.md"

FILES = (STEP_GRAPH, SCORE_GRAPH, WEIGHTS, VOCABULARY, CERTIFICATE)
"""Every file that serving needs but the manifest, which lists their digests."""

DOCUMENTS = (CARD,)
"""Files for people that an artifact may have besides; the manifest lists their digests apart, and no function fetches
them."""

MAX_TOP = 200
"""The largest k that a score graph is asked for, and so the largest `limit` of a request."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not the JSON document asked for."""

_HEX = frozenset("0123456789abcdef")


class FileDigest(msgspec.Struct, frozen=True):
    """SHA-256 (hex) and size (bytes) of one file."""

    sha256: str
    size: int


class ModelShape(msgspec.Struct, frozen=True):
    """Sizes of the model: items in the catalogue, hidden size, GRU layers."""

    items: int
    hidden: int
    layers: int


class Training(msgspec.Struct, frozen=True):
    """What the model was trained on and how.

    `first` and `last` are the training events' period: epoch seconds, or bounds of a running index.
    """

    data_sha256: str
    sessions: int
    events: int
    first: float
    last: float
    seed: int
    epochs: int
    hyperparameters: dict[str, str | int | float | bool]


class Bounds(msgspec.Struct, frozen=True):
    """What a scoring scheme may lose against fp32 before it is refused."""

    overlap: float = 0.999
    hr_delta: float = 0.001
    parity: float = 1e-4
    stepwise: float = 1e-4


class ConsideredScheme(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scoring scheme that the exporter considered.

    Attributes:
        scheme: its name.
        cost_us: microseconds of a request by the exporter's model: counted, not measured, so that it is reproducible.
        bytes: size of its weights file.
        overlap: mean share of the fp32 top 20 found; None, like the following two, where it was not measured.
        hr_delta: HR@20 minus that of fp32, on the same targets.
        mrr_delta: the same of MRR@20.
        refused: why it was not chosen; empty for the chosen one.
    """

    scheme: str
    refused: str
    cost_us: float | None = None
    bytes: int | None = None
    overlap: float | None = None
    hr_delta: float | None = None
    mrr_delta: float | None = None


class Quantization(msgspec.Struct, frozen=True, omit_defaults=True):
    """The scoring scheme and what it measurably loses.

    Attributes:
        scheme: the scheme's name.
        bits: bits of one weight in the pass over the catalogue.
        block: weights that share a scale.
        overlap: mean share of the fp32 top 20 found in the quantized one.
        hr_delta: HR@20 of the quantized model minus that of fp32, on the same targets.
        parity: largest score difference between torch and the fp32 graph.
        stepwise: largest difference of a hidden state stepped event by event from one replayed whole.
        targets: how many targets `overlap` and `hr_delta` were measured on.
        bounds: what was allowed.
        pinned: whether a person named the scheme; otherwise it is the cheapest that keeps the bounds.
        considered: every scheme that there was to choose from.
    """

    scheme: str
    bits: int
    block: int
    overlap: float
    hr_delta: float
    parity: float
    stepwise: float
    targets: int
    bounds: Bounds
    pinned: bool = False
    considered: tuple[ConsideredScheme, ...] = ()


class SessionMemory(msgspec.Struct, frozen=True):
    """The session memory of a score graph, and how it was blended with the network.

    Attributes:
        sessions: training sessions that it holds.
        events: newest events of a session that it is asked by.
        weight: logarithm of what all its votes weigh, on the scale of the network's scores.
        repeat_score: added to the network's score of the newest event's item.
        repeat_votes: what is left of the votes for that item.
        revisit: logarithm of what the item of the event before the newest one weighs, for being that.
        revisit_decay: the power of its age, in events, that the weight of an older one falls by.
    """

    sessions: int
    events: int
    weight: float
    repeat_score: float
    repeat_votes: float
    revisit: float
    revisit_decay: float


class PopularItem(msgspec.Struct, frozen=True, array_like=True):
    """An item's index in the vocabulary and its share of the training events."""

    index: int
    share: float


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that is known of a model version. The version is this document's own digest.

    Versions of before there were documents have none, and code of before passes them over. `memory` is None where the
    network answers alone, as in all versions of schema 1.
    """

    schema: int
    files: dict[str, FileDigest]
    model: ModelShape
    training: Training
    quantization: Quantization
    libraries: dict[str, str]
    evaluation: dict[str, float]
    popular: tuple[PopularItem, ...]
    documents: dict[str, FileDigest] = {}
    memory: SessionMemory | None = None


class Golden(msgspec.Struct, frozen=True):
    """A session and the top of what the quantized engine answered to it at export."""

    items: tuple[str, ...]
    top: tuple[str, ...]
    scores: tuple[float, ...]


class Certificate(msgspec.Struct, frozen=True):
    """Golden sessions; an engine that answers otherwise must not serve.

    Attributes:
        score_tolerance: largest allowed difference of a score, relative to the largest score.
        overlap: smallest allowed mean share of golden top items found again.
        considered: the schemes among which this one was chosen, as in the manifest.
    """

    sessions: tuple[Golden, ...]
    score_tolerance: float = 0.02
    overlap: float = 0.95
    considered: tuple[ConsideredScheme, ...] = ()


class SchemaOnly(msgspec.Struct):
    """The one field of a document that is read before its form is known."""

    schema: int


def encode_document(document: Manifest | Certificate) -> bytes:
    """Return a document as JSON with sorted keys: the same content gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=1)


def digest_of(path: Path) -> FileDigest:
    """Return the digest of a file."""
    size = path.stat().st_size
    if not size:
        return FileDigest(hashlib.sha256().hexdigest(), 0)
    # Mapped and hashed in one call: a thread that reads in pieces waits for the interpreter's lock at each of them.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return FileDigest(hashlib.sha256(data).hexdigest(), size)


def version_of(manifest: bytes) -> str:
    """Return the model version: ``v`` and 16 hex digits of the manifest's SHA-256."""
    return "v" + hashlib.sha256(manifest).hexdigest()[:16]


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and _HEX.issuperset(text)  # a pattern would have to be compiled in each cold start


def is_version(text: str) -> bool:
    """Say whether a text has the form of a model version."""
    return text[:1] == "v" and _is_hex(text[1:], 16)


def decode_manifest(data: bytes, version: str) -> Manifest:
    """Return the manifest of a version.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        ArtifactCorrupt: it is not a manifest, or not this version's.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
    except UNREADABLE as error:
        raise ArtifactCorrupt(f"{MANIFEST} of {version} is not a manifest: {error}") from None
    if schema > SCHEMA:
        raise ArtifactUnsupported(f"{version} has manifest schema {schema}; this code reads up to {SCHEMA}")
    if version_of(data) != version:
        raise ArtifactCorrupt(
            f"{MANIFEST} of {version} has been changed, or its folder renamed: its digest says {version_of(data)}"
        )
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except UNREADABLE as error:
        raise ArtifactCorrupt(f"{MANIFEST} of {version} is not a manifest: {error}") from None
    if set(manifest.files) != set(FILES) or not all(_is_hex(f.sha256, 64) for f in manifest.files.values()):
        raise ArtifactCorrupt(f"{MANIFEST} of {version} must list a digest for each of: {', '.join(FILES)}")
    if not set(manifest.documents) <= set(DOCUMENTS):  # they become paths and keys
        raise ArtifactCorrupt(f"{MANIFEST} of {version} may list no documents but: {', '.join(DOCUMENTS)}")
    return manifest


def decode_certificate(data: bytes, version: str) -> Certificate:
    """Return the certificate of a version.

    Raises:
        ArtifactCorrupt: it is not a certificate.
    """
    try:
        certificate = msgspec.json.decode(data, type=Certificate)
    except UNREADABLE as error:
        raise ArtifactCorrupt(f"{CERTIFICATE} of {version} is not a certificate: {error}") from None
    if any(len(golden.top) != len(golden.scores) for golden in certificate.sessions):
        raise ArtifactCorrupt(f"{CERTIFICATE} of {version} is not a certificate: a golden item has no score")
    return certificate
