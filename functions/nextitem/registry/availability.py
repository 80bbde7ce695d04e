"""The items that must not be recommended now: sold out, withdrawn, out of season.

Each route has one small document, ``availability/<route>.json``. It is separate from the versions, so it can change
within seconds and without a new model.
"""

import msgspec

from nextitem.aws.s3_prefetch import MAX_PREFETCH_BYTES
from nextitem.errors import RegistryError
from nextitem.registry.documents import decode_document

AVAILABILITY_SCHEMA = 1
"""The schema of the document that this code writes, and the newest that it reads."""
MAX_UNAVAILABLE = 200_000
"""Maximum items in a document: a function looks each of them up after a change, which takes microseconds each."""
MAX_AVAILABILITY_BYTES = MAX_PREFETCH_BYTES
"""Maximum size of a document: `MAX_UNAVAILABLE` ids of 36 characters. Decoding takes at most 20 times as much."""


class Availability(msgspec.Struct, frozen=True):
    """The unavailable items of a route.

    Attributes:
        revision: 1, 2, 3 …; each change adds one. 0 before the first.
        unavailable: item ids; a model ignores unknown ones.
        changed: time of the change, ISO 8601 in UTC.
    """

    revision: int
    unavailable: tuple[str, ...]
    changed: str
    schema: int = AVAILABILITY_SCHEMA


ALL_AVAILABLE = Availability(0, (), "")
"""All items are available: the state before the first change."""


def availability_key(route: str) -> str:
    """Return the bucket key of a route's document."""
    return f"availability/{route}.json"


def last_good_key(route: str) -> str:
    """Return the bucket key of the copy of a route's document, for cold starts that cannot read the document."""
    return f"availability/last-good/{route}.json"


def decode_availability(data: bytes, key: str) -> Availability:
    """Decode a route's availability, or its copy, from the object with a key.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is not such a document, or names too many items.
    """
    availability = decode_document(data, key, Availability, AVAILABILITY_SCHEMA, "an availability document")
    if len(availability.unavailable) > MAX_UNAVAILABLE:
        raise RegistryError(f"{key} names {len(availability.unavailable)} items, more than {MAX_UNAVAILABLE}")
    return availability
