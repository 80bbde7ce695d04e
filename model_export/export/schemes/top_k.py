"""The best of many scores inside a graph: maxima of blocks first, for TopK over millions is slow.

Exact, ties included: an item among the best `count` lies in one of the `count` blocks with the largest maxima.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import GraphBuilder, other

BLOCK = 128
"""Slots come in whole blocks of so many, where there are blocks at all."""
_MANY = 1 << 18
"""Slots from which on the first blocks are as wide as that."""
LOWEST = -float(1 << 30)
"""Below every score, as float32 and as the int32 of a rough pass."""
_REGISTER = 16
_FEW = 1 << 16
"""Slots of which TopK finds the best as fast without blocks."""


def padded(items: int) -> int:
    """Return the slots of a catalogue: a whole number of blocks, where there are any; else of what is summed at once.

    The last scores of a product that fills no register are summed in another order: equal rows would differ.
    """
    unit = _REGISTER if items <= _FEW else BLOCK
    return -(-items // unit) * unit


def filled(values: NDArray[Any], slots: int, filling: int) -> NDArray[Any]:
    """Return an array lengthened to the slots."""
    missing = slots - len(values)
    return np.concatenate([values, np.full((missing, *values.shape[1:]), filling, values.dtype)]) if missing else values


def best(
    graph: GraphBuilder, scores: str, slots: int, count: str, *, unit: int = BLOCK, ordered: bool = True
) -> tuple[str, str]:
    """Find the best scores.

    Args:
        graph: the graph.
        scores: [slots], numbers of a type that TopK and ReduceMax take.
        slots: how many there usually are.
        count: int64[1], how many are wanted; fewer come where there are no more.
        unit: what the slots, if more than a few, are always a multiple of: `BLOCK`, or 16 at least.
        ordered: False where they are put into another order anyway.

    Returns:
        Their slots, int64[n], and themselves, both by descending score; of equal ones the lower slot comes first, and
        is found first where they are not ordered.
    """
    widths = () if slots <= _FEW else (16, 4) if slots < _MANY or unit < BLOCK else (BLOCK, 16, 4)
    return _best(graph, scores, widths, count, int(ordered))


def _best(graph: GraphBuilder, scores: str, widths: tuple[int, ...], count: str, ordered: int) -> tuple[str, str]:
    if not widths:
        least = graph.node("Min", [count, graph.node("Shape", [scores])])
        top = graph.node("TopK", [scores, least], 2, sorted=ordered)
        return other(top, 1), top
    width = widths[0]
    blocks = graph.node("Reshape", [scores, graph.constant([-1, width])])
    maxima = graph.node("ReduceMax", [blocks, graph.constant([1])], keepdims=0)
    chosen, _ = _best(graph, maxima, (), count, ordered=0)
    chosen = ascending(graph, chosen, graph.node("Shape", [chosen]))
    members = graph.node("Reshape", [graph.node("Gather", [blocks, chosen]), graph.constant([-1])])
    place, values = _best(graph, members, widths[1:], count, ordered)
    block = graph.node("Gather", [chosen, graph.node("Div", [place, graph.constant(width)])])
    within = graph.node("Mod", [place, graph.constant(width)])
    return graph.node("Add", [graph.node("Mul", [block, graph.constant(width)]), within]), values


def ascending(graph: GraphBuilder, numbers: str, count: str) -> str:
    """Return int64[count] numbers in ascending order."""
    return graph.node("TopK", [numbers, count], 2, largest=0)
