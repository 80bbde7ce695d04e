"""Join bins until each holds enough events: a share of few events differs from another by chance."""

import numpy as np

from model_export.drift.divergence import Codes, Floats

MIN_EVENTS = 20
"""Events that a bin must be expected to hold, in the smaller of both samples."""
MAX_BINS = 100


def bins_by_size(reference: Floats, events: float) -> Codes:
    """Return the joined bin of each bin without an order, int64[bins]: the largest alone, small ones with others.

    Small bins are joined in the order of their size, so that those in one bin were about equally frequent.

    Args:
        reference: float64[bins], events by bin in the reference. The last bin holds all others, and is joined last.
        events: events of the other sample.
    """
    order = np.append(np.argsort(-reference[:-1], kind="stable"), len(reference) - 1)
    joined = np.empty(len(reference), np.int64)
    joined[order] = _joined(reference[order], events)
    return joined


def bins_in_order(reference: Floats, events: float) -> Codes:
    """Return the joined bin of each bin, int64[bins], if only neighbours may be joined. The arguments are the same."""
    return _joined(reference, events)


def _joined(reference: Floats, events: float) -> Codes:
    """Begin a new bin where the one before is full; what is left in the end goes to the last one."""
    total = float(reference.sum())
    if not total or not events:
        return np.zeros(len(reference), np.int64)
    full = max(MIN_EVENTS * total / min(events, total), total / MAX_BINS)
    joined = np.empty(len(reference), np.int64)
    number, held = 0, 0.0
    for place, count in enumerate(reference.tolist()):
        joined[place] = number
        held += count
        if held >= full:
            number, held = number + 1, 0.0
    if held < full and number:
        joined[joined == number] = number - 1
    return joined
