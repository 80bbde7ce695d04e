"""Types of `manifest.json`, which describes an artifact.

The exporter writes them and the service reads them by the same types, so the two cannot drift apart.
"""

import hashlib
import mmap
from pathlib import Path

import msgspec

from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported
from nextitem.model.attribute_quality import AttributeQuality

SCHEMA = 5
"""The manifest schema that this code writes, and the only one that it reads: an older artifact's graphs have other
inputs or outputs."""

MANIFEST = "manifest.json"
STEP_GRAPH = "step.onnx"
SCORE_GRAPH = "score.onnx"
WEIGHTS = "weights.bin"
VOCABULARY = "vocabulary.bin"
CERTIFICATE = "certificate.json"
CARD = "card.md"
ATTRIBUTES = "attributes.bin"
PROFILE = "profile.json"

FILES = (STEP_GRAPH, SCORE_GRAPH, WEIGHTS, VOCABULARY, CERTIFICATE)
"""The files that serving needs besides the manifest, which lists their digests."""

DOCUMENTS = (CARD,)
"""Files that serving does not need. The manifest lists their digests separately, and functions do not fetch them."""
OPTIONAL_DOCUMENTS = (ATTRIBUTES, PROFILE)
"""Documents that an artifact may lack. The attribute map is there if it was exported with the attributes of items, the
training profile if the run has one: runs of random weights have none."""

MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_BYTES = {
    STEP_GRAPH: 16 << 20,
    SCORE_GRAPH: 16 << 20,
    WEIGHTS: 10 << 30,
    VOCABULARY: 10 << 30,
    CERTIFICATE: 16 << 20,
    CARD: 1 << 20,
    ATTRIBUTES: 1 << 30,
    PROFILE: 4 << 20,
}
"""The largest file of each name that a manifest may list. Weights and vocabulary are mapped into memory, and Lambda's
largest disk has 10 GiB; the others are read whole."""

MAX_TOP = 200
"""The largest k of a score graph, and so the largest `limit` of a request."""

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors that msgspec raises if bytes are not the expected JSON document."""

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

    @property
    def state_size(self) -> int:
        """Numbers of a hidden state."""
        return self.layers * self.hidden


class Training(msgspec.Struct, frozen=True):
    """The training data and settings.

    `first` and `last` are the period of the training events: epoch seconds, or bounds of a running index.
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
    """Maximum losses of a scoring scheme against fp32; a scheme that loses more is refused."""

    overlap: float = 0.999
    hr_delta: float = 0.001
    parity: float = 1e-4
    stepwise: float = 1e-4


