"""The document of a route: which model versions take traffic, and how they answer.

The bucket has it as ``routes/<route>.json``, and each revision of it under ``routes/history/<route>/``.
"""

from typing import Annotated

import msgspec

from nextitem.errors import RegistryError
from nextitem.model.manifest import is_version
from nextitem.registry.documents import decode_document
from nextitem.registry.experiment import Experiment

ROUTE_SCHEMA = 1
"""The route schema that this code writes, and the newest that it reads."""
MAX_ROUTE_BYTES = 1 << 16
SHARE_ROUNDING = 1e-9
"""The weights of two variants may differ from 1 by this: 0.1 and 0.9 have no exact floats."""


class Variant(msgspec.Struct, frozen=True):
    """A model version and its share of the sessions: its weight, 0 to 1."""

    variant: str
    version: str
    weight: float


class Route(msgspec.Struct, frozen=True):
    """The model versions that take traffic, and how they answer.

    Attributes:
        revision: 1, 2, 3 …; each change adds one.
        variants: one; during an experiment two, the champion and the challenger. Their weights are 1 together.
        changed: time of the change, ISO 8601 in UTC.
        restores: after a rollback, the revision that has the same champion.
        exclude_seen: whether answers leave out the session's items where the request does not say; None: as the
            deployment says. It stays as it is through promotions and rollbacks until one of them sets it.
        explore: the share of places that new items get beyond their scores where the request does not say; else as
            `exclude_seen`.
        experiment: the experiment that runs; None without one.
    """

    revision: int
    variants: tuple[Variant, ...]
    changed: str
    restores: int | None = None
    exclude_seen: bool | None = None
    explore: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    experiment: Experiment | None = None
    schema: int = ROUTE_SCHEMA

    @property
    def champion(self) -> Variant:
        """The variant that takes all sessions without an experiment."""
        return next(variant for variant in self.variants if variant != self.challenger)

    @property
    def challenger(self) -> Variant | None:
        """The variant that an experiment tries; its weight is its share of the sessions. None without an experiment."""
        if self.experiment is None:
            return None
        return next(variant for variant in self.variants if variant.variant == self.experiment.challenger)

    @property
    def versions(self) -> set[str]:
        """The model versions that a function must have to serve the route."""
        return {variant.version for variant in self.variants}

    def leaves_out_seen(self, deployment: bool) -> bool:
        """Return whether answers leave out the session's items where the request does not say.

        Args:
            deployment: whether they do where the route does not say.
        """
        return deployment if self.exclude_seen is None else self.exclude_seen

    @property
    def seen_items(self) -> str:
        """Whether answers leave out the session's items, in words."""
        if self.exclude_seen is None:
            return "as the deployment says"
        return "left out" if self.exclude_seen else "not left out"


def without_experiment(route: Route) -> Route:
    """Return the route whose champion has all sessions."""
    if route.experiment is None:
        return route
    champion = msgspec.structs.replace(route.champion, weight=1.0)
    return msgspec.structs.replace(route, variants=(champion,), experiment=None)


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
    route = decode_document(data, key, Route, ROUTE_SCHEMA, "a route")
    names = {variant.variant for variant in route.variants}
    expected = 1 if route.experiment is None else 2
    if len(route.variants) != expected or len(names) != expected or len(route.versions) != expected:
        raise RegistryError(
            f"{key} must name one version, or with an experiment two under two names, and names {len(route.variants)}"
        )
    if route.experiment is not None and route.experiment.challenger not in names:
        raise RegistryError(f"{key}: its experiment's challenger is none of its variants")
    weights = [variant.weight for variant in route.variants]
    is_whole = min(weights) >= 0 and abs(sum(weights) - 1) <= SHARE_ROUNDING  # written so that NaN fails
    if not is_whole or not all(map(is_version, route.versions)):
        raise RegistryError(
            f"{key}: each version must be v and 16 hex digits, no weight negative, and the weights 1 together"
        )
    if route.revision < 1 or not (route.restores is None or 0 < route.restores < route.revision):
        raise RegistryError(
            f"{key}: revision is {route.revision}, which must be 1 or more; restores is {route.restores}, which must "
            "be null or a lower revision"
        )
    return route
