"""A session store that never answers, for tests of what is left without one."""

from collections.abc import Hashable, Sequence

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Answerer, Appended, Event, Impression, SessionRecord, Snapshot


class FailingSaving:
    """A save that fails when its answer is awaited."""

    def __init__(self, server: Hashable | None = None) -> None:
        self._server = server

    def done(self) -> bool:
        return True

    def result(self, deadline: Deadline) -> bool:
        raise unavailable(self._server)


def unavailable(server: Hashable | None, *, late: bool = False) -> StoreUnavailable:
    """Return the error that a server of the store does not answer."""
    error = StoreUnavailable("this store never answers", late=late)
    error.server = server
    return error


class FailingStore:
    """A `SessionStore` that is always unavailable. `calls` counts its method calls.

    Args:
        server: has every key.
        late: whether its errors say that time ran out.
    """

    def __init__(self, server: Hashable | None = None, *, late: bool = False) -> None:
        self.calls = 0
        self._server, self._late = server, late

    def server_of(self, key: str) -> Hashable | None:
        return self._server

    def append(
        self,
        key: str,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
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
        return FailingSaving(self._server)

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        raise self._unavailable()

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        raise self._unavailable()

    def ping(self, deadline: Deadline) -> None:
        raise self._unavailable()

    def _unavailable(self) -> StoreUnavailable:
        self.calls += 1
        return unavailable(self._server, late=self._late)
