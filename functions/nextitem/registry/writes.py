"""Conditional writes of the registry's changing objects, each safe beside other writers."""

from nextitem.aws.object_store import ObjectStore, StoredObject
from nextitem.errors import RegistryError, RouteConflict
from nextitem.registry.availability import MAX_AVAILABILITY_BYTES, decode_availability, last_good_key


def compare_and_set(bucket: ObjectStore, key: str, stored: StoredObject | None, data: bytes) -> None:
    """Replace an object as it was read, or create it if there was none.

    Raises:
        RouteConflict: another writer was faster.
    """
    if not (bucket.replace(key, data, stored.etag) if stored else bucket.create(key, data)):
        raise RouteConflict(f"{key} was changed meanwhile; read it and try again")


def last_good_copy(bucket: ObjectStore, route: str) -> tuple[StoredObject | None, int]:
    """Return the copy of a route's availability and its revision; 0 if there is none, or it is damaged.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is too large, or the bucket cannot be read.
    """
    key = last_good_key(route)
    stored = bucket.read(key, MAX_AVAILABILITY_BYTES)
    if stored is None:
        return None, 0
    try:
        return stored, decode_availability(stored.data, key).revision
    except RegistryError:
        return stored, 0


def keep_copy(bucket: ObjectStore, route: str, revision: int, data: bytes) -> None:
    """Keep a copy of an availability, unless there is a newer one, however many write at once.

    Raises:
        See `last_good_copy`.
    """
    while True:
        stored, kept = last_good_copy(bucket, route)
        if kept > revision:
            return
        try:
            compare_and_set(bucket, last_good_key(route), stored, data)
        except RouteConflict:
            continue
        return
