"""Sessions in which every transition is unique."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from model_export.data.sessions import Sessions
from model_export.training.batches import Batch

Pairs = Counter[tuple[int, int]]


def of_lengths(lengths: list[int]) -> Sessions:
    """Sessions of these lengths in which every event has an item of its own."""
    events = sum(lengths)
    return Sessions.from_events(
        catalogue=[f"{code:05}" for code in range(events)],
        ids=[f"s{number}" for number in range(len(lengths))],
        owners=np.repeat(np.arange(len(lengths)), lengths),
        codes=np.arange(events, dtype=np.int32),
        times=np.arange(events, dtype=np.float64),
        rows=np.arange(1, events + 1),
    )


def transitions_of(lengths: list[int]) -> Pairs:
    """The transitions of such sessions, each once."""
    ends = set(np.cumsum(lengths).tolist())
    return Counter((code, code + 1) for code in range(sum(lengths) - 1) if code + 1 not in ends)


def transitions_in(epoch: Iterable[Batch]) -> Pairs:
    """The pairs of input and target in some batches, with their counts."""
    return Counter(
        pair
        for batch in epoch
        for pair in zip(batch.inputs[batch.mask].tolist(), batch.targets[batch.mask].tolist(), strict=True)
    )
