"""Verdicts of the gate: beside a version, whether it may take traffic instead of the live one, and why.

``models/<version>/verdict.json`` changes by compare-and-set, because a version may be judged again. It is no file of
the artifact: the manifest does not list it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import ArtifactCorrupt, ArtifactError, ArtifactUnsupported, NotJudged
from nextitem.model.manifest import DECODE_ERRORS, SchemaOnly
from nextitem.registry.reader import model_key
from nextitem.registry.writes import compare_and_set

VERDICT = "verdict.json"
MAX_VERDICT_BYTES = 1 << 20
VERDICT_SCHEMA = 1
VERDICT_DAYS = 14
"""A verdict lets a version take traffic for so long. It judged one day; a shop sells other things weeks later."""

Rule = Literal["at least", "at most"]
Override = Callable[[str], object]
"""Records that a version takes traffic without a passing verdict. It gets the reason before the route is changed."""


class Figure(msgspec.Struct, frozen=True):
    """A measured value and the bounds of its 95 % interval; a value without an interval has None twice."""

    value: float
    low: float | None = None
    high: float | None = None


class Bound(msgspec.Struct, frozen=True):
    """A bound of the gate.

    Attributes:
        name: of the figure, such as ``hr@20``.
        meaning: says what `value` is, in words.
        value: the value that is compared with the limit.
        rule: how.
        limit: the limit.
        passed: whether the bound holds.
    """

    name: str
    meaning: str
    value: float
    rule: Rule
    limit: float
    passed: bool


class JudgedEvents(msgspec.Struct, frozen=True):
    """The events that both versions were compared on.

    Attributes:
        since: start of the first session, in epoch seconds.
        until: its last event, in epoch seconds.
        sessions: number of sessions, all later than both trainings.
        targets: number of next items to predict.
        left_out: sessions that began before the end of a training, or that a sample left out.
        data_sha256: digest of the sessions that were compared.
    """

    since: float
    until: float
    sessions: int
    targets: int
    left_out: int
    data_sha256: str


class Verdict(msgspec.Struct, frozen=True):
    """The result of the gate.

    Attributes:
        version: the version that was judged.
        reference: the version it was compared with; None: with the best sellers of its own training.
        route: the route whose live version that was.
        judged_at: ISO 8601, UTC.
        passed: whether all bounds hold.
        reason: why, in a sentence.
        events: what both were compared on; None if the version could not be opened.
        figures: of the version, by name.
        reference_figures: the same of the reference.
        differences: the version's figure minus that of the reference, in the same draws of sessions.
        bounds: each bound.
        settings: the gate's settings other than their defaults, by name, such as ``max_loss``.
    """

    version: str
    reference: str | None
    route: str
    judged_at: str
    passed: bool
    reason: str
    events: JudgedEvents | None
    figures: dict[str, Figure]
    reference_figures: dict[str, Figure]
    differences: dict[str, Figure]
    bounds: tuple[Bound, ...]
    settings: dict[str, float] = {}
    schema: int = VERDICT_SCHEMA


def verdict_key(version: str) -> str:
    """Return the key of a version's verdict."""
    return model_key(version, VERDICT)


def encode_verdict(verdict: Verdict) -> bytes:
    """Return the document."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=1) + b"\n"


def decode_verdict(data: bytes, key: str) -> Verdict:
    """Parse a verdict.

    Args:
        data: the document.
        key: its key, for the error.

    Raises:
        ArtifactUnsupported: it has another schema.
        ArtifactCorrupt: it is no verdict.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
        if schema != VERDICT_SCHEMA:
            raise ArtifactUnsupported(f"{key} has verdict schema {schema}; this code reads {VERDICT_SCHEMA}")
        return msgspec.json.decode(data, type=Verdict)
    except DECODE_ERRORS as error:
        raise ArtifactCorrupt(f"{key} is no verdict: {error}; `nextitem gate` writes it again") from None


def read_verdict(bucket: ObjectReader, version: str) -> Verdict | None:
    """Return the verdict on a version; None if it was not judged yet.

    Raises:
        ArtifactError: it is damaged, or has another schema.
        RegistryError: it is too large, or the bucket cannot be read.
    """
    key = verdict_key(version)
    stored = bucket.read(key, MAX_VERDICT_BYTES)
    return None if stored is None else decode_verdict(stored.data, key)


def write_verdict(bucket: ObjectStore, verdict: Verdict) -> None:
    """Write a verdict beside its version, over an earlier one.

    Raises:
        RouteConflict: the version is being judged by another process, too.
        RegistryUnavailable: the bucket cannot be used.
    """
    key = verdict_key(verdict.version)
    compare_and_set(bucket, key, bucket.read(key, MAX_VERDICT_BYTES), encode_verdict(verdict))


def require_verdict(bucket: ObjectReader, version: str, live: str, now: datetime, override: Override | None) -> None:
    """Check that a version may take traffic from a live one.

    Args:
        bucket: the registry's bucket.
        version: the version.
        live: the live one.
        now: the time, with a time zone.
        override: see `Override`; None for a refusal.

    Raises:
        NotJudged: it has no verdict that can be read, did not pass, was compared with another version, or was judged
            more than `VERDICT_DAYS` ago.
        RegistryError: the bucket cannot be read.
    """
    try:
        try:
            verdict = read_verdict(bucket, version)
        except ArtifactError as error:
            raise NotJudged(str(error)) from None
        _require(verdict, version, live, now)
    except NotJudged as refusal:
        if override is None:
            raise
        override(str(refusal))


def refusal_of(verdict: Verdict | None, version: str, live: str, now: datetime) -> str | None:
    """Return why a version may not take traffic from a live one, in words; None if it may.

    Args:
        verdict: of the version, if it was judged.
        version: the version.
        live: the live one.
        now: the time, with a time zone.
    """
    if verdict is None:
        return f"{version} has no verdict beside the live version {live}"
    if not verdict.passed:
        return f"{version} did not pass the gate: {verdict.reason}"
    if verdict.reference != live:
        return f"{version} was compared with {verdict.reference or 'best sellers'}, but {live} is live"
    age = age_of(verdict, now)
    if age is None:
        return f"the verdict on {version} does not say when it was made ({verdict.judged_at!r})"
    if age > timedelta(days=VERDICT_DAYS):
        return f"the verdict on {version} beside {live} is {age.days} days old, and counts for {VERDICT_DAYS}"
    return None


def age_of(verdict: Verdict, now: datetime) -> timedelta | None:
    """Return how old a verdict is; None if it does not say when it was made."""
    try:
        judged_at = datetime.fromisoformat(verdict.judged_at)
    except ValueError:
        return None
    return now - (judged_at.replace(tzinfo=UTC) if judged_at.tzinfo is None else judged_at)


def _require(verdict: Verdict | None, version: str, live: str, now: datetime) -> None:
    refusal = refusal_of(verdict, version, live, now)
    if refusal is None:
        return
    if verdict is not None and not verdict.passed:
        raise NotJudged(f"{refusal} To promote it all the same: --force")
    how = f"`nextitem gate {version}` compares it with {live}; --force promotes it all the same, and is recorded"
    raise NotJudged(f"{refusal}: {how}")
