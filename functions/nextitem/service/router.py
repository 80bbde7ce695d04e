"""Pick the model that answers a session, and read the route again in the background.

A session's variant follows from its name and the key secret, so it stays the same as long as the route does. A thread
reads the route again once it is older than its time to live: no request waits for the bucket once a model is loaded.
If a new version cannot be loaded, the models in use stay.
"""

import threading
import time
from collections.abc import Callable, Iterable

import msgspec

from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, NoModel, RegistryUnavailable
from nextitem.model.engine import Model
from nextitem.registry.availability import EVERYTHING, Availability
from nextitem.registry.loading import LoadedRoute, load_models, load_route, read_availability, variants_with_traffic
from nextitem.registry.reader import Registry, Route, Variant

START_SECONDS = 8.0
"""The longest wait for a first model: Lambda gives a start, and our requests, 10 s. Loading goes on after it."""
RETRY_SECONDS = 1.0
"""Minimum time between two attempts to load a first model, so that 503s stay cheap."""


class RoutedModel(msgspec.Struct, frozen=True):
    """The model that answers a session, and its variant on the route."""

    model: Model
    variant: str

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version


def pick_variant(route: Route, key: str) -> Variant:
    """Return a session's variant: always the same for one key, and each variant by its weight over all keys.

    Args:
        route: the route.
        key: the session's own hex digits (`KeyRing.variant_digits`); the last 8 are uniform over sessions.
    """
    variants = variants_with_traffic(route)
    place = int(key[-8:], 16) / 2**32 * sum(variant.weight for variant in variants)
    for variant in variants[:-1]:
        place -= variant.weight
        if place < 0:
            return variant
    return variants[-1]


class Router:
    """Holds the models of a route.

    Args:
        registry: the models' registry.
        name: the route's name.
        ttl: seconds after which the route is read again.
        on_fault: called with each error in the background.
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
        self._read_at = -float("inf")
        self._refreshing = threading.Lock()

    def load(self, loaded: LoadedRoute | None = None) -> None:
        """Read the route and serve the models that it names; the models in use change only if all of them load.

        Models in use learn which items are available in any case. The first time, the newest revisions that can be used
        stand for a route or an availability that cannot; the fault is raised or reported all the same.

        Args:
            loaded: the route and its models, where they are loaded already.

        Raises:
            NextItemError: the route or a version cannot be used.
        """
        self._read_at = self._clock()
        held = self._serving[1] if self._serving else {}
        if loaded is None and not held:
            loaded = load_route(self._registry, self._name)
        availability = loaded.availability if loaded else read_availability(self._registry, self._name)
        if not isinstance(availability, NextItemError):
            self._set_availability(availability, held.values())
        route = loaded.route if loaded else self._registry.route(self._name)
        new = loaded.models if loaded else load_models(self._registry, route, held.keys())
        if isinstance(availability, NextItemError):
            self._on_fault(availability)  # only now: where the bucket fails, the route's error alone is reported
            if not held:  # rather no answer than unavailable items
                self._availability = self._registry.last_good_availability(self._name)
        for model in new.values():
            model.set_unavailable(self._availability.unavailable)
        versions = {variant.version for variant in variants_with_traffic(route)}
        self._serving = route, new | {version: held[version] for version in versions & held.keys()}
        if versions != held.keys():
            # A function's disk is small, and it may live through many promotions. Only a process that has just read a
            # new route deletes files: another one that shares the folder may serve a newer route already.
            self._registry.forget_others(versions)
        if loaded and loaded.fault:
            raise loaded.fault

    def _set_availability(self, availability: Availability, models: Iterable[Model]) -> None:
        if availability != self._availability:
            for model in models:
                model.set_unavailable(availability.unavailable)
            self._availability = availability

    def check_availability(self) -> None:
        """Read the availability of items, and change nothing.

        Raises:
            NextItemError: it cannot be read.
        """
        self._registry.availability(self._name)

    def refresh(self, seconds: float) -> None:
        """Read the route now and wait for it; on an error the models in use stay.

        Args:
            seconds: the longest wait, after which reading goes on in the background.
        """
        limit = Deadline.after(seconds)
        if self._refreshing.acquire(timeout=seconds):
            thread = self._start_refresh()
            thread.join(limit.remaining())
            if not thread.is_alive():
                return
        self._on_fault(RegistryUnavailable(f"the route was not read within {seconds:g} s"))

    def model_for(self, key: str) -> RoutedModel:
        """Return the model that answers a session.

        Args:
            key: the session's own hex digits (`KeyRing.variant_digits`).

        Raises:
            NoModel: no model is loaded, and none can be.
        """
        age = self._clock() - self._read_at
        if self._serving is None and not 0 <= age < RETRY_SECONDS:
            self.refresh(START_SECONDS)
        elif self._serving is not None and not 0 <= age < self._ttl and self._refreshing.acquire(blocking=False):
            self._start_refresh()
        if self._serving is None:
            raise NoModel("no model is loaded: the registry has none for this route, or cannot be read")
        route, models = self._serving
        variant = pick_variant(route, key)
        return RoutedModel(models[variant.version], variant.variant)

    def serving(self) -> list[RoutedModel]:
        """Return the models in use, one for each variant that takes traffic; none before the first is loaded."""
        if self._serving is None:
            return []
        route, models = self._serving
        return [RoutedModel(models[variant.version], variant.variant) for variant in variants_with_traffic(route)]

    def _start_refresh(self) -> threading.Thread:
        """Start the thread that reads the route; it releases `_refreshing`, which the caller holds."""
        thread = threading.Thread(target=self._refresh, name="route", daemon=True)
        thread.start()
        return thread

    def _refresh(self) -> None:
        try:
            self.load()
        except NextItemError as error:
            self._read_at = self._clock()  # from the end of a failed attempt, which may have taken long
            self._on_fault(error)
        finally:
            self._refreshing.release()
