"""The registry as publishers and promoters write it. Never imported on the request path.

A version is written once, its manifest last, so that a version is in the registry whole or not at all. A route
changes by compare-and-set; each revision is kept, and a revision whose keeping was interrupted is kept by the next.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from nextitem.aws.object_store import ObjectStore, StoredObject
from nextitem.errors import InputError, RouteConflict, VersionExists, VersionNotFound
from nextitem.ids import id_fault
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import FILES, MANIFEST, FileDigest, Manifest, decode_manifest, digest_of, is_version
from nextitem.registry.availability import (
    EVERYTHING,
    MAX_UNAVAILABLE,
    Availability,
    availability_key,
    decode_availability,
)
from nextitem.registry.reader import Registry, Route, Variant, decode_route, history_key, model_key, route_key

DEFAULT_VARIANT = "main"


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version in the registry, its manifest, and the share of sessions that it has on the route (0 to 1)."""

    version: str
    manifest: Manifest
    share: float


class Publisher:
    """Publishes versions and changes one route.

    Args:
        bucket: where the registry is.
        route: the route's name.
        now: the clock for a route's `changed`.
    """

    def __init__(
        self, bucket: ObjectStore, route: str = "live", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bucket = bucket
        self._route = route
        self._now = now

    def publish(self, folder: Path) -> str:
        """Upload an artifact and return its version; one that is there already is left as it is.

        Raises:
            ArtifactCorrupt: the folder's files are not what its manifest says.
            VersionExists: the registry has other content under this version.
            RegistryUnavailable: the bucket cannot be used.
        """
        artifact = open_artifact(folder, documents=True)
        for name in (*FILES, *artifact.manifest.documents, MANIFEST):
            key, path = model_key(artifact.version, name), artifact.path(name)
            if not self._bucket.create(key, path) and self._digest(key) != digest_of(path):
                raise VersionExists(f"{key} is there with other content; published versions are never changed")
        return artifact.version

    def versions(self) -> list[PublishedVersion]:
        """Return every whole version of the registry, sorted by the end of its training data, newest first."""
        found = []
        live = self.current()
        total = sum(variant.weight for variant in live.variants) if live else 1.0
        for key in self._bucket.keys("models/"):
            version = key.split("/")[1]
            # Whatever else somebody has put under models/ is no version.
            named = is_version(version) and key == model_key(version, MANIFEST)
            stored = self._bucket.read(key) if named else None
            if stored is not None:
                shares = [v.weight / total for v in (live.variants if live else ()) if v.version == version]
                found.append(PublishedVersion(version, decode_manifest(stored.data, version), sum(shares)))
        return sorted(found, key=lambda one: (-one.manifest.training.last, one.version))

    def current(self) -> Route | None:
        """Return the route as it is, or None before the first promotion."""
        stored = self._bucket.read(route_key(self._route))
        return decode_route(stored.data, self._route) if stored is not None else None

    def promote(self, version: str, folder: Path) -> Route:
        """Give a version all traffic, once it has answered its whole certificate here; if it has it, nothing changes.

        Args:
            version: a published version.
            folder: where fetched versions are kept.

        Raises:
            VersionNotFound: it is not published.
            ArtifactCorrupt: it fails its digests or its certificate.
            RouteConflict: somebody else changed the route meanwhile.
        """
        if self._bucket.read(model_key(version, MANIFEST)) is None:  # a copy in the folder may be another bucket's
            raise VersionNotFound(f"the registry has no version {version}")
        artifact = Registry(self._bucket, folder).fetch(version)
        Model(artifact).check(artifact.certificate())
        variants = (Variant(DEFAULT_VARIANT, version, 1.0),)
        live = self.current()
        return live if live is not None and live.variants == variants else self._change(variants, restores=None)

    def rollback(self) -> Route:
        """Restore the variants that were live before; again, those before them.

        Raises:
            VersionNotFound: there is nothing before.
            RouteConflict: somebody else changed the route meanwhile.
        """
        live = self.current()
        if live is None:
            raise VersionNotFound(f"{route_key(self._route)} is not in the bucket: there is nothing to roll back")
        before = self._revision((live.restores or live.revision) - 1)
        while before.variants == live.variants:
            before = self._revision((before.restores or before.revision) - 1)
        return self._change(before.variants, restores=before.restores or before.revision)

    def availability(self) -> Availability:
        """Return what is available on the route."""
        return Registry(self._bucket, Path()).availability(self._route)

    def set_unavailable(self, item_ids: Iterable[str]) -> Availability:
        """Say which items are unavailable from now on; functions know within their route's time to live.

        Args:
            item_ids: all of them: who is not among them is available.

        Raises:
            InputError: too many, or one that no catalogue could have.
            RouteConflict: somebody else changed it meanwhile.
        """
        unavailable = tuple(sorted(set(item_ids)))
        if len(unavailable) > MAX_UNAVAILABLE:
            raise InputError(f"{len(unavailable)} unavailable items are more than {MAX_UNAVAILABLE}")
        for item_id in unavailable:
            if fault := id_fault(item_id):
                raise InputError(f"item id {item_id!r} {fault}")
        key = availability_key(self._route)
        stored = self._bucket.read(key)
        before = decode_availability(stored.data, self._route) if stored else EVERYTHING
        changed = Availability(before.revision + 1, unavailable, self._now().isoformat(timespec="seconds"))
        data = msgspec.json.encode(changed)
        if not (self._bucket.replace(key, data, stored.etag) if stored else self._bucket.create(key, data)):
            raise RouteConflict(f"{key} was changed by somebody else meanwhile; look at it and try again")
        return changed

    def _change(self, variants: tuple[Variant, ...], restores: int | None) -> Route:
        key = route_key(self._route)
        stored = self._bucket.read(key)
        newest = self._newest()
        revision = newest + 1
        if stored is not None:
            live = decode_route(stored.data, self._route)
            if live.revision < newest:  # somebody brought an older route back by hand: that was a change, too
                live = msgspec.structs.replace(live, revision=revision, restores=live.restores or live.revision)
            self._bucket.create(history_key(self._route, live.revision), msgspec.json.encode(live))
            revision = live.revision + 1
        route = Route(revision, variants, self._now().isoformat(timespec="seconds"), restores)
        data = msgspec.json.encode(route)
        won = self._bucket.replace(key, data, stored.etag) if stored else self._bucket.create(key, data)
        if not won:
            raise RouteConflict(f"{key} was changed by somebody else meanwhile; look at it and try again")
        self._bucket.create(history_key(self._route, revision), data)
        return route

    def _newest(self) -> int:
        """Return the newest revision that is kept, 0 if none is: the route itself may be lost, or an older one."""
        kept = self._bucket.keys(history_key(self._route, 0).removesuffix("00000000.json"))
        return max((int(key.rpartition("/")[2].removesuffix(".json")) for key in kept), default=0)

    def _revision(self, revision: int) -> Route:
        stored: StoredObject | None = self._bucket.read(history_key(self._route, revision)) if revision > 0 else None
        if stored is None:
            raise VersionNotFound(f"route {self._route} has no earlier revision to roll back to")
        return decode_route(stored.data, self._route)

    def _digest(self, key: str) -> FileDigest | None:
        """Return an object's digest. Large ones do not fit in memory, so it is downloaded to the disk first."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            return digest_of(path) if self._bucket.download(key, path) else None
