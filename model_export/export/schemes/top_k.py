"""Find the best of many scores inside a graph: the maxima of blocks first, because TopK over millions is slow.

Exact, ties included: an item among the best `count` lies in one of the `count` blocks with the largest maxima.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import Value

BLOCK = 128
"""The number of slots of a large catalogue is a multiple of this."""
NO_NUMBER = -(1 << 62)
"""Below every number to sort."""
LOWEST = -float(1 << 30)
"""Below every score, as float32 and as the int32 of a rough pass."""
_WIDE_BLOCKS_FROM = 1 << 18
"""Number of slots from which on the first blocks are `BLOCK` wide."""
_REGISTER = 16
_NO_BLOCKS_UP_TO = 1 << 16
"""Number of slots of which TopK finds the best as fast without blocks."""


def padded_slots(items: int) -> int:
    """Return the number of slots for a catalogue: whole blocks if it is large, else whole registers.

    A product sums the last scores, which fill no register, in another order: equal rows would differ.
    """
    unit = _REGISTER if items <= _NO_BLOCKS_UP_TO else BLOCK
    return -(-items // unit) * unit


def pad(values: NDArray[Any], slots: int, filling: int) -> NDArray[Any]:
    """Lengthen an array to a number of slots."""
    missing = slots - len(values)
    return np.concatenate([values, np.full((missing, *values.shape[1:]), filling, values.dtype)]) if missing else values


def top_k(scores: Value, slots: int, count: Value, *, unit: int = BLOCK, ordered: bool = True) -> tuple[Value, Value]:
    """Find the best scores.

    Args:
        scores: [slots], numbers of a type that TopK and ReduceMax take.
        slots: the usual number of slots.
        count: int64[1], how many are wanted; fewer come where there are no more.
        unit: the number of slots, unless it is small, is always a multiple of this: `BLOCK`, or at least 16.
        ordered: False if the order does not matter.

    Returns:
        Their slots, int64[n], and their scores, both by descending score. Of equal scores the lower slot is preferred,
        and comes first if they are ordered.
    """
    if slots <= _NO_BLOCKS_UP_TO:
        widths: tuple[int, ...] = ()
    else:
        widths = (16, 4) if slots < _WIDE_BLOCKS_FROM or unit < BLOCK else (BLOCK, 16, 4)
    return _top_k(scores, widths, count, ordered=ordered)


def _top_k(scores: Value, widths: tuple[int, ...], count: Value, *, ordered: bool) -> tuple[Value, Value]:
    if not widths:
        values, slots = scores.top_k(count.min(scores.shape()), ordered=ordered)
        return slots, values
    width = widths[0]
    blocks = scores.reshape(-1, width)
    chosen, _ = _top_k(blocks.reduce("Max", 1, keepdims=False), (), count, ordered=False)
    chosen = ascending(chosen, chosen.shape())
    places, values = _top_k(blocks.gather(chosen).reshape(-1), widths[1:], count, ordered=ordered)
    block = chosen.gather(places / width)
    within = places % width
    return block * width + within, values


def ascending(numbers: Value, count: Value) -> Value:
    """Sort int64[count] numbers."""
    return numbers.top_k(count, largest=False)[0]


def sorted_distinct(numbers: Value) -> Value:
    """Return int64[n] numbers in ascending order, each once; n is at least 1."""
    # For some hundred numbers this is faster than to mark them in a tensor of all that are possible and to read it.
    ordered = ascending(numbers, numbers.shape())
    before = ordered.graph.concat([NO_NUMBER], ordered.slice(0, -1))
    return ordered.compress(~ordered.equals(before), axis=0)
