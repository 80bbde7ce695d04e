"""Change which items of a route are unavailable. Never imported on the request path."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from nextitem.aws.object_store import ObjectStore
from nextitem.errors import InputError, RegistryError, RegistryUnavailable
from nextitem.ids import id_fault
from nextitem.registry.availability import (
    MAX_AVAILABILITY_BYTES,
    MAX_UNAVAILABLE,
    Availability,
    availability_key,
    decode_availability,
)
from nextitem.registry.reader import Registry
from nextitem.registry.writes import compare_and_set, keep_copy, last_good_copy


class AvailabilityPublisher:
    """Reads and changes the availability of one route's items.

    Args:
        bucket: the registry's bucket.
        route: the route's name.
        now: the clock for `Availability.changed`.
    """

    def __init__(
        self, bucket: ObjectStore, route: str = "live", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bucket, self._route, self._now = bucket, route, now

    def current(self) -> Availability:
        """Read the route's availability."""
        return Registry(self._bucket, Path()).availability(self._route)

    def set_unavailable(self, item_ids: Iterable[str]) -> Availability:
        """Set the unavailable items. Functions apply the change within the route's time to live.

        Args:
            item_ids: all unavailable items; all others become available.

        Raises:
            InputError: there are too many, or an id is invalid.
            RouteConflict: the availability was changed meanwhile.
        """
        unavailable = tuple(sorted(set(item_ids)))
        if len(unavailable) > MAX_UNAVAILABLE:
            raise InputError(f"there are {len(unavailable)} unavailable items; the maximum is {MAX_UNAVAILABLE}")
        for item_id in unavailable:
            if fault := id_fault(item_id):
                raise InputError(f"item id {item_id!r} {fault}")
        key = availability_key(self._route)
        stored = self._bucket.read(key, MAX_AVAILABILITY_BYTES)
        registry = Registry(self._bucket, Path())
        old = decode_availability(stored.data, key) if stored else registry.last_good_availability(self._route)
        new = Availability(old.revision + 1, unavailable, self._now().isoformat(timespec="seconds"))
        data = msgspec.json.encode(new)
        if len(data) > MAX_AVAILABILITY_BYTES:
            raise InputError(f"the unavailable items take {len(data)} bytes; the maximum is {MAX_AVAILABILITY_BYTES}")
        last_good_copy(self._bucket, self._route)  # a copy that cannot be replaced is an error before anything changes
        compare_and_set(self._bucket, key, stored, data)
        try:
            keep_copy(self._bucket, self._route, new.revision, data)
        except RegistryError as error:
            raise RegistryUnavailable(
                f"{key} is changed, but its copy, which cold starts may use, is not; run the command again: {error}"
            ) from error
        return new
