"""The registry for the console: its versions, the route, promotions, and opened models."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devstack.publish import object_store
from devstack.services.bucket import Bucket
from model_export.attributes.attribute_map import new_item_rows
from model_export.experiments.audit import record_change, recorded_override
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.certificate import Certificate
from nextitem.model.engine import Model
from nextitem.model.manifest import CARD, CERTIFICATE, MAX_FILE_BYTES, Manifest
from nextitem.registry.catalogue_loading import complete_joins, load_catalogue
from nextitem.registry.publisher import PublishedVersion, Publisher
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Verdict, refusal_of
from nextitem.service.serving import RoutedModel

ROUTE = "live"
BY = "the console"
"""The author of the console's entries in the audit log."""
MODELS_OPEN = 3


@dataclass(frozen=True)
class CertificateFigures:
    """A version's certificate: its golden sessions and what an engine must reach on them."""

    golden_sessions: int
    score_tolerance: float
    overlap: float


@dataclass(frozen=True)
class VersionView:
    """A published version.

    Attributes:
        version: its name.
        share: of the route's sessions.
        verdict: the gate's, if it was judged.
        refusal: why it may not take traffic unless it is forced; None if it may, or does.
        manifest: without the popular items, of which there are hundreds.
        certificate: what an engine must reach.
        card: the model card.
    """

    version: str
    share: float
    verdict: Verdict | None
    refusal: str | None
    manifest: Manifest
    certificate: CertificateFigures | None
    card: str


@dataclass(frozen=True)
class RegistryView:
    """All versions, the route, and its earlier revisions, newest first."""

    versions: tuple[VersionView, ...]
    route: Route | None
    history: tuple[Route, ...]


class Models:
    """The models of a stack's bucket.

    Args:
        bucket: of the stack.
        folder: for fetched versions.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder
        self._open: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()

    def view(self) -> RegistryView:
        """Read the registry.

        Raises:
            nextitem.errors.RegistryError: it cannot be read.
        """
        with self._publisher() as (publisher, registry):
            live = publisher.current()
            versions = tuple(
                VersionView(
                    published.version,
                    published.share,
                    published.verdict,
                    _refusal(published, live),
                    msgspec.structs.replace(published.manifest, popular=()),
                    self._certificate(published.version),
                    self._document(published.version, CARD).decode(),
                )
                for published in publisher.versions()
            )
            revisions = (registry.revision(ROUTE, revision) for revision in reversed(registry.revisions(ROUTE)))
            return RegistryView(versions, live, tuple(route for route in revisions if route))

    def promote(self, version: str, *, force: bool = False) -> Route:
        """See `Publisher.promote`; `force` overrides the verdict. The audit log of the route gets an entry for each."""
        with self._publisher() as (publisher, _), object_store(self._bucket) as store:
            details = {"version": version, "by": BY}
            override = recorded_override(store, ROUTE, "forced-promotion", details) if force else None
            route = publisher.promote(version, self._folder, override=override)
            record_change(store, ROUTE, route, datetime.now(UTC), "promotion", "a person promoted a version", BY)
            return route

    def rollback(self) -> Route:
        """See `Publisher.rollback`. The audit log of the route gets an entry."""
        with self._publisher() as (publisher, _), object_store(self._bucket) as store:
            route, reason = publisher.rollback(self._folder), "a person restored the variants before"
            record_change(store, ROUTE, route, datetime.now(UTC), "rollback", reason, BY)
            return route

    def route(self) -> Route:
        """See `Registry.route`."""
        with self._publisher() as (_, registry):
            return registry.route(ROUTE)

    def model(self, version: str) -> Model:
        """Open a version, or return it if it is open.

        Raises:
            nextitem.errors.RegistryError: there is no such version, or it cannot be read.
            nextitem.errors.ArtifactError: it is damaged.
        """
        with self._lock:
            if version not in self._open:
                with self._publisher() as (_, registry):
                    self._open[version] = Model(registry.fetch(version))
            self._open.move_to_end(version)
            while len(self._open) > MODELS_OPEN:
                self._open.popitem(last=False)
            return self._open[version]

    def routed(self, version: str) -> RoutedModel:
        """Return a version with the items that it serves by the route's catalogue. Raises as `model`."""
        model = self.model(version)
        with self._publisher() as (_, registry):
            opened = load_catalogue(registry, ROUTE, [version], None)
            exclude_seen = bool(registry.route(ROUTE).exclude_seen)
        hidden = model.manifest.model.hidden
        if opened is None:
            return RoutedModel(model, ServedItems(model.vocabulary, hidden), ROUTE, exclude_seen)
        join = complete_joins(opened, {version: model}).joins[version]
        return RoutedModel(model, ServedItems(model.vocabulary, hidden, opened.catalogue, join), ROUTE, exclude_seen)

    @contextmanager
    def _publisher(self) -> Iterator[tuple[Publisher, Registry]]:
        with object_store(self._bucket) as store:
            yield Publisher(store, ROUTE, rows=new_item_rows), Registry(store, self._folder)

    def _certificate(self, version: str) -> CertificateFigures:
        certificate = msgspec.json.decode(self._document(version, CERTIFICATE), type=Certificate)
        return CertificateFigures(len(certificate.sessions), certificate.score_tolerance, certificate.overlap)

    def _document(self, version: str, name: str) -> bytes:
        with object_store(self._bucket) as store:
            stored = store.read(model_key(version, name), MAX_FILE_BYTES[name])
        return b"" if stored is None else stored.data


def _refusal(published: PublishedVersion, live: Route | None) -> str | None:
    if live is None or published.version in live.versions:
        return None
    return refusal_of(published.verdict, published.version, live.champion.version, datetime.now(UTC))
