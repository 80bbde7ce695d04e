"""Session-parallel batches: lanes that play session after session, one event of each lane at a time.

GRU4Rec trains so (Hidasi et al. 2016, arXiv 1511.06939). The network steps after every event and carries its hidden
state to the next batch as a value: gradients do not flow through it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.training.batches import Batch, weights_by_age, weights_by_type, windows

T = TypeVar("T", np.int64, np.bool_, np.float32)


class Lanes:
    """All transitions of sessions, each once an epoch, in lanes of equal length.

    Each epoch shuffles the sessions, joins their transitions to one sequence, and cuts it into lanes. A session that is
    cut goes on in the next lane as if it were a new session; there are fewer such sessions than lanes.

    Args:
        sessions: the training data; sessions shorter than 2 are skipped.
        size: number of lanes.
        recency: see `FitConfig.recency`.
        type_weights: see `weights_by_type`.
    """

    def __init__(
        self, sessions: Sessions, size: int, recency: float = 0.0, type_weights: Mapping[str, float] = {}
    ) -> None:
        self._codes, self._types, self._is_target = sessions.codes, sessions.type_codes, sessions.is_target
        self._event_weights = weights_by_type(sessions, type_weights)
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
        events = self._in_lanes(np.repeat(self._starts[order], lengths) + within, 0)
        is_real = self._in_lanes(np.ones(total, bool), False)
        is_fresh = self._in_lanes(within == 0, True)
        is_fresh[:, :1] = True
        weights = self._in_lanes(np.repeat(self._weights[order], lengths), 0.0)
        for step in range(len(self)):
            event, real = events[:, step, None], is_real[:, step, None]
            after = event + real
            yield Batch(
                torch.from_numpy(self._codes[event].astype(np.int64)),
                torch.from_numpy(self._types[event].astype(np.int64)),
                torch.from_numpy(self._codes[after].astype(np.int64)),
                torch.from_numpy(real & self._is_target[after]),
                torch.from_numpy(weights[:, step, None] * self._event_weights[after]),
                torch.from_numpy(is_fresh[:, step].copy()),
            )

    def _in_lanes(self, sequence: NDArray[T], padding: float) -> NDArray[T]:
        """Cut a sequence into lanes, [lanes, steps], the last one padded."""
        missing = len(self) * self._size - len(sequence)
        return np.append(sequence, np.full(missing, padding, sequence.dtype)).reshape(self._size, -1)
