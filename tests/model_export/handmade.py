"""Sessions that a test spells out as lists of items."""

from itertools import chain

import numpy as np

from model_export.data.sessions import Sessions
from nextitem.event_types import VIEW

FIRST_SECOND = 1_600_000_000
"""Time of the first event, 2020-09-13; each next event is one second later."""


def handmade(*sessions: str, start: int = FIRST_SECOND) -> Sessions:
    """Sessions s0, s1, ..; each argument lists its items, separated by blanks, in time order; tea:cart is no view."""
    listed = [[item.partition(":")[::2] for item in session.split()] for session in sessions]
    events = [*chain.from_iterable(listed)]
    catalogue = sorted({item for item, _ in events})
    types = sorted({kind or VIEW for _, kind in events})
    return Sessions.from_events(
        catalogue=catalogue,
        ids=[f"s{index}" for index in range(len(listed))],
        owners=np.repeat(np.arange(len(listed)), [len(items) for items in listed]),
        codes=np.array([catalogue.index(item) for item, _ in events], dtype=np.int32),
        times=np.arange(start, start + len(events), dtype=np.float64),
        rows=np.arange(1, len(events) + 1),
        types=types,
        type_codes=np.array([types.index(kind or VIEW) for _, kind in events], dtype=np.int32),
    )


def items_of(sessions: Sessions) -> list[list[str]]:
    """The items of each session, in time order."""
    return [[sessions.catalogue[code] for code in sessions.session(index)] for index in range(len(sessions))]


def events_of(sessions: Sessions) -> list[list[str]]:
    """The events of each session, in time order, written as for `handmade`."""
    return [
        [
            item if kind == VIEW else f"{item}:{kind}"
            for item, kind in zip(items, (sessions.types[code] for code in sessions.session_types(index)), strict=True)
        ]
        for index, items in enumerate(items_of(sessions))
    ]
