"""The document that says which catalogue a route uses.

The bucket has it as ``catalogues/routes/<route>.json``, and each revision of it under ``catalogues/history/<route>/``.
"""

import msgspec

from nextitem.catalogue.version import is_catalogue_version
from nextitem.errors import RegistryError
from nextitem.registry.documents import decode_document

POINTER_SCHEMA = 1
"""The schema that this code writes, and the newest that it reads."""
MAX_POINTER_BYTES = 1 << 16


class CataloguePointer(msgspec.Struct, frozen=True):
    """The catalogue of a route.

    Attributes:
        revision: 1, 2, 3 …; each change adds one.
        version: the catalogue's version.
        items: the number of its items.
        changed: time of the change, ISO 8601 in UTC.
        restores: after a rollback, the revision that has the same version.
    """

    revision: int
    version: str
    items: int
    changed: str
    restores: int | None = None
    schema: int = POINTER_SCHEMA


def pointer_key(route: str) -> str:
    """Return the bucket key of a route's pointer."""
    return f"catalogues/routes/{route}.json"


def pointer_history_key(route: str, revision: int) -> str:
    """Return the bucket key of a revision of a route's pointer."""
    return f"catalogues/history/{route}/{revision:08d}.json"


def catalogue_key(version: str) -> str:
    """Return the bucket key of a catalogue."""
    return f"catalogues/{version}/catalogue.bin"


def join_key(version: str, model: str) -> str:
    """Return the bucket key of the join of a catalogue with a model version."""
    return f"catalogues/{version}/models/{model}.bin"


def decode_pointer(data: bytes, key: str) -> CataloguePointer:
    """Decode a route's pointer, or a revision of it, from the object with a key.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is no such document.
    """
    pointer = decode_document(data, key, CataloguePointer, POINTER_SCHEMA, "the catalogue of a route")
    is_earlier = pointer.restores is None or 0 < pointer.restores < pointer.revision
    if not is_catalogue_version(pointer.version) or pointer.revision < 1 or not is_earlier:
        raise RegistryError(
            f"{key}: the version must be c and 16 hex digits, revision 1 or more, restores null or a lower revision"
        )
    return pointer
