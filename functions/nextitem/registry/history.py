"""Documents of a route that keep their history: each revision stays under a key of its own."""

import logging
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from nextitem.aws.object_store import ObjectReader, StoredObject
from nextitem.errors import RegistryError, RegistryUnavailable
from nextitem.registry.catalogue_pointer import (
    MAX_POINTER_BYTES,
    CataloguePointer,
    decode_pointer,
    pointer_history_key,
    pointer_key,
)
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, decode_route, history_key, route_key

_REVISION_DIGITS = 15
"""Maximum digits of a revision in a key: our own have 8."""

logger = logging.getLogger(__name__)

Revised = TypeVar("Revised", bound=Route | CataloguePointer)


class ReadDocument(NamedTuple, Generic[Revised]):
    """A document as it was read, and its object; both None before the first one."""

    stored: StoredObject | None
    document: Revised | None


class RevisedDocument(Generic[Revised]):
    """A document that each route may have once, and the history of its revisions.

    Args:
        key_of: returns the key of a route's document.
        revision_key: returns the key of a route's revision: a folder, the revision with 8 digits, and ``.json``.
        decode: decodes the document from the object with a key.
        max_bytes: maximum size.
    """

    def __init__(
        self,
        key_of: Callable[[str], str],
        revision_key: Callable[[str, int], str],
        decode: Callable[[bytes, str], Revised],
        max_bytes: int,
    ) -> None:
        self.key_of, self.revision_key = key_of, revision_key
        self._decode, self._max_bytes = decode, max_bytes

    def read(self, bucket: ObjectReader, route: str) -> ReadDocument[Revised]:
        """Read a route's document.

        Raises:
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        return self._read(bucket, self.key_of(route))

    def revisions(self, bucket: ObjectReader, route: str) -> list[int]:
        """Return the revisions in the history, oldest first. Other objects are logged and left out."""
        prefix = self.revision_key(route, 0).removesuffix("00000000.json")
        revisions = []
        for key in bucket.keys(prefix):
            digits = key.removeprefix(prefix).removesuffix(".json")
            is_number = digits.isascii() and digits.isdigit() and len(digits) <= _REVISION_DIGITS
            if is_number and key == self.revision_key(route, int(digits)):
                revisions.append(int(digits))
            else:
                logger.warning("%s is ignored: its name is not that of a revision", key)
        return sorted(revisions)

    def revision(self, bucket: ObjectReader, route: str, revision: int) -> Revised | None:
        """Read a revision from the history; return None, after a warning, if the object is not this revision.

        Raises:
            RegistryUnavailable: the bucket cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        key = self.revision_key(route, revision)
        try:
            document = self._read(bucket, key).document
        except RegistryUnavailable:  # it may be a revision: without it a rollback would go back too far
            raise
        except RegistryError as error:
            logger.warning("%s is ignored: %s", key, error)
            return None
        if document is not None and document.revision != revision:
            logger.warning("%s is ignored: it has revision %d", key, document.revision)
            return None
        return document

    def _read(self, bucket: ObjectReader, key: str) -> ReadDocument[Revised]:
        stored = bucket.read(key, self._max_bytes)
        return ReadDocument(stored, None if stored is None else self._decode(stored.data, key))


ROUTES: RevisedDocument[Route] = RevisedDocument(route_key, history_key, decode_route, MAX_ROUTE_BYTES)
POINTERS: RevisedDocument[CataloguePointer] = RevisedDocument(
    pointer_key, pointer_history_key, decode_pointer, MAX_POINTER_BYTES
)