class ConsideredScheme(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scoring scheme that the exporter considered.

    Attributes:
        scheme: its name.
        cost_us: microseconds of a request by the exporter's cost model: counted, not measured, so it is reproducible.
        bytes: size of its weights file.
        overlap: mean share of the fp32 top 20 that it has, too; None, like the next two, if it was not measured.
        hr_delta: HR@20 minus that of fp32, on the same targets.
        mrr_delta: the same for MRR@20.
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
    """The scoring scheme and its measured loss.

    Attributes:
        scheme: the scheme's name.
        bits: bits of one weight in the pass over the catalogue.
        block: weights that share a scale.
        overlap: mean share of the fp32 top 20 that are in the quantized one.
        hr_delta: HR@20 of the quantized model minus that of fp32, on the same targets.
        parity: largest score difference between torch and the fp32 graph.
        stepwise: largest difference of a hidden state stepped event by event from one replayed whole.
        targets: the number of targets of `overlap` and `hr_delta`.
        bounds: the allowed losses.
        pinned: whether a person named the scheme; otherwise it is the cheapest within the bounds.
        considered: all schemes that the exporter considered.
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
    """The session memory of a score graph, and how it is blended with the network.

    Attributes:
        sessions: training sessions in the memory.
        events: the newest events of a session that the memory looks at.
        blend: the numbers of the exporter's `Blend`, for people who compare versions.
    """

    sessions: int
    events: int
    blend: dict[str, float | dict[str, float]]


class Calibration(msgspec.Struct, frozen=True):
    """How the score graph makes a score s a probability: 1 / (1 + exp((level - s) / temperature)).

    Attributes:
        temperature: divides the score.
        level: the score of a probability of one half.
        error: expected calibration error of the first 20 items, on validation targets that the fit has not seen; None
            where they are too few.
        softmax_error: the same of a softmax over the candidates, without a calibration.
    """

    temperature: float
    level: float
    error: float | None = None
    softmax_error: float | None = None


class PopularItem(msgspec.Struct, frozen=True, array_like=True):
    """An item's index in the vocabulary and its share of the training events."""

    index: int
    share: float


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model version's description. The version is named by this document's digest.

    `memory` is None if the network ranks alone, `attributes` if the artifact was exported without attributes of items.
    `types` are the types of events that the step graph takes, with `view` first; empty if it takes none.
    """

    schema: int
    files: dict[str, FileDigest]
    model: ModelShape
    training: Training
    quantization: Quantization
    libraries: dict[str, str]
    evaluation: dict[str, float]
    popular: tuple[PopularItem, ...]
    documents: dict[str, FileDigest]
    memory: SessionMemory | None = None
    calibration: Calibration | None = None
    types: tuple[str, ...] = ()
    attributes: AttributeQuality | None = None


class SchemaOnly(msgspec.Struct):
    """The field of a document that is read first: it says whether the rest can be."""

    schema: int


def encode_document(document: msgspec.Struct) -> bytes:
    """Return a document as JSON with sorted keys: the same content gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=1)


def digest_of(path: Path) -> FileDigest:
    """Return the digest of a file."""
    size = path.stat().st_size
    if not size:
        return FileDigest(hashlib.sha256().hexdigest(), 0)
    # Mapped and hashed in one call: a thread that reads in pieces waits for the interpreter's lock at each piece.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return FileDigest(hashlib.sha256(data).hexdigest(), size)


def version_of(manifest: bytes) -> str:
    """Return the model version: ``v`` and 16 hex digits of the manifest's SHA-256."""
    return "v" + hashlib.sha256(manifest).hexdigest()[:16]


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and _HEX.issuperset(text)  # a regular expression is compiled at each cold start


def is_version(text: str) -> bool:
    """Return whether a text has the form of a model version."""
    return text[:1] == "v" and _is_hex(text[1:], 16)


def decode_manifest(data: bytes, version: str) -> Manifest:
    """Return the manifest of a version.

    Raises:
        ArtifactUnsupported: it was written for another schema.
        ArtifactCorrupt: it is not a manifest, or not this version's.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{MANIFEST} of {version} is not a manifest: {error}") from None
    if schema != SCHEMA:
        remedy = "deploy newer code" if schema > SCHEMA else "export the run again"
        raise ArtifactUnsupported(f"{version} has manifest schema {schema}; this code reads {SCHEMA}: {remedy}")
    if version_of(data) != version:
        raise ArtifactCorrupt(
            f"{MANIFEST} of {version} was changed, or its folder was renamed: its digest says {version_of(data)}"
        )
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{MANIFEST} of {version} is not a manifest: {error}") from None
    digests = (*manifest.files.values(), *manifest.documents.values())
    if (
        manifest.files.keys() != set(FILES)
        or not set(DOCUMENTS) <= manifest.documents.keys() <= {*DOCUMENTS, *OPTIONAL_DOCUMENTS}  # names become keys
        or not all(_is_hex(digest.sha256, 64) for digest in digests)
    ):
        expected = ", ".join((*FILES, *DOCUMENTS))
        raise ArtifactCorrupt(f"{MANIFEST} of {version} must list a digest for each of: {expected}")
    for name, digest in (*manifest.files.items(), *manifest.documents.items()):
        if not 0 <= digest.size <= MAX_FILE_BYTES[name]:
            raise ArtifactCorrupt(
                f"{MANIFEST} of {version} says that {name} has {digest.size} bytes; the limit is {MAX_FILE_BYTES[name]}"
            )
    return manifest
