"""Which model answers which session, and how a running function learns of a new route.

A session's variant follows from its name alone, so it is stable while the route is. The route is looked at again by a
thread when it is older than its time to live: a request never waits for the bucket once a model is loaded, and
whatever goes wrong with a new version, the function keeps the models that it has.
"""

import threading
import time
from collections.abc import Callable, Iterable

import msgspec

from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, NoModel, RegistryUnavailable
from nextitem.model.engine import Model
from nextitem.registry.availability import EVERYTHING, Availability
from nextitem.registry.loading import LoadedRoute, load_models, read_availability
from nextitem.registry.reader import Registry, Route, Variant

START_SECONDS = 8.0
"""The longest wait for a first model: Lambda gives a start, and our requests, 10 s. Loading goes on after it."""
RETRY_SECONDS = 1.0
"""Least time between the end of an attempt to load a first model and the next, so that 503s stay cheap."""


class Routed(msgspec.Struct, frozen=True):
    """The model that answers a session, and the variant that it is."""

    model: Model
    variant: str


def pick(route: Route, key: str) -> Variant:
    """Return a session's variant: a fair share of sessions for each weight, always the same for one key.

    Args:
        route: the route.
        key: hex digits that are the session's own (`SessionName.digest`); the last 8 are taken as uniform.
    """
    taking = [variant for variant in route.variants if variant.weight > 0]
    place = int(key[-8:], 16) / 2**32 * sum(variant.weight for variant in taking)
    for variant in taking[:-1]:
        place -= variant.weight
        if place < 0:
            return variant
    return taking[-1]


class Router:
    """Holds the models of the route.

    Args:
        registry: where routes and versions come from.
        name: the route's name.
        ttl: seconds after which the route is looked at again.
        on_fault: told of what went wrong in the background.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        ttl: float,
        on_fault: Callable[[NextItemError], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._name, self._ttl = registry, name, ttl
        self._on_fault, self._clock = on_fault, clock
        self._serving: tuple[Route, dict[str, Model]] | None = None
        self._availability: Availability = EVERYTHING
        self._looked = -float("inf")
        self._refreshing = threading.Lock()

    def load(self, loaded: LoadedRoute | None = None) -> None:
        """Read the route and serve the models that it names; the models in use change only if all of them load.

        Models in use learn which items are available in any case.

        Args:
            loaded: the route and its models, where they are loaded already.

        Raises:
            NextItemError: the route or a version cannot be used.
        """
        self._looked = self._clock()
        held = self._serving[1] if self._serving else {}
        availability = loaded.availability if loaded else read_availability(self._registry, self._name)
        if not isinstance(availability, NextItemError):
            self._set_availability(availability, held.values())
        route, new = loaded[:2] if loaded else load_models(self._registry, self._name, held.keys())
        if isinstance(availability, NextItemError):
            self._on_fault(availability)  # only now: where the bucket fails, the route's error alone is reported
        for model in new.values():
            model.set_unavailable(self._availability.unavailable)
        versions = {variant.version for variant in route.variants if variant.weight > 0}
        self._serving = route, new | {version: held[version] for version in versions & held.keys()}
        if versions != held.keys():
            # A function's disk is small, and it may live through many promotions. Only a process that has just read a
            # new route deletes files: another one that shares the folder may serve a newer route already.
            self._registry.forget_others(versions)

    def _set_availability(self, availability: Availability, models: Iterable[Model]) -> None:
        if availability != self._availability:
            for model in models:
                model.set_unavailable(availability.unavailable)
            self._availability = availability

    def check_availability(self) -> None:
        """Read what is available, and do nothing with it.

        Raises:
            NextItemError: it cannot be read.
        """
        self._registry.availability(self._name)

    def look_again(self, seconds: float) -> None:
        """Look at the route at once, and wait for that; what goes wrong leaves the models that there are.

        Args:
            seconds: the longest wait, after which the look goes on in the background.
        """
        limit = Deadline.after(seconds)
        if self._refreshing.acquire(timeout=seconds):
            thread = threading.Thread(target=self._refresh, name="route", daemon=True)
            thread.start()
            thread.join(limit.remaining())
            if not thread.is_alive():
                return
        self._on_fault(RegistryUnavailable(f"the route was not read within {seconds:g} s"))

    def model_for(self, key: str) -> Routed:
        """Return the model that answers a session.

        Raises:
            NoModel: none is loaded, and none could be.
        """
        age = self._clock() - self._looked
        if self._serving is None and not 0 <= age < RETRY_SECONDS:
            self.look_again(START_SECONDS)
        elif self._serving is not None and not 0 <= age < self._ttl and self._refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="route", daemon=True).start()
        if self._serving is None:
            raise NoModel("no model is loaded: the registry has none to serve, or cannot be read")
        route, models = self._serving
        variant = pick(route, key)
        return Routed(models[variant.version], variant.variant)

    def serving(self) -> list[Routed]:
        """Return the loaded models of the route's variants that take traffic; none before the first is loaded."""
        if self._serving is None:
            return []
        route, models = self._serving
        return [Routed(models[one.version], one.variant) for one in route.variants if one.weight > 0]

    def _refresh(self) -> None:
        try:
            self.load()
        except NextItemError as error:
            self._looked = self._clock()  # from the end of an attempt that failed: it may have taken long
            self._on_fault(error)
        finally:
            self._refreshing.release()
