"""Check the route, the versions that it names, and conditional writes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import ClientError

from model_export.doctor.finding import Finding, not_checked
from nextitem.aws.object_store import ObjectStore
from nextitem.errors import ArtifactError, NextItemError, VersionNotFound
from nextitem.model.engine import Model
from nextitem.model.manifest import MANIFEST, MAX_MANIFEST_BYTES
from nextitem.registry.catalogue_loading import load_catalogue
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import Route

_REPLACE = (
    "`nextitem publish` the same artifact again adds missing files; else `nextitem rollback`, or `nextitem promote` "
    "another version."
)


def check_registry(bucket: ObjectStore, route: str) -> Iterator[Finding]:
    """Check a route and everything that it names."""
    registry = Registry(bucket, Path())
    try:
        live = registry.route(route)
        revisions = registry.revisions(route)
    except VersionNotFound as error:
        remedy = "Run `nextitem publish ARTIFACT` and `nextitem promote VERSION`, or correct --route."
        yield Finding("route", "fail", str(error), remedy)
        yield not_checked("versions", f"route {route} names none")
        return
    except NextItemError as error:
        yield _unusable("route", error, "`nextitem rollback`, or `nextitem promote` a version.")
        yield not_checked("versions", f"route {route} cannot be read")
        return
    yield _describe(route, live, revisions)
    yield _check_availability(registry, route)
    yield _check_catalogue(bucket, route, live)
    for version in dict.fromkeys(variant.version for variant in live.variants):
        yield _check_version(bucket, version)
    yield _check_conditional_writes(bucket, live.variants[0].version)


def _describe(name: str, live: Route, revisions: list[int]) -> Finding:
    shares = ", ".join(f"{each.variant} = {each.version} ({each.weight:.0%})" for each in live.variants)
    detail = f"{name}, revision {live.revision}: {shares}; seen items: {live.seen_items}"
    if live.revision not in revisions:
        remedy = "The next change adds it. Until then `nextitem rollback` cannot return to it."
        return Finding("route", "warn", f"{detail}; this revision is missing in its history", remedy)
    return Finding("route", "ok", detail)


def _check_availability(registry: Registry, route: str) -> Finding:
    try:
        availability = registry.availability(route)
    except NextItemError as error:
        return _unusable("availability", error, "`nextitem availability --unavailable FILE` writes it again.")
    return Finding("availability", "ok", f"{len(availability.unavailable)} unavailable items")


def _check_catalogue(bucket: ObjectStore, name: str, live: Route) -> Finding:
    """Fetch the route's catalogue and its joins with the versions that take traffic."""
    versions = live.versions
    try:
        with TemporaryDirectory() as folder:
            registry = Registry(bucket, Path(folder))
            opened = load_catalogue(registry, name, versions, None)
            if opened is not None:
                registry.catalogues.verify(opened.catalogue.version)
    except NextItemError as error:
        return _unusable("catalogue", error, "`nextitem items rollback`, or `nextitem items publish FILE`.")
    if opened is None:
        return Finding("catalogue", "ok", f"route {name} uses none")
    catalogue = opened.catalogue
    detail = f"{catalogue.version} has {len(catalogue)} items with {len(catalogue.columns)} attributes"
    for fault in opened.faults:
        return _unusable("catalogue", fault, "`nextitem items publish FILE` again writes its join with each version.")
    unavailable = [name for name in ("available", "stock") if name in catalogue.columns]
    notes = f"; items are unavailable by {' and '.join(unavailable)}" if unavailable else ""
    return Finding("catalogue", "ok", detail + notes)


def _check_version(bucket: ObjectStore, version: str) -> Finding:
    """Fetch a version, and check its files' digests and its whole certificate, as before a promotion."""
    try:
        with TemporaryDirectory() as folder:
            artifact = Registry(bucket, Path(folder)).fetch(version)
            goldens = len(Model(artifact).certificate.sessions)
    except (ArtifactError, VersionNotFound) as error:
        return Finding("versions", "fail", str(error), _REPLACE)
    except NextItemError as error:
        return _unusable("versions", error, "Check the network, and the space on this machine's disk.")
    return Finding("versions", "ok", f"{version} is complete, and answers all {goldens} golden sessions")


def _unusable(check: str, error: NextItemError, remedy: str) -> Finding:
    """Return the finding of an error: what these credentials may not read may be sound."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in {"AccessDenied", "403"}:
        detail = f"not checked, because these credentials may not read it: {error}"
        return Finding(
            check, "warn", detail, "Attach the stack's policy that reads it, or use credentials that have it."
        )
    return Finding(check, "fail", str(error), remedy)


def _check_conditional_writes(bucket: ObjectStore, version: str) -> Finding:
    """Create an object that exists, with its own content: S3 refuses it and writes nothing."""
    key = model_key(version, MANIFEST)
    try:
        stored = bucket.read(key, MAX_MANIFEST_BYTES)
        if stored is None:
            return not_checked("conditional writes", f"{version} has no manifest")
        is_created = bucket.create(key, stored.data)
    except NextItemError as error:
        detail = f"not checked, because these credentials may not publish: {error}"
        return Finding(
            "conditional writes", "warn", detail, "To publish from here, attach the stack's PublisherPolicy."
        )
    if is_created:
        detail = "this S3 service ignores If-None-Match: two publishers can overwrite each other"
        return Finding("conditional writes", "fail", detail, "Use a service with S3's conditional writes.")
    return Finding("conditional writes", "ok", "an existing object is never overwritten")
