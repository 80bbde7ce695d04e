"""Which items are not to be recommended now, whatever a model thinks of them: sold out, withdrawn, out of season.

One small document for each route, ``availability/<route>.json``, apart from the versions, so that it changes in seconds
and without a new model. Knows no model and no bucket.
"""

import msgspec

from nextitem.errors import ArtifactUnsupported, RegistryError
from nextitem.model.manifest import DECODE_ERRORS, SchemaOnly

AVAILABILITY_SCHEMA = 1
"""The newest schema of the document that this code reads, and the one it writes."""
MAX_UNAVAILABLE = 200_000
"""Items that a document may name: a function looks each of them up when it learns of them, some microseconds each."""


class Availability(msgspec.Struct, frozen=True):
    """What is unavailable.

    Attributes:
        revision: 1, 2, 3 …; every change adds one. 0 where nothing was ever said.
        unavailable: item ids; those that a model does not know mean nothing to it.
        changed: when, ISO 8601 in UTC.
    """

    revision: int
    unavailable: tuple[str, ...]
    changed: str
    schema: int = AVAILABILITY_SCHEMA


EVERYTHING = Availability(0, (), "")
"""All items are available: what holds until somebody says otherwise."""


def availability_key(route: str) -> str:
    """Return the key of a route's document."""
    return f"availability/{route}.json"


def decode_availability(data: bytes, route: str) -> Availability:
    """Return a route's availability.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is no such document, or names too many items.
    """
    key = availability_key(route)
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
        if schema > AVAILABILITY_SCHEMA:
            raise ArtifactUnsupported(f"{key} has schema {schema}; this code reads up to {AVAILABILITY_SCHEMA}")
        found = msgspec.json.decode(data, type=Availability)
    except DECODE_ERRORS as error:
        raise RegistryError(f"{key} does not say what is available: {error}") from None
    if len(found.unavailable) > MAX_UNAVAILABLE:
        raise RegistryError(f"{key} names {len(found.unavailable)} items, more than {MAX_UNAVAILABLE}")
    return found
