"""Write the registry: publish versions, change a route and its availability. Never imported on the request path.

A version is written once and its manifest last, so the registry has a version whole or not at all. A route changes by
compare-and-set. Each revision is kept in the route's history. If a change is interrupted before that, the next one
writes the missing revision.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from nextitem.aws.object_store import ObjectStore
from nextitem.catalogue.new_rows import RowsOfItems, no_rows
from nextitem.errors import (
    ArtifactError,
    InputError,
    ObjectTooLarge,
    RegistryError,
    RegistryUnavailable,
    VersionExists,
    VersionNotFound,
)
from nextitem.ids import id_fault
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import (
    DOCUMENTS,
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    OPTIONAL_DOCUMENTS,
    Manifest,
    decode_manifest,
    digest_of,
    is_version,
)
from nextitem.registry.availability import (
    MAX_AVAILABILITY_BYTES,
    MAX_UNAVAILABLE,
    Availability,
    availability_key,
    decode_availability,
)
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.loading import variants_with_traffic
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, Variant, decode_route, history_key, route_key
from nextitem.registry.writes import compare_and_set, keep_copy, last_good_copy

DEFAULT_VARIANT = "main"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version in the registry, its manifest, and its share of the route's sessions (0 to 1)."""

    version: str
    manifest: Manifest
    share: float


