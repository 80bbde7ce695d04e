"""The document of a route: which model versions take traffic, and how they answer.

The bucket has it as ``routes/<route>.json``, and each revision of it under ``routes/history/<route>/``.
"""

from typing import Annotated

import msgspec

from nextitem.errors import ArtifactUnsupported, RegistryError
from nextitem.model.manifest import DECODE_ERRORS, SchemaOnly, is_version

ROUTE_SCHEMA = 1
"""The route schema that this code writes, and the newest that it reads."""
MAX_ROUTE_BYTES = 1 << 16
MAX_VARIANTS = 8
"""Maximum variants of a route: each that takes traffic is a model on the function's disk and in its memory."""


class Variant(msgspec.Struct, frozen=True):
    """A model version that takes a share of the sessions: its weight, relative to the sum of the weights."""

    variant: str
    version: str
    weight: float


class Route(msgspec.Struct, frozen=True):
    """The model versions that take traffic, and how they answer.

    Attributes:
        revision: 1, 2, 3 …; each change adds one.
        variants: one or more, with a positive sum of weights.
        changed: time of the change, ISO 8601 in UTC.
        restores: after a rollback, the revision that has the same variants.
        exclude_seen: whether answers leave out the session's items where the request does not say; None: as the
            deployment says. It stays as it is through promotions and rollbacks until one of them sets it.
        explore: the share of places that new items get beyond their scores where the request does not say; else as
            `exclude_seen`.
    """

    revision: int
    variants: tuple[Variant, ...]
    changed: str
    restores: int | None = None
    exclude_seen: bool | None = None
    explore: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    schema: int = ROUTE_SCHEMA

    @property
    def seen_items(self) -> str:
        """What answers do with the session's items, in words."""
        if self.exclude_seen is None:
            return "as the deployment says"
        return "left out" if self.exclude_seen else "not left out"


def route_key(route: str) -> str:
    """Return the bucket key of a route."""
    return f"routes/{route}.json"


def history_key(route: str, revision: int) -> str:
    """Return the bucket key of a route's revision."""
    return f"routes/history/{route}/{revision:08d}.json"


def decode_route(data: bytes, key: str) -> Route:
    """Decode a route, or a revision of one, from the object with a key.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is not a route.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
        if schema > ROUTE_SCHEMA:
            raise ArtifactUnsupported(f"{key} has schema {schema}; this code reads up to {ROUTE_SCHEMA}")
        route = msgspec.json.decode(data, type=Route)
    except DECODE_ERRORS as error:
        raise RegistryError(f"{key} is not a route: {error}") from None
    weights = [variant.weight for variant in route.variants]
    if not 1 <= len(weights) <= MAX_VARIANTS:
        raise RegistryError(f"{key} must name 1 to {MAX_VARIANTS} versions, and names {len(weights)}")
    if (
        min(weights) < 0
        or not 0 < sum(weights) < float("inf")
        or not all(is_version(v.version) for v in route.variants)
    ):
        raise RegistryError(
            f"{key}: each version must be v and 16 hex digits, no weight negative, their sum positive and finite"
        )
    if route.revision < 1 or not (route.restores is None or 0 < route.restores < route.revision):
        raise RegistryError(
            f"{key}: revision is {route.revision}, which must be 1 or more; restores is {route.restores}, which must "
            "be null or a lower revision"
        )
    return route
