"""About so many of the best of many scores: all that reach a threshold, which a sample of them sets.

TopK pays for each score that it takes in and drops again: 90 us for 260 of 40,000. A comparison pays for none. Where a
sample sets no useful threshold, as of scores that are all equal, the best are counted after all.
"""

import numpy as np

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.top_k import ascending, best

WIDTH = 16
"""Scores of a block, of which only the largest is compared at first."""
STEP = 11
"""One score of so many is in the sample: prime to the width, for alike items share blocks."""
_MOST = 2
"""Blocks that may reach the threshold, for each score that is wanted."""
_END = (1 << 63) - 1


def about(graph: GraphBuilder, scores: str, slots: int, count: str, asked: str, unit: int) -> str:
    """Find about so many of the best scores, and no fewer than are asked for, where there are so many.

    Args:
        graph: the graph.
        scores: [slots], numbers of a type that TopK and ReduceMax take.
        slots: how many there usually are, a multiple of `WIDTH`.
        count: int64[1], about how many are wanted.
        asked: int64[1], how many there must be, at most `count`.
        unit: see `best`.

    Returns:
        Their slots, int64[n], ascending. No other slot has a better score.
    """
    blocks = graph.node("Reshape", [scores, graph.constant([-1, WIDTH])])
    maxima = graph.node("ReduceMax", [blocks, graph.constant([1])], keepdims=0)
    first, end, axis, step = (graph.constant([number]) for number in (0, _END, 0, STEP))
    sample = graph.node("Slice", [scores, first, end, axis, step])
    share = graph.node("Add", [graph.node("Div", [count, step]), graph.constant([1])])
    top = graph.node("TopK", [sample, graph.node("Min", [share, graph.node("Shape", [sample])])], 2, sorted=0)
    least = graph.node("ReduceMin", [top], keepdims=0)
    found = graph.node("NonZero", [graph.node("GreaterOrEqual", [maxima, least])])

    reached, counted = graph.branch(), graph.branch()
    places = _reaching(reached, blocks, found, least)
    exactly, _ = best(counted, scores, slots, count, unit=unit, ordered=False)
    in_order = ascending(counted, exactly, counted.node("Shape", [exactly]))
    number = graph.node("Size", [found])
    enough = graph.node("GreaterOrEqual", [number, asked])
    not_too_many = graph.node("LessOrEqual", [number, graph.node("Mul", [count, graph.constant([_MOST])])])
    useful = graph.node("And", [enough, not_too_many])
    return graph.choice(useful, reached, counted, [(places, in_order)])[0]


def _reaching(graph: GraphBuilder, blocks: str, found: str, least: str) -> str:
    """Return the slots, within the blocks found, whose scores reach the threshold."""
    flat = graph.constant([-1])
    members = graph.node("Gather", [blocks, graph.node("Reshape", [found, flat])])
    reach = graph.node("GreaterOrEqual", [members, least])
    begins = graph.node("Mul", [graph.node("Reshape", [found, graph.constant([-1, 1])]), graph.constant([WIDTH])])
    slots = graph.node("Add", [begins, graph.constant(np.arange(WIDTH))])
    return graph.node("Compress", [graph.node("Reshape", [slots, flat]), graph.node("Reshape", [reach, flat])])
