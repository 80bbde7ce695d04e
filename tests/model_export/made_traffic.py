"""Sessions of the simulated shop with events of items that no model knows."""

import numpy as np

from model_export.data.sessions import Sessions
from model_export.simulator import Shop

UNKNOWN = "unheard-of"


def sessions_of(start: float, count: int, unknown: int = 7) -> Sessions:
    """Simulated sessions; each `unknown`-th event is of an item that no model knows."""
    items: list[str] = []
    names: list[str] = []
    owners: list[int] = []
    times: list[float] = []
    for owner, session in enumerate(Shop().sessions(count, seed=11, start=start, days=1)):
        names.append(session.session_id)
        for item, at in zip(session.item_ids, session.times, strict=True):
            items.append(UNKNOWN if len(items) % unknown == 0 else item)
            owners.append(owner)
            times.append(at)
    catalogue = sorted(set(items))
    return Sessions.from_events(
        catalogue=catalogue,
        ids=names,
        owners=np.array(owners),
        codes=np.array([catalogue.index(item) for item in items], np.int32),
        times=np.array(times),
        rows=np.arange(1, len(items) + 1),
    )
