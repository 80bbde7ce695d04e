"""The changes of a route. Never imported on the request path."""

from collections.abc import Callable
from datetime import datetime

from nextitem.aws.object_store import ObjectStore
from nextitem.errors import VersionNotFound
from nextitem.registry.experiment import CHAMPION, Experiment
from nextitem.registry.history import ROUTES, ReadDocument
from nextitem.registry.revisions import previous_revision, write_revision
from nextitem.registry.route import Route, Variant


class RouteChanges:
    """Reads and changes one route.

    Args:
        bucket: the registry's bucket.
        name: the route's name.
        now: the clock for `changed`.
    """

    def __init__(self, bucket: ObjectStore, name: str, now: Callable[[], datetime]) -> None:
        self._bucket, self._name, self._now = bucket, name, now

    def read(self) -> ReadDocument[Route]:
        """Read the route."""
        return ROUTES.read(self._bucket, self._name)

    def give_all(
        self,
        read: ReadDocument[Route],
        version: str,
        *,
        restores: int | None = None,
        exclude_seen: bool | None = None,
        explore: float | None = None,
    ) -> Route:
        """Give all sessions to one version, and end the experiment that may run. See `write` for the errors."""
        variants = (Variant(CHAMPION, version, 1.0),)
        return self.write(read, variants, None, restores=restores, exclude_seen=exclude_seen, explore=explore)

    def write(
        self,
        read: ReadDocument[Route],
        variants: tuple[Variant, ...],
        experiment: Experiment | None,
        *,
        restores: int | None = None,
        exclude_seen: bool | None = None,
        explore: float | None = None,
    ) -> Route:
        """Write the next revision of a route.

        Args:
            read: the route as it was read.
            variants: of the next revision.
            experiment: the same.
            restores: see `Route`.
            exclude_seen: the same; None leaves it as it is.
            explore: the same.

        Raises:
            RouteConflict: the route was changed since it was read.
            RegistryUnavailable: the bucket cannot be used.
        """

        def next_route(revision: int, before: Route | None) -> Route:
            seen, share = exclude_seen, explore
            if before is not None:
                seen = before.exclude_seen if exclude_seen is None else exclude_seen
                share = before.explore if explore is None else explore
            changed = self._now().isoformat(timespec="seconds")
            return Route(revision, variants, changed, restores, seen, share, experiment)

        return write_revision(self._bucket, ROUTES, self._name, read, next_route)

    def previous(self, live: Route) -> Route:
        """Return the newest revision with another champion, before the one that the live route is or restores.

        Raises:
            VersionNotFound: there is none.
        """
        previous = previous_revision(self._bucket, ROUTES, self._name, live, lambda route: route.champion.version)
        if previous is None:
            raise VersionNotFound(f"route {self._name} has no earlier revision to roll back to")
        return previous
