"""About so many of the best of many scores: all that reach a threshold, which a sample of them sets.

TopK pays for each score that it takes in and drops again: 90 us for 260 of 40,000. A comparison pays for none. Where a
sample sets no useful threshold, as of scores that are all equal, the best are counted after all.
"""

import numpy as np

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.selection import ascending, best

WIDTH = 16
"""Scores of a block, of which only the largest is compared at first."""
SHARE = 4
"""The first block of so many is in the sample."""
_MOST = 2 * SHARE
"""Blocks that may reach the threshold, for each one of the sample that does."""
_END = (1 << 63) - 1


def about(graph: GraphBuilder, scores: str, slots: int, sampled: str, unit: int) -> str:
    """Find the best scores, `SHARE` times as many as of the sample, about, and no fewer than of the sample.

    Args:
        graph: the graph.
        scores: [slots], numbers of a type that TopK and ReduceMax take; the first block of each `SHARE` of them is as
            good as any other.
        slots: how many there usually are, a multiple of `WIDTH`.
        sampled: int64[1], how many blocks of the sample are to reach the threshold.
        unit: see `best`.

    Returns:
        Their slots, int64[n], ascending. No other slot has a better score.
    """
    blocks = graph.node("Reshape", [scores, graph.constant([-1, WIDTH])])
    maxima = graph.node("ReduceMax", [blocks, graph.constant([1])], keepdims=0)
    first, end, axis, step = (graph.constant([number]) for number in (0, _END, 0, SHARE))
    sample = graph.node("Slice", [maxima, first, end, axis, step])
    top = graph.node("TopK", [sample, graph.node("Min", [sampled, graph.node("Shape", [sample])])], 2, sorted=0)
    least = graph.node("ReduceMin", [top], keepdims=0)
    found = graph.node("NonZero", [graph.node("GreaterOrEqual", [maxima, least])])

    reached, counted = graph.branch(), graph.branch()
    places = _reaching(reached, blocks, found, least)
    count = counted.node("Mul", [sampled, counted.constant([SHARE])])
    exactly, _ = best(counted, scores, slots, count, unit=unit, ordered=False)
    in_order = ascending(counted, exactly, counted.node("Shape", [exactly]))
    number = graph.node("Size", [found])
    enough = graph.node("GreaterOrEqual", [number, sampled])
    not_too_many = graph.node("LessOrEqual", [number, graph.node("Mul", [sampled, graph.constant([_MOST])])])
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
