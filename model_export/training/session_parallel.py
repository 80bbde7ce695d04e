"""Session-parallel batches: lanes that play session after session, one event of each lane at a time. Knows no network.

The way of GRU4Rec (Hidasi et al. 2016, arXiv 1511.06939): the network steps after every event, and what it knew before
it is carried on as a value, through which nothing is learned back.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch

from model_export.data.sessions import Sessions
from model_export.training.batches import Batch, weights_by_age, windows


class Lanes:
    """All transitions of sessions, each once an epoch, in lanes of equal length that are dealt anew each epoch.

    Where one lane ends in the midst of a session, the next begins with its rest as if it were a session of its own: of
    no more sessions than there are lanes.

    Args:
        sessions: what to learn from; those shorter than 2 are passed over.
        size: lanes.
        recency: see `FitConfig.recency`.
    """

    def __init__(self, sessions: Sessions, size: int, recency: float = 0.0) -> None:
        self._codes = sessions.codes
        self._size = size
        owners, self._starts, self._lengths = windows(sessions, max(1, int(sessions.lengths.max(initial=1))))
        self._weights = weights_by_age(sessions, recency)[owners]

    def __len__(self) -> int:
        return math.ceil(int(self._lengths.sum()) / self._size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every transition once, the sessions in an order drawn from `rng`."""
        order = rng.permutation(len(self._starts))
        lengths = self._lengths[order]
        total = int(lengths.sum())
        within = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        stream = np.repeat(self._starts[order], lengths) + within
        slots = len(self) * self._size
        at = np.append(stream, np.zeros(slots - total, np.int64)).reshape(self._size, -1)
        real = (np.arange(slots) < total).reshape(self._size, -1)
        fresh = np.append(within == 0, np.ones(slots - total, bool)).reshape(self._size, -1)
        fresh[:, :1] = True
        known = np.repeat(self._weights[order], lengths)
        weights = np.append(known, np.zeros(slots - total, np.float32)).reshape(self._size, -1)
        for step in range(len(self)):
            here = at[:, step, None]
            yield Batch(
                torch.from_numpy(self._codes[here].astype(np.int64)),
                torch.from_numpy(self._codes[here + real[:, step, None]].astype(np.int64)),
                torch.from_numpy(real[:, step, None].copy()),
                torch.from_numpy(weights[:, step].copy()),
                torch.from_numpy(fresh[:, step].copy()),
            )
