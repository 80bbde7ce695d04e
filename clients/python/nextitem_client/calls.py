"""The operations of the API as values: everything but when and how they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from nextitem_client.schema import MAX_EVENTS, Answer, Event, Health

MAX_DEADLINE_MS = 10_000
_NOT_IN_PATHS = frozenset("/%?")
_DECODED_TWICE = frozenset("%?")

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request that is ready but for the fields that change with each try.

    Attributes:
        method: of HTTP.
        path: percent-encoded, without the query.
        answer: the type of the answer's body; None: it has none.
        fields: of the body, or of the query where the method is GET.
        has_deadline: whether the operation takes `deadline_ms`.
        has_sent_at: whether it takes `sent_at`.
        lag: milliseconds by which `sent_at` lies before the try.
    """

    method: str
    path: str
    answer: type[T]
    fields: Mapping[str, Any] = field(default_factory=dict)
    has_deadline: bool = True
    has_sent_at: bool = False
    lag: int = 0

    def render(self, seconds: float, now: int) -> tuple[str, bytes | None]:
        """Return path and query, and the body of one try.

        Args:
            seconds: that this try may take.
            now: epoch milliseconds.
        """
        fields = dict(self.fields)
        if self.has_deadline:
            fields["deadline_ms"] = min(max(int(seconds * 1000), 1), MAX_DEADLINE_MS)
        if self.has_sent_at:
            fields["sent_at"] = now - self.lag
        if self.method == "POST":
            return self.path, msgspec.json.encode(fields)
        query = urlencode({name: _text(value) for name, value in fields.items()}, doseq=True, quote_via=quote)
        return f"{self.path}?{query}" if query else self.path, None


def append_events(
    session_id: str, events: Sequence[Event], options: Mapping[str, object], lag: int = 0
) -> Call[Answer]:
    """Return the call that adds events to a session; `lag` as in `Call`.

    Raises:
        ValueError: the session id cannot be a part of a path, or the number of events is not 1 to 64.
    """
    if not 1 <= len(events) <= MAX_EVENTS:
        raise ValueError(f"{len(events)} events: one request takes 1 to {MAX_EVENTS}")
    fields = {"events": list(events), **options}
    return Call("POST", _session_path(session_id, "/events"), Answer, fields, has_sent_at=True, lag=lag)


def get_recommendations(session_id: str, options: Mapping[str, object]) -> Call[Answer]:
    """Return the call that reads a session's recommendations; raises ValueError as `append_events`."""
    return Call("GET", _session_path(session_id, "/recommendations"), Answer, options)


def delete_session(session_id: str) -> Call[None]:
    """Return the call that deletes a session; raises ValueError as `append_events`."""
    return Call("DELETE", _session_path(session_id), type(None), has_deadline=False)


def recommend(item_ids: Sequence[str], options: Mapping[str, object]) -> Call[Answer]:
    """Return the call that recommends for items, without a session."""
    return Call("POST", "/v1/recommendations", Answer, {"item_ids": list(item_ids), **options})


def similar(item_id: str, options: Mapping[str, object]) -> Call[Answer]:
    """Return the call that asks for the items most similar to one.

    Raises:
        ValueError: the item id cannot be a part of a path; `recommend` takes it.
    """
    if item_id in ("", ".", "..") or not _DECODED_TWICE.isdisjoint(item_id):
        raise ValueError(f'item_id "{item_id}": must not be empty, "." or "..", nor contain % ?; `recommend` takes it')
    return Call("GET", f"/v1/items/{quote(item_id, safe='')}/similar", Answer, options)


def trending(options: Mapping[str, object]) -> Call[Answer]:
    """Return the call that asks for what trends."""
    return Call("GET", "/v1/trending", Answer, options)


def health() -> Call[Health]:
    """Return the call that asks for the serving model and the store."""
    return Call("GET", "/v1/health", Health, has_deadline=False)


def checked_session_id(session_id: str) -> str:
    """Return a session id that may be a part of a path.

    Raises:
        ValueError: it would change the path; the service refuses such ids, too.
    """
    if session_id in ("", ".", "..") or not _NOT_IN_PATHS.isdisjoint(session_id):
        raise ValueError(f'session_id "{session_id}": must not be empty, "." or "..", nor contain / % ?')
    return session_id


def _text(value: Any) -> Any:
    """Return a value as a query string has it: a list of texts is repeated, and what has objects inside is JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    is_document = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, dict) for part in value))
    return msgspec.json.encode(value).decode() if is_document else value


def _session_path(session_id: str, rest: str = "") -> str:
    return f"/v1/sessions/{quote(checked_session_id(session_id), safe='')}{rest}"
