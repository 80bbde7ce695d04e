"""What the mirror of a registry in MLflow says: pure functions from the bucket's documents."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from model_export.tracking.client import metric_name
from nextitem.registry.publisher import PublishedVersion
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Verdict

VERSION = "nextitem.version"
PUBLISHED = "nextitem.published"
VERDICT = "nextitem.verdict"
CHAMPION, CHALLENGER = "champion", "challenger"
MAX_TAG = 5000
"""Characters of a tag's value that every store of MLflow takes."""


@dataclass(frozen=True)
class Entry:
    """A version in MLflow.

    Attributes:
        version: the version's name in the bucket.
        source: its address there.
        tags: of the model version.
        metrics: of the run that the model version belongs to.
    """

    version: str
    source: str
    tags: dict[str, str]
    metrics: dict[str, float]


@dataclass(frozen=True)
class Mirrored:
    """All that the mirror says of a registry: its versions, oldest training first, and versions by alias."""

    entries: tuple[Entry, ...]
    aliases: dict[str, str]


def mirrored(bucket: str, published: Iterable[PublishedVersion], route: Route | None) -> Mirrored:
    """Return what the mirror of a registry says.

    Args:
        bucket: the registry's bucket.
        published: its versions.
        route: the route whose champion and challenger get aliases; None before the first promotion.
    """
    in_order = sorted(published, key=lambda each: (each.manifest.training.last, each.version))
    aliases = {} if route is None else {CHAMPION: route.champion.version}
    if route is not None and route.challenger is not None:
        aliases[CHALLENGER] = route.challenger.version
    return Mirrored(tuple(_entry(bucket, each) for each in in_order), aliases)


def _entry(bucket: str, published: PublishedVersion) -> Entry:
    manifest, verdict = published.manifest, published.verdict
    training = manifest.training
    tags = {
        VERSION: published.version,
        PUBLISHED: "true",
        "nextitem.share": f"{published.share:g}",
        "nextitem.items": str(manifest.model.items),
        "nextitem.training.sessions": str(training.sessions),
        "nextitem.training.until": datetime.fromtimestamp(training.last, UTC).isoformat(timespec="seconds"),
        "nextitem.training.data_sha256": training.data_sha256,
        **_verdict_tags(verdict),
    }
    figures = {f"validation/{name}": value for name, value in manifest.evaluation.items()}
    if verdict is not None:
        figures |= {f"gate/{name}": figure.value for name, figure in verdict.figures.items()}
        figures |= {f"gate/reference/{name}": figure.value for name, figure in verdict.reference_figures.items()}
    source = f"s3://{bucket}/models/{published.version}/"
    return Entry(published.version, source, tags, {metric_name(name): value for name, value in figures.items()})


def _verdict_tags(verdict: Verdict | None) -> dict[str, str]:
    """Return the tags of a verdict; empty texts where there is none, so that no earlier one stays."""
    return {
        VERDICT: "none" if verdict is None else "passed" if verdict.passed else "failed",
        f"{VERDICT}.reason": "" if verdict is None else verdict.reason[:MAX_TAG],
        f"{VERDICT}.reference": "" if verdict is None else verdict.reference or "best sellers",
        f"{VERDICT}.judged_at": "" if verdict is None else verdict.judged_at,
    }
