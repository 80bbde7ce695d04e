"""Sessions that a test spells out as lists of items."""

from itertools import chain

import numpy as np

from model_export.data.sessions import Sessions

FIRST_SECOND = 1_600_000_000
"""Time of the first event, 2020-09-13; each next event is one second later."""


def handmade(*sessions: str, start: int = FIRST_SECOND) -> Sessions:
    """Sessions s0, s1, ..; each argument lists its items, separated by blanks, in time order."""
    listed = [session.split() for session in sessions]
    catalogue = sorted(set(chain.from_iterable(listed)))
    events = sum(map(len, listed))
    return Sessions.from_events(
        catalogue=catalogue,
        ids=[f"s{index}" for index in range(len(listed))],
        owners=np.repeat(np.arange(len(listed)), [len(items) for items in listed]),
        codes=np.array([catalogue.index(item) for item in chain.from_iterable(listed)], dtype=np.int32),
        times=np.arange(start, start + events, dtype=np.float64),
        rows=np.arange(1, events + 1),
    )


def items_of(sessions: Sessions) -> list[list[str]]:
    """The items of each session, in time order."""
    return [[sessions.catalogue[code] for code in sessions.session(index)] for index in range(len(sessions))]
