"""A session store that never answers, for tests of what is left without one."""

from collections.abc import Sequence

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Appended, Event, Impression, SessionRecord, Snapshot


class FailingSaving:
    """A save that fails when its answer is awaited."""

    def done(self) -> bool:
        return True

    def result(self, deadline: Deadline) -> bool:
        raise StoreUnavailable("this store never answers")


class FailingStore:
    """A `SessionStore` that is always unavailable. `calls` counts its method calls."""

    def __init__(self) -> None:
        self.calls = 0

    def append(self, key: str, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        raise self._unavailable()

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        raise self._unavailable()

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> FailingSaving:
        self.calls += 1
        return FailingSaving()

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        raise self._unavailable()

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        raise self._unavailable()

    def ping(self, deadline: Deadline) -> None:
        raise self._unavailable()

    def _unavailable(self) -> StoreUnavailable:
        self.calls += 1
        return StoreUnavailable("this store never answers")
