"""Pick the model that answers a session, and read the route again in the background.

In an experiment, a session's variant follows from its name and the experiment's salt (`KeyRing.draw`). A thread
reads the route again once it is older than its time to live: no request waits for the bucket once a model is loaded.
If a new version cannot be loaded, the models in use stay. A first answer needs the joins of the catalogue only; a
thread loads its attributes with the second one, and requests that need them wait.

Only a router and the requests under way may keep a model: a disk holds two versions, and a deleted file occupies it as
long as a model maps it.
"""

import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from nextitem.background_call import BackgroundCall, SharedCall
from nextitem.catalogue.served_items import ServedItems
from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, NoAttributes, NoModel, RegistryUnavailable
from nextitem.model.engine import Model
from nextitem.registry.availability import ALL_AVAILABLE, Availability
from nextitem.registry.catalogue_loading import (
    CatalogueInUse,
    OpenCatalogue,
    complete_joins,
    load_catalogue,
    load_usable_catalogue,
    open_first_joins,
)
from nextitem.registry.loading import LoadedRoute, load_models, load_route
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, Variant
from nextitem.service.attributes import RETRY_SECONDS, SILENT_SECONDS, Attributes
from nextitem.service.serving import Draw, Loaded, RoutedModel, Serving, outside_experiments, route_session

START_SECONDS = 8.0
"""Maximum wait for a first model: Lambda gives a start, and our requests, 10 s. Loading goes on after it."""


