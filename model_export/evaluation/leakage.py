"""Find data that train and test share: sessions on both sides, and train sessions from the time of the test."""

from dataclasses import dataclass

import numpy as np

from model_export.data.sessions import Sessions


@dataclass(frozen=True)
class Overlap:
    """The data that train and test share; the last two are 0 where times are only an order.

    Attributes:
        sessions: test sessions that are also in train: the same id and the same start.
        later_sessions: train sessions that start after the test begins.
        later_events: train events after the test begins. The usual ones belong to sessions that began before: the
            split assigns a session by its start.
    """

    sessions: int
    later_sessions: int
    later_events: int

    @property
    def is_clean(self) -> bool:
        """True if train has no test session and no session that starts in the test period."""
        return self.sessions == 0 and self.later_sessions == 0


def overlap(train: Sessions, test: Sessions) -> Overlap:
    """Return the data that train and test, at least one session, share."""
    known = set(zip(train.ids, train.starts.tolist(), strict=True))
    shared = sum(session in known for session in zip(test.ids, test.starts.tolist(), strict=True))
    if not (train.is_epoch and test.is_epoch):
        return Overlap(shared, 0, 0)
    begin = test.starts.min()
    return Overlap(shared, int(np.count_nonzero(train.starts >= begin)), int(np.count_nonzero(train.times >= begin)))
