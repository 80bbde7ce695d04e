"""Sessions whose every transition has a name."""

import numpy as np

from model_export.sessions import Sessions


def of_lengths(lengths: list[int]) -> Sessions:
    """Sessions of these lengths in which every event has an item of its own, so that each transition has a name."""
    events = sum(lengths)
    return Sessions.from_events(
        catalogue=[f"{code:05}" for code in range(events)],
        ids=[f"s{number}" for number in range(len(lengths))],
        owners=np.repeat(np.arange(len(lengths)), lengths),
        codes=np.arange(events, dtype=np.int32),
        times=np.arange(events, dtype=np.float64),
        rows=np.arange(1, events + 1),
    )
