"""Read a window of the lake: the sessions that began in it, and how their answers were judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from model_export.data.sessions import Sessions
from model_export.drift.divergence import Codes
from model_export.lake.events import LakeFiles, events_between
from model_export.lake.records import HOUR_MS, IDLE_MS
from model_export.metrics.ranking import CUTOFF


@dataclass(frozen=True)
class Span:
    """When the sessions of a window began, in epoch milliseconds: from `since` on and before `until`.

    `idle` are the milliseconds after which a session has ended. One with an event in so long a time before `since`
    began before; events up to so long after `until` still count.
    """

    since: int
    until: int
    idle: int = IDLE_MS

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.until - self.since) / HOUR_MS

    def earlier(self, milliseconds: int) -> "Span":
        """Return a span of the same length some time before."""
        return Span(self.since - milliseconds, self.until - milliseconds, self.idle)


@dataclass(frozen=True, eq=False)
class Judged:
    """Events after an answer: whether its first 20 items held theirs.

    Attributes:
        owners: int64[events], the session, ascending.
        versions: int64[events], index into `names`.
        hits: int64[events], 0 or 1.
        names: pairs of a version and a variant.
    """

    owners: Codes
    versions: Codes
    hits: Codes
    names: tuple[tuple[str, str], ...]

    def by_version(self) -> Iterator[tuple[tuple[str, str], Codes, Codes]]:
        """Yield each pair with the owners and hits of its events."""
        for number, name in enumerate(self.names):
            chosen = self.versions == number
            yield name, self.owners[chosen], self.hits[chosen]


@dataclass(frozen=True, eq=False)
class Window:
    """The sessions of a window, in the order of their begin.

    Attributes:
        span: when they began.
        sessions: their events, with times of occurrence in epoch seconds. Also those of one event.
        judged: the events after an answer.
    """

    span: Span
    sessions: Sessions
    judged: Judged


def read_window(lake: LakeFiles, span: Span) -> Window:
    """Read a window.

    Raises:
        RegistryError: the lake cannot be read, or a file in it is damaged.
    """
    with events_between(lake, span.since - span.idle, span.until + span.idle) as connection:
        connection.execute(_CHOSEN, {"since": span.since, "until": span.until})
        items, types, versions = (_distinct(connection, query) for query in (_ITEMS, _TYPES, _VERSIONS))
        columns = connection.execute(_EVENTS).fetchnumpy()

    def integers(name: str) -> Codes:
        return np.asarray(columns[name], np.int64)

    owners, rank = integers("owner"), integers("rank")
    events, is_judged = len(owners), integers("answerer") > 0
    sessions = Sessions.from_events(
        catalogue=[item for (item,) in items],
        ids=[str(number) for number in range(int(owners[-1]) + 1 if events else 0)],
        owners=owners,
        codes=(integers("item") - 1).astype(np.int32),
        times=np.asarray(columns["occurred"], np.float64),
        rows=np.arange(1, events + 1),
        order=np.arange(events),
        types=[kind for (kind,) in types],
        type_codes=(integers("kind") - 1).astype(np.int32),
    )
    judged = Judged(
        owners=owners[is_judged],
        versions=integers("answerer")[is_judged] - 1,
        hits=((rank >= 1) & (rank <= CUTOFF)).astype(np.int64)[is_judged],
        names=tuple((version, variant) for version, variant in versions),
    )
    return Window(span, sessions, judged)


def _distinct(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


_CHOSEN = """
CREATE TABLE chosen AS
WITH began AS (
  SELECT session, row_number() OVER (ORDER BY min(arrived_at), session) - 1 AS owner
  FROM events GROUP BY session HAVING min(arrived_at) >= $since AND min(arrived_at) < $until
)
SELECT owner, item_id, type, occurred_at, arrived_at, entry,
  CASE WHEN rank IS NULL THEN NULL ELSE coalesce(judged_version, '') END AS version,
  CASE WHEN rank IS NULL THEN NULL ELSE coalesce(judged_variant, '') END AS variant, coalesce(rank, 0) AS rank
FROM events JOIN began USING (session)
"""
_ITEMS = "CREATE TABLE items AS SELECT DISTINCT item_id FROM chosen; SELECT item_id FROM items ORDER BY item_id"
_TYPES = "CREATE TABLE types AS SELECT DISTINCT type FROM chosen; SELECT type FROM types ORDER BY type"
_VERSIONS = """
CREATE TABLE versions AS SELECT DISTINCT version, variant FROM chosen WHERE version IS NOT NULL;
SELECT version, variant FROM versions ORDER BY version, variant
"""
_EVENTS = """
SELECT owner, item, kind, occurred_at / 1000 AS occurred, rank, coalesce(answerer, 0) AS answerer
FROM chosen
JOIN (SELECT item_id, row_number() OVER (ORDER BY item_id) AS item FROM items) USING (item_id)
JOIN (SELECT type, row_number() OVER (ORDER BY type) AS kind FROM types) USING (type)
LEFT JOIN (SELECT version, variant, row_number() OVER (ORDER BY version, variant) AS answerer FROM versions)
  USING (version, variant)
ORDER BY owner, occurred_at, arrived_at, CAST(split_part(entry, '-', 2) AS UBIGINT)
"""
