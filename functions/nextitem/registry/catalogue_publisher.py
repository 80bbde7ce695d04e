"""Write catalogues: publish a version, change which one a route uses, write joins. Never on the request path.

A catalogue and its joins are written once, and the route's pointer last, so that a function that follows the pointer
finds all of them. The pointer changes by compare-and-set; each revision is kept in its history.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nextitem.aws.object_store import ObjectStore
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import NOT_SOLD, join_of, new_positions_of, open_join, write_join
from nextitem.catalogue.new_rows import RowsOfItems, latest_items, no_rows
from nextitem.catalogue.version import version_of_catalogue
from nextitem.errors import ArtifactCorrupt, VersionNotFound
from nextitem.ids import id_examples
from nextitem.model.manifest import ATTRIBUTES, VOCABULARY
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.catalogue_pointer import CataloguePointer, catalogue_key, join_key, pointer_key
from nextitem.registry.catalogues import MAX_CATALOGUE_BYTES, Catalogues
from nextitem.registry.history import POINTERS, ROUTES
from nextitem.registry.reader import Registry
from nextitem.registry.revisions import previous_revision, write_revision
from nextitem.registry.writes import compare_and_set

logger = logging.getLogger(__name__)


class CataloguePublisher:
    """Publishes catalogues for one route.

    Args:
        bucket: the registry's bucket.
        folder: a local folder for the models that joins need.
        route: the route's name.
        rows: computes the rows of new items.
        now: the clock for a pointer's `changed`.
    """

    def __init__(
        self,
        bucket: ObjectStore,
        folder: Path,
        route: str = "live",
        rows: RowsOfItems = no_rows,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bucket, self._folder, self._route = bucket, folder, route
        self._rows, self._now = rows, now
        self._catalogues = Catalogues(bucket, folder)

    def publish(self, path: Path) -> CataloguePointer:
        """Upload a catalogue, join it with the route's models, and let the route use it.

        Args:
            path: the catalogue's file.

        Raises:
            ArtifactCorrupt: it is no catalogue, or the bucket has other content under its version.
            RouteConflict: the route got another catalogue meanwhile.
            RegistryError: the bucket cannot be used, or the route names a model that cannot.
        """
        catalogue = Catalogue(path, version_of_catalogue(path))
        if not self._bucket.create(catalogue_key(catalogue.version), path):
            self._catalogues.verify(catalogue.version)  # taken: by the same content, unless the object is damaged
        return self._use(catalogue, restores=None)

    def join_models(self, models: Collection[str], joined: str | None = None) -> str | None:
        """Join the route's catalogue, if it has one, with model versions that will take traffic.

        Args:
            models: the model versions.
            joined: the catalogue that they are joined with already, if any.

        Returns:
            The catalogue's version; None without one.

        Raises:
            RegistryError: the bucket cannot be used, or has no such version.
            ArtifactCorrupt: the catalogue or a model is damaged.
        """
        pointer = self._catalogues.pointer(self._route)
        if pointer is None:
            return None
        if pointer.version != joined:
            self._write_joins(self.open(pointer.version), models)
        return pointer.version

    def current(self) -> CataloguePointer | None:
        """Read which catalogue the route uses; return None if it uses none."""
        return self._catalogues.pointer(self._route)

    def open(self, version: str) -> Catalogue:
        """Fetch and open a published catalogue.

        Raises:
            VersionNotFound: the bucket does not have it.
            ArtifactCorrupt: it is damaged.
        """
        return Catalogue(self._catalogues.verify(version), version)

    def history(self) -> list[CataloguePointer]:
        """Return the catalogues that the route used, newest first."""
        found = (self._catalogues.revision(self._route, number) for number in self._catalogues.revisions(self._route))
        return [pointer for pointer in found if pointer is not None][::-1]

    def rollback(self) -> CataloguePointer:
        """Restore the route's previous catalogue; a second rollback restores the one before it.

        Raises:
            VersionNotFound: there is no previous one, or the bucket lost it.
            ArtifactCorrupt: it is damaged.
            RouteConflict: the route got another catalogue meanwhile.
        """
        live = self.current()
        if live is None:
            raise VersionNotFound(f"{pointer_key(self._route)} is not in the bucket: there is nothing to roll back")
        previous = self._previous(live)
        return self._use(self.open(previous.version), restores=previous.restores or previous.revision)

    def _use(self, catalogue: Catalogue, restores: int | None) -> CataloguePointer:
        """Join a catalogue with the route's models, and let the route use it."""
        models = self._models()
        self._write_joins(catalogue, models)
        pointer = self._change(catalogue.version, len(catalogue), restores)
        # A promotion meanwhile joined its model with the previous catalogue. One that comes later sees this one.
        self._write_joins(catalogue, self._models() - models)
        return pointer

    def _previous(self, live: CataloguePointer) -> CataloguePointer:
        """Return the newest revision with another version, before the one that the live pointer is or restores."""
        previous = previous_revision(self._bucket, POINTERS, self._route, live, lambda pointer: pointer.version)
        if previous is None:
            raise VersionNotFound(f"route {self._route} has no earlier catalogue to roll back to")
        return previous

    def _models(self) -> set[str]:
        """Return the versions of the route; none before the first promotion."""
        route = ROUTES.read(self._bucket, self._route).document
        return set() if route is None else route.versions

    def _write_joins(self, catalogue: Catalogue, models: Collection[str]) -> None:
        for model in sorted(models):
            registry = Registry(self._bucket, self._folder)
            artifact = registry.fetch(model)
            registry.fetch_document(artifact, ATTRIBUTES)
            vocabulary = Vocabulary(artifact.path(VOCABULARY))
            all_new = new_positions_of(vocabulary, catalogue.vocabulary)
            positions = latest_items(catalogue, all_new)
            rows = self._rows(artifact, catalogue, positions) if len(positions) else None
            if rows is not None and len(positions) < len(all_new):
                logger.warning(
                    "%d items are new to %s, and %d of them can be recommended: train a model that knows the others",
                    len(all_new),
                    model,
                    len(positions),
                )
            join = join_of(vocabulary, catalogue, None if rows is None else positions, rows)
            if (join.position_of == NOT_SOLD).all() and len(catalogue):
                logger.warning(
                    "none of the %d items of %s is in the catalogue: answers have no fields, and filters leave all of "
                    "them out. %s",
                    len(vocabulary),
                    model,
                    id_examples("the model", _ids(vocabulary), "the catalogue", _ids(catalogue.vocabulary)),
                )
            with TemporaryDirectory() as folder:
                path = Path(folder) / "join.bin"
                write_join(path, join, catalogue.version, model)
                if not self._bucket.create(join_key(catalogue.version, model), path):
                    self._mend_join(catalogue, model, path)

    def _mend_join(self, catalogue: Catalogue, model: str, path: Path) -> None:
        """Replace the bucket's join by that of a file if it is damaged.

        Raises:
            RouteConflict: another writer was faster.
        """
        key = join_key(catalogue.version, model)
        stored = self._catalogues.fetch_join(catalogue.version, model)
        try:
            open_join(stored, catalogue.version, model)
        except ArtifactCorrupt as error:
            logger.warning("%s is written again: %s", key, error)
            stored.unlink()
            compare_and_set(self._bucket, key, self._bucket.read(key, MAX_CATALOGUE_BYTES), path.read_bytes())

    def _change(self, version: str, items: int, restores: int | None) -> CataloguePointer:
        """Let the route use a version; do nothing if it does already."""
        read = POINTERS.read(self._bucket, self._route)
        if read.document is not None and read.document.version == version:
            return read.document

        def next_pointer(revision: int, _before: CataloguePointer | None) -> CataloguePointer:
            return CataloguePointer(revision, version, items, self._now().isoformat(timespec="seconds"), restores)

        return write_revision(self._bucket, POINTERS, self._route, read, next_pointer)


def _ids(vocabulary: Vocabulary) -> Iterator[str]:
    return map(vocabulary.item_id, range(len(vocabulary)))