class Publisher:
    """Publishes versions and changes one route.

    Args:
        bucket: the registry's bucket.
        route: the route's name.
        now: the clock for a route's `changed`.
        rows: computes the rows of a catalogue's new items.

    Example:
        >>> publisher = Publisher(BotoObjectStore("shop-models"))
        >>> publisher.promote(publisher.publish(Path("out/v59d8f80b305e2ad3")), folder=Path("/tmp/check"))
    """

    def __init__(
        self,
        bucket: ObjectStore,
        route: str = "live",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rows: RowsOfItems = no_rows,
    ) -> None:
        self._bucket = bucket
        self._route = route
        self._now = now
        self._rows = rows

    def publish(self, folder: Path) -> str:
        """Upload an artifact and return its version. Files that the registry has already are not changed.

        Raises:
            ArtifactCorrupt: a file differs from the manifest.
            VersionExists: the registry has other content under this version.
            RegistryUnavailable: the bucket cannot be used.
        """
        artifact = open_artifact(folder, documents=True)
        for name in (*FILES, *artifact.manifest.documents, MANIFEST):
            key, path = model_key(artifact.version, name), artifact.path(name)
            if not self._bucket.create(key, path) and not self._has_content(key, path):
                raise VersionExists(f"{key} exists with other content; published versions are never changed")
        return artifact.version

    def versions(self) -> list[PublishedVersion]:
        """Return all versions with a manifest, sorted by the end of their training data, newest first.

        Other objects, and manifests that cannot be used, are logged and left out.
        """
        published = []
        live = self.current()
        variants = live.variants if live else ()
        total = sum(variant.weight for variant in variants)
        for key in self._bucket.keys("models/"):
            version, _, name = key.removeprefix("models/").partition("/")
            if not is_version(version) or name not in {MANIFEST, *FILES, *DOCUMENTS, *OPTIONAL_DOCUMENTS}:
                logger.warning("%s is ignored: its name is not that of a version's file", key)
            elif name == MANIFEST and (manifest := self._manifest(version)) is not None:
                share = sum(variant.weight / total for variant in variants if variant.version == version)
                published.append(PublishedVersion(version, manifest, share))
        return sorted(published, key=lambda item: (-item.manifest.training.last, item.version))

    def current(self) -> Route | None:
        """Read the route; return None before the first promotion."""
        stored = self._bucket.read(route_key(self._route), MAX_ROUTE_BYTES)
        return decode_route(stored.data, route_key(self._route)) if stored is not None else None

    def promote(
        self, version: str, folder: Path, *, exclude_seen: bool | None = None, explore: float | None = None
    ) -> Route:
        """Check a version's whole certificate, join it with the route's catalogue, if any, and give it all traffic.

        Do nothing if the route says so already.

        Args:
            version: a published version.
            folder: the local folder of fetched versions.
            exclude_seen: sets `Route.exclude_seen`; None leaves it as it is.
            explore: sets `Route.explore`, 0 to 1; None leaves it as it is.

        Raises:
            VersionNotFound: it is not published.
            ArtifactCorrupt: it fails its digests or its certificate.
            RouteConflict: the route was changed meanwhile.
        """
        # The folder's copy may come from another bucket.
        if self._bucket.read(model_key(version, MANIFEST), MAX_MANIFEST_BYTES) is None:
            raise VersionNotFound(f"the registry has no version {version}; `nextitem versions` lists those that it has")
        join_again = self._check([version], folder)
        variants = (Variant(DEFAULT_VARIANT, version, 1.0),)
        live = self.current()
        settings = exclude_seen in {None, live.exclude_seen} and explore in {None, live.explore} if live else False
        if live is not None and live.variants == variants and settings:
            return live
        return self._change(variants, None, join_again, exclude_seen, explore)

    def rollback(self, folder: Path) -> Route:
        """Restore the previous variants of the route; a second rollback restores those before them.

        They are joined with the route's catalogue as it is now: a catalogue has its own rollback.
        `Route.exclude_seen` and `explore` stay as they are: they are about the shop's pages, not about a version.

        The versions that will take traffic must pass their whole certificates, as for `promote`.

        Args:
            folder: the local folder of fetched versions.

        Raises:
            VersionNotFound: there are no previous variants, or one of their versions is not published.
            ArtifactCorrupt: a version fails its digests or its certificate.
            RouteConflict: the route was changed meanwhile.
        """
        live = self.current()
        if live is None:
            raise VersionNotFound(f"{route_key(self._route)} is not in the bucket: there is nothing to roll back")
        previous = self._previous(live)
        join_again = self._check({variant.version for variant in variants_with_traffic(previous)}, folder)
        return self._change(previous.variants, previous.restores or previous.revision, join_again)

    def _check(self, versions: Collection[str], folder: Path) -> Callable[[], object]:
        """Check digests and certificates; join with the catalogue. Return a call that joins with a later one, too."""
        for version in versions:
            Model(Registry(self._bucket, folder).fetch(version))
        catalogues = CataloguePublisher(self._bucket, folder, self._route, self._rows)
        joined = catalogues.join_models(versions)
        return lambda: catalogues.join_models(versions, joined)

    def availability(self) -> Availability:
        """Read the route's availability."""
        return Registry(self._bucket, Path()).availability(self._route)

    def set_unavailable(self, item_ids: Iterable[str]) -> Availability:
        """Set the unavailable items. Functions apply the change within the route's time to live.

        Args:
            item_ids: all unavailable items; all others become available.

        Raises:
            InputError: there are too many, or an id is invalid.
            RouteConflict: the availability was changed meanwhile.
        """
        unavailable = tuple(sorted(set(item_ids)))
        if len(unavailable) > MAX_UNAVAILABLE:
            raise InputError(f"there are {len(unavailable)} unavailable items; the maximum is {MAX_UNAVAILABLE}")
        for item_id in unavailable:
            if fault := id_fault(item_id):
                raise InputError(f"item id {item_id!r} {fault}")
        key = availability_key(self._route)
        stored = self._bucket.read(key, MAX_AVAILABILITY_BYTES)
        registry = Registry(self._bucket, Path())
        old = decode_availability(stored.data, key) if stored else registry.last_good_availability(self._route)
        new = Availability(old.revision + 1, unavailable, self._now().isoformat(timespec="seconds"))
        data = msgspec.json.encode(new)
        if len(data) > MAX_AVAILABILITY_BYTES:
            raise InputError(f"the unavailable items take {len(data)} bytes; the maximum is {MAX_AVAILABILITY_BYTES}")
        last_good_copy(self._bucket, self._route)  # a copy that cannot be replaced is an error before anything changes
        compare_and_set(self._bucket, key, stored, data)
        try:
            keep_copy(self._bucket, self._route, new.revision, data)
        except RegistryError as error:
            raise RegistryUnavailable(
                f"{key} is changed, but its copy, which cold starts may use, is not; run the command again: {error}"
            ) from error
        return new

    def _manifest(self, version: str) -> Manifest | None:
        """Read a version's manifest; return None, after a warning, if it cannot be used."""
        key = model_key(version, MANIFEST)
        try:
            stored = self._bucket.read(key, MAX_MANIFEST_BYTES)
            return decode_manifest(stored.data, version) if stored is not None else None
        except (ArtifactError, ObjectTooLarge) as error:
            logger.warning("%s is ignored: %s", key, error)
            return None

    def _change(
        self,
        variants: tuple[Variant, ...],
        restores: int | None,
        join_again: Callable[[], object],
        exclude_seen: bool | None = None,
        explore: float | None = None,
    ) -> Route:
        key, registry = route_key(self._route), Registry(self._bucket, Path())
        stored = self._bucket.read(key, MAX_ROUTE_BYTES)
        newest = max(registry.revisions(self._route), default=0)
        revision = newest + 1
        if stored is None:
            before = registry.revision(self._route, newest)
        else:
            before = live = decode_route(stored.data, route_key(self._route))
            if live.revision < newest:  # a person restored an older route by hand: that was a change, too
                live = msgspec.structs.replace(live, revision=revision, restores=live.restores or live.revision)
            self._bucket.create(history_key(self._route, live.revision), msgspec.json.encode(live))
            revision = live.revision + 1
        if before is not None:
            exclude_seen = before.exclude_seen if exclude_seen is None else exclude_seen
            explore = before.explore if explore is None else explore
        route = Route(revision, variants, self._now().isoformat(timespec="seconds"), restores, exclude_seen, explore)
        data = msgspec.json.encode(route)
        compare_and_set(self._bucket, key, stored, data)
        try:
            self._bucket.create(history_key(self._route, revision), data)
        except RegistryUnavailable as error:  # as an error it would invite a second change
            logger.warning("the route is changed; the next change adds revision %d to its history: %s", revision, error)
        join_again()  # a catalogue that was published meanwhile is joined with the previous models only
        return route

    def _previous(self, live: Route) -> Route:
        """Return the newest revision with other variants, before the one that the live route is or restores."""
        registry, before = Registry(self._bucket, Path()), live.restores or live.revision
        for revision in reversed(registry.revisions(self._route)):
            route = registry.revision(self._route, revision) if revision < before else None
            if route is not None and route.variants != live.variants:
                return route
            if route is not None:
                before = route.restores or revision
        raise VersionNotFound(f"route {self._route} has no earlier revision to roll back to")

    def _has_content(self, key: str, path: Path) -> bool:
        """Return whether an object equals a file. It is downloaded to the disk: large ones do not fit in memory.

        Raises:
            RegistryUnavailable: the object was removed meanwhile.
        """
        expected = digest_of(path)
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "object"
            try:
                exists = self._bucket.download(key, copy, lambda: expected.size)
            except ObjectTooLarge:
                return False
            if not exists:
                raise RegistryUnavailable(f"{key} was removed during the upload; publish again")
            return digest_of(copy) == expected
