"""Random sessions for property tests."""

import numpy as np
from hypothesis import strategies as st

from model_export.data.sessions import Sessions

DAY = 86_400
FIRST_SECOND = 18_000 * DAY


@st.composite
def calendars(draw: st.DrawFn, days: int = 6) -> Sessions:
    """Sessions of a few items over some days. They may overlap, pass midnight and start at the same second."""
    starts = draw(st.lists(st.integers(0, days * DAY - 1), min_size=2, max_size=25))
    lengths = draw(st.lists(st.integers(1, 6), min_size=len(starts), max_size=len(starts)))
    events = sum(lengths)
    codes = draw(st.lists(st.integers(0, 5), min_size=events, max_size=events))
    gaps = draw(st.lists(st.sampled_from([0, 1, 60, DAY // 2]), min_size=events, max_size=events))
    owners = np.repeat(np.arange(len(starts)), lengths)
    first = np.cumsum([0, *lengths[:-1]])
    since = np.cumsum(gaps) - np.repeat(np.cumsum(gaps)[first], lengths)
    used, code = np.unique(codes, return_inverse=True)
    return Sessions.from_events(
        catalogue=[f"item-{item}" for item in used.tolist()],
        ids=[f"s{number}" for number in range(len(starts))],
        owners=owners,
        codes=code.astype(np.int32),
        times=(np.repeat(starts, lengths) + since + FIRST_SECOND).astype(np.float64),
        rows=np.arange(1, events + 1),
    )
