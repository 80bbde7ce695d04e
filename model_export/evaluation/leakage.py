"""Whether train knows what test asks: the same sessions on both sides, and train's events from the test's time."""

from dataclasses import dataclass

import numpy as np

from model_export.data.sessions import Sessions


@dataclass(frozen=True)
class Overlap:
    """What train and test share.

    Attributes:
        sessions: test sessions that train has as well: the same id and the same start.
        later_sessions: train sessions that start when test has begun, 0 where times are only an order.
        later_events: train events at or after the start of test. Those of sessions that began before it are usual: a
            session belongs to where it starts.
    """

    sessions: int
    later_sessions: int
    later_events: int

    @property
    def is_clean(self) -> bool:
        """Whether no test session, and no session of its time, was learned from."""
        return self.sessions == 0 and self.later_sessions == 0


def overlap(train: Sessions, test: Sessions) -> Overlap:
    """Return what two sides share.

    Args:
        train: what was learned from.
        test: what is judged on, at least one session.
    """
    known = set(zip(train.ids, train.starts.tolist(), strict=True))
    shared = sum(session in known for session in zip(test.ids, test.starts.tolist(), strict=True))
    if not (train.is_epoch and test.is_epoch):
        return Overlap(shared, 0, 0)
    begin = test.starts.min()
    return Overlap(shared, int(np.count_nonzero(train.starts >= begin)), int(np.count_nonzero(train.times >= begin)))