class Router:
    """Holds the models of a route.

    Args:
        registry: the models' registry.
        name: the route's name.
        ttl: seconds after which the route is read again.
        on_fault: called with each error in the background.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
        starting: the first load, where it has begun already.
        exclude_seen: the deployment's setting, for a route that has none of its own.
        explore: the same.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        ttl: float,
        on_fault: Callable[[BaseException], None],
        clock: Callable[[], float] = time.time,
        starting: BackgroundCall[LoadedRoute] | None = None,
        *,
        exclude_seen: bool = False,
        explore: float = 0.0,
    ) -> None:
        self._registry, self._name, self._ttl = registry, name, ttl
        self._on_fault, self._clock = on_fault, clock
        self._starting = starting
        self._exclude_seen, self._explore = exclude_seen, explore
        self._serving: Serving | None = None
        self._availability: Availability = ALL_AVAILABLE
        self._read_at = -float("inf")
        self._is_silent = self._has_answered = False
        self._loading = threading.Lock()
        self._attempt = SharedCall(self._try_to_load, "route")
        self._attributes = Attributes(self._load_attributes, on_fault, clock)

    def load(self) -> None:
        """Read the route and serve the models that it names; the models in use change only if all of them load.

        Availability and catalogue are applied to the models in use even if the route cannot be used, and stay as they
        are if they cannot be used. On the first load, the newest usable revision replaces an unusable route or
        catalogue, and the last good copy an unusable availability; the fault is still raised or reported.

        Raises:
            NextItemError: the route or a version cannot be used.
        """
        with self._loading:
            held = self._serving.models if self._serving else {}
            route, new, opened, fault = self._load_more(held) if held else self._load_first()
            versions = route.versions
            models = new | {version: held[version] for version in versions & held.keys()}
            self._read_at = self._clock()
            self._serve(route, models, opened)
            if versions != held.keys():
                # Only a process that has just read a new route deletes files: another one that shares the folder may
                # serve a newer route already.
                self._registry.remove_other_copies(versions)
            if fault is not None:
                raise fault

    def _serve(self, route: Route, models: dict[str, Model], opened: CatalogueInUse) -> None:
        """Answer with these models and this catalogue from now on."""
        if isinstance(opened, OpenCatalogue):
            opened = complete_joins(opened, models)
            for fault in opened.faults:
                self._on_fault(fault)
            opened = opened._replace(faults=())
        items = {version: self._items_of(model, opened) for version, model in models.items()}
        self._serving = Serving(route, models, items, opened)

    def _items_of(self, model: Model, opened: CatalogueInUse) -> ServedItems:
        """Return the items of a model with a catalogue: those in use, unless one of the two is new."""
        catalogue, join = (None, None) if opened is None else (opened.catalogue, opened.joins[model.version])
        in_use = self._serving.items.get(model.version) if self._serving else None
        if in_use is not None and in_use.catalogue is catalogue and in_use.join is join:
            return in_use
        items = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
        items.set_unavailable(self._availability.unavailable)
        return items

    def _load_first(self) -> Loaded:
        starting, self._starting = self._starting, None
        loaded = starting.result() if starting else load_route(self._registry, self._name, self._note_answer)
        try:
            self._read_availability()
        except NextItemError as error:
            self._on_fault(error)
            # Without the copy there is no answer: a 503 is better than unavailable items.
            self._availability = self._registry.last_good_availability(self._name)
        # Without any catalogue there is no answer either, where the route has one: it says what is out of stock.
        opened = open_first_joins(self._registry, self._name, loaded.models, loaded.joins)
        return Loaded(loaded.route, loaded.models, opened, loaded.fault)

    def _load_more(self, held: dict[str, Model]) -> Loaded:
        try:
            route = self._registry.route(self._name)
        except NextItemError:
            with suppress(NextItemError):  # where the bucket fails, the route's error alone is reported
                self._read_availability()
                self._follow_catalogue()
            raise
        try:
            self._read_availability()
        except NextItemError as error:
            self._on_fault(error)
        models = load_models(self._registry, route, held.keys())
        in_use = self._serving.catalogue if self._serving else None
        opened: CatalogueInUse
        try:
            opened = load_catalogue(self._registry, self._name, route.versions, in_use)
        except NextItemError as error:
            self._on_fault(error)
            opened = in_use
        return Loaded(route, models, opened)

    def _follow_catalogue(self) -> None:
        """Apply the route's catalogue to the models in use."""
        if (serving := self._serving) is not None:
            opened = load_catalogue(self._registry, self._name, serving.versions, serving.catalogue)
            self._serve(serving.route, serving.models, opened)

    def _note_answer(self) -> None:
        self._is_silent = False

    def _read_availability(self) -> None:
        availability = self._registry.availability(self._name)
        if availability != self._availability:
            for routed in self.serving():
                routed.items.set_unavailable(availability.unavailable)
            self._availability = availability

    def check_availability(self) -> None:
        """Read the availability of items, and change nothing.

        Raises:
            NextItemError: it cannot be read.
        """
        self._registry.availability(self._name)

    def check_catalogue(self) -> None:
        """Read the catalogue of the route and its joins with the models in use, and change nothing.

        Raises:
            NextItemError: one of them cannot be used.
        """
        versions = self._serving.versions if self._serving else []
        opened = load_catalogue(self._registry, self._name, versions, None)
        if opened is not None:
            self._registry.catalogues.verify(opened.catalogue.version)
            if opened.faults:
                raise opened.faults[0]

    def refresh(self, seconds: float) -> None:
        """Read the route now and wait for it; on an error the models in use stay.

        Args:
            seconds: the longest wait, after which reading goes on in the background.
        """
        try:
            self._attempt.fresh_result(Deadline.after(seconds))
        except TimeoutError:
            self._report_silence(seconds)

    def model_for(self, draw: Draw = outside_experiments, *, attributes: bool = False) -> RoutedModel:
        """Return the model that answers a session.

        Args:
            draw: places the session in an experiment (`KeyRing.draw`).
            attributes: whether the answer needs attributes of the route's catalogue, where it has one.

        Raises:
            NoModel: no model is loaded, and none can be; or (`NoAttributes`) the attributes are not.
        """
        limit = Deadline.after(START_SECONDS) if attributes else None  # for the model and for them
        if self._serving is None:
            self._wait_for_first_model()
        elif not 0 <= self._clock() - self._read_at < self._ttl:
            self._attempt.start()
        if self._serving is None:
            raise NoModel("no model is loaded: the registry has none for this route, or cannot be read")
        if self._serving.lacks_attributes:
            self._need_attributes(limit)
        serving = self._serving
        return route_session(serving.route, draw, lambda variant: self._routed(serving, variant))

    def _need_attributes(self, limit: Deadline | None) -> None:
        """Load them for a request that needs them, or from the second request on for those that will."""
        if limit is not None:
            self._attributes.wait(limit)
            if self._serving is None or self._serving.lacks_attributes:
                raise NoAttributes("the attributes of the route's catalogue are not loaded yet")
        elif self._has_answered:
            self._attributes.start()
        self._has_answered = True

    def has_model(self) -> bool:
        """Return whether a model is loaded; begin to load one if there is none."""
        if self._serving is None and not 0 <= self._clock() - self._read_at < RETRY_SECONDS:
            self._attempt.start()
        return self._serving is not None

    def serving(self) -> list[RoutedModel]:
        """Return the models in use, one for each variant; none before the first is loaded."""
        if self._serving is None:
            return []
        serving = self._serving
        return [self._routed(serving, variant) for variant in serving.route.variants]

    def _routed(self, serving: Serving, variant: Variant) -> RoutedModel:
        route, version = serving.route, variant.version
        exclude_seen = route.leaves_out_seen(self._exclude_seen)
        explore = self._explore if route.explore is None else route.explore
        return RoutedModel(serving.models[version], serving.items[version], variant.variant, exclude_seen, explore)

    def _wait_for_first_model(self) -> None:
        """Wait for the attempt under way to load a model, or for a new one.

        After one wait in vain, requests no longer wait for the bucket until it has answered.
        """
        if 0 <= self._clock() - self._read_at < RETRY_SECONDS:
            return
        seconds = SILENT_SECONDS if self._is_silent else START_SECONDS
        try:
            self._attempt.result(Deadline.after(seconds))
        except TimeoutError:
            if not self._is_silent:
                self._report_silence(seconds)

    def _load_attributes(self) -> None:
        with self._loading:
            serving = self._serving
            if serving is not None and serving.lacks_attributes:
                opened = load_usable_catalogue(self._registry, self._name, serving.versions, serving.catalogue)
                self._serve(serving.route, serving.models, opened)

    def _report_silence(self, seconds: float) -> None:
        self._is_silent = True
        self._on_fault(RegistryUnavailable(f"the route and its models were not loaded within {seconds:g} s"))

    def _try_to_load(self) -> None:
        """Load, and report any error, for this is the whole work of a thread."""
        earlier = {routed.version for routed in self.serving()}
        try:
            self.load()
            if earlier <= {routed.version for routed in self.serving()}:
                return
        except BaseException as error:  # noqa: BLE001 - panics of obstore are no Exceptions
            self._is_silent = isinstance(error, RegistryUnavailable)
            self._read_at = self._clock()  # from the end of a failed attempt, which may have taken long
            self._on_fault(error)
        gc.collect()  # an error, its traceback and a variable with the error form a cycle, which may keep a model
