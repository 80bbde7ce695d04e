"""Change a route by compare-and-set, and keep each revision in its history. Never imported on the request path.

A change is computed from the route as it was read and written only if it is still so: of two writers one gets
`RouteConflict`. If a change is interrupted before its revision is in the history, the next one writes it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from nextitem.aws.object_store import ObjectStore, StoredObject
from nextitem.errors import RegistryUnavailable, VersionNotFound
from nextitem.registry.experiment import CHAMPION, Experiment
from nextitem.registry.reader import Registry
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, Variant, decode_route, history_key, route_key
from nextitem.registry.writes import compare_and_set

logger = logging.getLogger(__name__)


class ReadRoute(NamedTuple):
    """A route as it was read, and its object; both None before the first promotion."""

    stored: StoredObject | None
    route: Route | None


class RouteChanges:
    """Reads and changes one route.

    Args:
        bucket: the registry's bucket.
        name: the route's name.
        now: the clock for `changed`.
    """

    def __init__(self, bucket: ObjectStore, name: str, now: Callable[[], datetime]) -> None:
        self._bucket, self._name, self._now = bucket, name, now

    def read(self) -> ReadRoute:
        """Read the route."""
        key = route_key(self._name)
        stored = self._bucket.read(key, MAX_ROUTE_BYTES)
        return ReadRoute(stored, None if stored is None else decode_route(stored.data, key))

    def give_all(
        self,
        read: ReadRoute,
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
        read: ReadRoute,
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
        registry = Registry(self._bucket, Path())
        newest = max(registry.revisions(self._name), default=0)
        revision, before = newest + 1, read.route
        if before is None:
            before = registry.revision(self._name, newest)
        else:
            live = before
            if live.revision < newest:  # a person restored an older route by hand: that was a change, too
                live = msgspec.structs.replace(live, revision=revision, restores=live.restores or live.revision)
            self._bucket.create(history_key(self._name, live.revision), msgspec.json.encode(live))
            revision = live.revision + 1
        if before is not None:
            exclude_seen = before.exclude_seen if exclude_seen is None else exclude_seen
            explore = before.explore if explore is None else explore
        changed = self._now().isoformat(timespec="seconds")
        route = Route(revision, variants, changed, restores, exclude_seen, explore, experiment)
        data = msgspec.json.encode(route)
        compare_and_set(self._bucket, route_key(self._name), read.stored, data)
        try:
            self._bucket.create(history_key(self._name, revision), data)
        except RegistryUnavailable as error:  # as an error it would invite a second change
            logger.warning("the route is changed; the next change adds revision %d to its history: %s", revision, error)
        return route

    def previous(self, live: Route) -> Route:
        """Return the newest revision with another champion, before the one that the live route is or restores.

        Raises:
            VersionNotFound: there is none.
        """
        registry, before = Registry(self._bucket, Path()), live.restores or live.revision
        for revision in reversed(registry.revisions(self._name)):
            route = registry.revision(self._name, revision) if revision < before else None
            if route is not None and route.champion.version != live.champion.version:
                return route
            if route is not None:
                before = route.restores or revision
        raise VersionNotFound(f"route {self._name} has no earlier revision to roll back to")
