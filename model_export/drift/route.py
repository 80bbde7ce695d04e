"""Measure the drift of a route: read its version's profile, the lake and the report before, and write the new report.

This is the core of the scheduled function and of `nextitem drift`. It imports no torch.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path

import msgspec
import numpy as np

from model_export.data.sessions import Sessions
from model_export.drift.divergence import Floats
from model_export.drift.measure import Live, measure
from model_export.drift.report import DriftReport
from model_export.drift.scores import Scorer
from model_export.drift.window import Span, read_window
from model_export.lake.events import LakeFiles
from model_export.lake.note import complete_until
from model_export.lake.records import HOUR_MS, IDLE_MS
from model_export.profile.categories import category_column
from model_export.profile.document import read_profile
from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.catalogue.file import Catalogue
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported, NextItemError, ObjectTooLarge, VersionNotFound
from nextitem.model.manifest import (
    DECODE_ERRORS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    PROFILE,
    VOCABULARY,
    FileDigest,
    Manifest,
    decode_manifest,
    digest_of,
)
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.catalogues import Catalogues
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import Route

WEEK_MS = 7 * 24 * HOUR_MS
MAX_REPORT_BYTES = 1 << 20
MAX_DAYS_BACK = 7
"""Smoothing begins again after so many days without a report: its half-life is a day."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Which sessions are measured.

    Attributes:
        hours: the length of the window.
        idle_ms: see `Span`.
        half_life: of the smoothing, in hours; None for the window's length.
        deployment_leaves_out_seen: whether answers leave out seen items where the route does not say.
    """

    hours: float = 24.0
    idle_ms: int = IDLE_MS
    half_life: float | None = None
    deployment_leaves_out_seen: bool = False


def measure_route(
    bucket: ObjectReader,
    lake: LakeFiles,
    route: str,
    now: datetime,
    folder: Path,
    window: Window | None = None,
    score: Scorer | None = None,
    max_scored_bytes: float = inf,
) -> DriftReport:
    """Measure the drift of the version that has most of a route's traffic.

    Args:
        bucket: the registry's bucket, which also has the report before.
        lake: the lake's files, of the same bucket or of a folder.
        route: the route's name.
        now: the window ends so long before that its sessions have ended, or before the time until which the lake is
            complete.
        folder: an empty folder for downloads.
        window: by default, the sessions of 24 hours.
        score: for a report with the scores of first recommendations. Where they cannot be had, the report goes without.
        max_scored_bytes: size of a version's files up to which it is run.

    Raises:
        VersionNotFound: the route has no version.
        ArtifactUnsupported: its version has no profile.
        ArtifactCorrupt: a file of the version or the catalogue is damaged.
        RegistryError: the bucket or the lake cannot be read.
    """
    chosen = window or Window()
    complete = complete_until(lake)
    span = span_before(now if complete is None else min(now, complete), chosen)
    current = Registry(bucket, folder).route(route)
    live = _live(bucket, route, current, folder, chosen)
    if score is not None:
        live = replace(live, top_scores=partial(_scores, bucket, live.version, score, max_scored_bytes))
    return measure(
        live,
        read_window(lake, span),
        read_window(lake, span.earlier(WEEK_MS)),
        last_report(bucket, route, now),
        now,
        chosen.half_life or chosen.hours,
    )


def span_before(now: datetime, window: Window) -> Span:
    """Return the newest window whose sessions have ended."""
    until = int(now.timestamp() * 1000) - window.idle_ms
    return Span(until - round(window.hours * HOUR_MS), until, window.idle_ms)


def write_report(bucket: ObjectStore, report: DriftReport) -> str:
    """Write a report into the bucket and return its key; one that is there already stays.

    Raises:
        RegistryError: the bucket cannot be written.
    """
    key = report_key(report.route, datetime.fromisoformat(report.measured))
    bucket.create(key, msgspec.json.format(msgspec.json.encode(report), indent=1))
    return key


def reports(bucket: ObjectReader, route: str, day: date | None = None) -> list[str]:
    """Return the keys of a route's reports, or of those of a UTC day, oldest first."""
    return bucket.keys(f"drift/{route}/{'' if day is None else f'{day:%Y-%m-%d}T'}")


def report_key(route: str, measured: datetime) -> str:
    """Return the key of a report: the keys are in the order of time."""
    return f"drift/{route}/{measured.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}.json"


