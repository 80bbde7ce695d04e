"""Read the sessions of a time window from the lake.

A session is what one visit leaves: events under one name with no pause of `SessionWindow.idle_ms` between two of them.
It has ended when that time has passed since its last event. Times are those of arrival, by the store's clock.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.lake.events import LakeFiles, events_between
from model_export.lake.records import IDLE_MS


@dataclass(frozen=True)
class SessionWindow:
    """Which sessions are read: those that ended in a window. All are milliseconds.

    Attributes:
        ended_after: the session's end comes after this epoch time.
        ended_by: and not after this one.
        idle_ms: the pause after which a session has ended.
        longest_ms: longer sessions are left out and counted. Without a bound, all of the lake would have to be read.
    """

    ended_after: int
    ended_by: int
    idle_ms: int = IDLE_MS
    longest_ms: int = 14_400_000

    @property
    def read_from(self) -> int:
        """When the first event that must be read may have arrived, in epoch milliseconds.

        A session that is longer than `longest_ms` and ended in the window has an event within `idle_ms` of this time,
        so that what is read of it is too long as well.
        """
        return self.ended_after - 2 * self.idle_ms - self.longest_ms


@dataclass(frozen=True)
class LakeSessions:
    """Events of sessions, one row each: session by session, in the order of the session's log.

    Attributes:
        session: str[rows], the pseudonym, a slash, and the arrival of the session's first event.
        began: int64[rows], arrival of the session's first event.
        last: int64[rows], arrival of its last event.
        item_id, type, version, variant: str[rows], as in `Record`.
        occurred_at: int64[rows].
        rank: float64[rows], as in `Record`; infinity instead of 0, NaN instead of None. NaN, too, if the answer before
            was another version's or variant's, such as that of a visit before the experiment: it says nothing about
            the version of this session.
        clicked: bool[rows], of answers of the event's own version and variant.
        team: str[rows]; empty instead of None, and likewise.
        too_long: number of sessions that were left out because they are longer than the window's longest.
    """

    session: NDArray[np.str_]
    began: NDArray[np.int64]
    last: NDArray[np.int64]
    item_id: NDArray[np.str_]
    type: NDArray[np.str_]
    version: NDArray[np.str_]
    variant: NDArray[np.str_]
    occurred_at: NDArray[np.int64]
    rank: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    team: NDArray[np.str_]
    too_long: int


def read_ended_sessions(lake: LakeFiles, window: SessionWindow) -> LakeSessions:
    """Read all events of the sessions that ended in a window.

    Raises:
        RegistryError: the lake cannot be read, or a file in it is damaged.
    """
    with events_between(lake, window.read_from, window.ended_by) as connection:
        connection.execute(_MARK_SESSIONS, {"idle": window.idle_ms})
        bounds = {"after": window.ended_after, "by": window.ended_by, "idle": window.idle_ms}
        connection.execute(_ENDED_SESSIONS, bounds)
        longest = {"longest": window.longest_ms}
        (too_long,) = connection.execute(
            "SELECT count(*) FROM ended WHERE last - began > $longest", longest
        ).fetchall()[0]
        columns = connection.execute(_ROWS, longest).fetchnumpy()

    def texts(name: str) -> NDArray[np.str_]:
        return np.asarray(columns[name], np.str_)

    def whole_numbers(name: str) -> NDArray[np.int64]:
        return np.asarray(columns[name], np.int64)

    return LakeSessions(
        session=texts("name"),
        began=whole_numbers("began"),
        last=whole_numbers("last"),
        item_id=texts("item_id"),
        type=texts("type"),
        version=texts("version"),
        variant=texts("variant"),
        occurred_at=whole_numbers("occurred_at"),
        rank=np.asarray(columns["place"], np.float64),
        clicked=np.asarray(columns["clicked"], np.bool_),
        team=texts("drafted_by"),
        too_long=int(too_long),
    )


_MARK_SESSIONS = """
CREATE TABLE marked AS
SELECT *, sum(is_first) OVER (PARTITION BY session ORDER BY arrived_at, entry) AS number
FROM (
  SELECT *, CASE WHEN arrived_at - lag(arrived_at) OVER (PARTITION BY session ORDER BY arrived_at, entry) < $idle
    THEN 0 ELSE 1 END AS is_first
  FROM events
)
"""
_ENDED_SESSIONS = """
CREATE TABLE ended AS
SELECT session, number, min(arrived_at) AS began, max(arrived_at) AS last
FROM marked GROUP BY session, number
HAVING last + $idle > $after AND last + $idle <= $by
"""
_ROWS = """
SELECT session || '/' || began AS name, began, last, item_id, type, version, variant, occurred_at,
  clicked AND is_own AS clicked,
  CASE WHEN rank IS NULL OR NOT is_own THEN 'nan'::DOUBLE WHEN rank = 0 THEN 'inf'::DOUBLE ELSE rank END AS place,
  CASE WHEN is_own THEN coalesce(team, '') ELSE '' END AS drafted_by
FROM (
  SELECT *, coalesce(judged_version = version AND judged_variant = variant, false) AS is_own
  FROM marked JOIN ended USING (session, number)
  WHERE last - began <= $longest
)
ORDER BY name, occurred_at, arrived_at, CAST(split_part(entry, '-', 2) AS UBIGINT)
"""
