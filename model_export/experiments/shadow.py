"""Shadow: sessions of the lake, to replay through champion and challenger offline, with the engine that serves.

No visitor sees an answer of the challenger. But visitors chose from the champion's answers, so their next items favour
it: a challenger that is equal here is rather better.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions
from model_export.lake.events import LakeFiles
from model_export.lake.reader import LakeSessions, SessionWindow, read_ended_sessions
from model_export.lake.records import IDLE_MS
from model_export.metrics.bootstrap import SEED
from nextitem.errors import InputError


def sample_sessions(
    lake: LakeFiles, since: int, until: int, most: int, *, idle_ms: int = IDLE_MS, seed: int = SEED
) -> Sessions:
    """Return a sample of the sessions of the lake that ended in a window and have a next item.

    Args:
        lake: the lake.
        since: epoch milliseconds; sessions that ended after it.
        until: and not after this one.
        most: maximum of sessions.
        idle_ms: the pause after which a session has ended.
        seed: of the sample.

    Raises:
        InputError: there are none.
        RegistryError: the lake cannot be read.
    """
    rows = read_ended_sessions(lake, SessionWindow(since, until, idle_ms))
    _, owners, lengths = np.unique(rows.session, return_inverse=True, return_counts=True)
    long_enough = np.flatnonzero(lengths >= MIN_SESSION_EVENTS)
    if not len(long_enough):
        raise InputError("the lake has no session with two events that ended in this time; take more --days")
    if len(long_enough) > most:
        long_enough = np.random.default_rng(seed).choice(long_enough, most, replace=False)
    return _sessions(rows, np.isin(owners, long_enough))


def _sessions(rows: LakeSessions, kept: NDArray[np.bool_]) -> Sessions:
    ids, owners = np.unique(rows.session[kept], return_inverse=True)
    items, codes = np.unique(rows.item_id[kept], return_inverse=True)
    types, type_codes = np.unique(rows.type[kept], return_inverse=True)
    by_bytes = sorted(range(len(items)), key=lambda code: str(items[code]).encode())
    place = np.empty(len(items), np.int32)
    place[by_bytes] = np.arange(len(items), dtype=np.int32)
    order = np.arange(len(owners), dtype=np.int64)  # the rows have the order of their sessions' logs
    return Sessions.from_events(
        catalogue=[str(items[code]) for code in by_bytes],
        ids=ids.tolist(),
        owners=owners.astype(np.int64),
        codes=place[codes],
        times=rows.occurred_at[kept] / 1000.0,
        rows=order + 1,
        order=order,
        types=types.tolist(),
        type_codes=type_codes.astype(np.int32),
    )