def last_report(bucket: ObjectReader, route: str, before: datetime) -> DriftReport | None:
    """Return the newest report from before a time; None, after a warning, if it cannot be read.

    It lists the keys of a day after the other, newest first, and none of more than `MAX_DAYS_BACK` days before.

    Raises:
        RegistryError: the bucket cannot be read.
    """
    limit = report_key(route, before)
    today = before.astimezone(UTC).date()
    days = (today - timedelta(days=back) for back in range(MAX_DAYS_BACK + 1))
    key = next((key for day in days for key in reversed(reports(bucket, route, day)) if key < limit), None)
    return None if key is None else _report(bucket, key, "smoothing begins again")


def newest_reports(bucket: ObjectReader, route: str, count: int) -> list[DriftReport]:
    """Return a route's newest reports, oldest first; those that cannot be read are left out, after a warning.

    Raises:
        RegistryError: the bucket cannot be read.
    """
    found = (_report(bucket, key, "the others are used") for key in reports(bucket, route)[-count:])
    return [report for report in found if report is not None]


def _report(bucket: ObjectReader, key: str, instead: str) -> DriftReport | None:
    """Read a report; return None, after a warning that says what happens instead, if it cannot be read."""
    if (stored := bucket.read(key, MAX_REPORT_BYTES)) is None:
        return None
    try:
        return msgspec.json.decode(stored.data, type=DriftReport)
    except DECODE_ERRORS as error:
        logger.warning("%s is ignored, %s: it is no report of drift: %s", key, instead, error)
        return None


def _scores(bucket: ObjectReader, version: str, score: Scorer, max_bytes: float, sessions: Sessions) -> Floats:
    """Return the scores of first recommendations; none, after a warning, if the version cannot be run."""
    try:
        size = sum(file.size for file in _manifest(bucket, version).files.values())
        if size <= max_bytes:
            return score(version, sessions)
        logger.warning("no scores: %s has %d bytes, at most %d are run", version, size, max_bytes)
    except NextItemError as error:
        logger.warning("no scores: %s cannot be run: %s", version, error)
    return np.empty(0)


def _live(bucket: ObjectReader, route: str, current: Route, folder: Path, window: Window) -> Live:
    variant = max(current.variants, key=lambda variant: variant.weight)
    manifest = _manifest(bucket, variant.version)
    expected = manifest.documents.get(PROFILE)
    if expected is None:
        raise ArtifactUnsupported(f"{variant.version} has no {PROFILE}: train again, then export and publish that run")
    profile = read_profile(_file(bucket, variant.version, PROFILE, expected, folder), variant.version)
    ids = _file(bucket, variant.version, VOCABULARY, manifest.files[VOCABULARY], folder)
    vocabulary = Vocabulary(ids)
    return Live(
        route=route,
        version=variant.version,
        variant=variant.variant,
        profile=profile,
        knows=lambda item: vocabulary.index(item) is not None,
        leaves_out_seen=current.leaves_out_seen(window.deployment_leaves_out_seen),
        categories=_categories(Catalogues(bucket, folder), route),
    )


def _manifest(bucket: ObjectReader, version: str) -> Manifest:
    stored = bucket.read(model_key(version, MANIFEST), MAX_MANIFEST_BYTES)
    if stored is None:
        raise VersionNotFound(f"the registry has no version {version}")
    return decode_manifest(stored.data, version)


def _file(bucket: ObjectReader, version: str, name: str, expected: FileDigest, folder: Path) -> Path:
    key, path = model_key(version, name), folder / name
    try:
        is_whole = bucket.download(key, path, lambda: expected.size) and digest_of(path) == expected
    except ObjectTooLarge:
        is_whole = False
    if not is_whole:
        raise ArtifactCorrupt(f"{key} is missing or damaged: publish {version} again")
    return path


def _categories(catalogues: Catalogues, route: str) -> dict[str, str] | None:
    """Return the category of each item of the route's catalogue that has one; None without categories."""
    pointer = catalogues.pointer(route)
    if pointer is None:
        return None
    catalogue = Catalogue(catalogues.verify(pointer.version), pointer.version)
    found = category_column(catalogue)
    if found is None:
        return None
    codes, names = found[1].codes.tolist(), found[1].values
    texts = [names[code] for code in range(len(names))]
    return {catalogue.vocabulary.item_id(place): texts[code] for place, code in enumerate(codes) if code >= 0}
