"""Find roughly the best k scores: all that reach a threshold, which a sample of the scores sets.

TopK pays for each score that it takes in and drops again: 90 us for 260 of 40,000. A comparison pays for none. Where a
sample sets no useful threshold, for example because all scores are equal, TopK finds the best after all.
"""

import numpy as np

from model_export.export.onnx.builder import Value
from model_export.export.schemes.top_k import ascending, top_k

WIDTH = 16
"""Scores of a block; at first only the largest of each block is compared."""
STEP = 11
"""Every 11th score is in the sample. Coprime to the width, because similar items share blocks."""
_MAX_BLOCKS = 2
"""Blocks that may reach the threshold, for each wanted score."""
_END = (1 << 63) - 1


def top_by_threshold(scores: Value, slots: int, count: Value, least: Value, unit: int) -> Value:
    """Find about `count` of the best scores, and at least `least` if there are that many.

    Args:
        scores: [slots], numbers of a type that TopK and ReduceMax take.
        slots: the usual number of slots, a multiple of `WIDTH`.
        count: int64[1], about how many are wanted.
        least: int64[1], how many there must be, at most `count`.
        unit: see `top_k`.

    Returns:
        Their slots, int64[n], ascending. No other slot has a better score.
    """
    graph = scores.graph
    blocks = scores.reshape(-1, WIDTH)
    maxima = blocks.reduce("Max", 1, keepdims=False)
    first, end, axis, step = (graph.constant([number]) for number in (0, _END, 0, STEP))
    sample = scores.slice(first, end, axis, step)
    sample_count = count / step + [1]
    sample_best, _ = sample.top_k(sample_count.min(sample.shape()), ordered=False)
    threshold = sample_best.reduce("Min", keepdims=False)
    reaching = (maxima >= threshold).nonzero()

    with graph.branch() as by_threshold:
        reached = _reaching(blocks, reaching, threshold)
    with graph.branch() as by_count:
        counted, _ = top_k(scores, slots, count, unit=unit, ordered=False)
        in_order = ascending(counted, counted.shape())
    number = reaching.size()
    is_useful = (number >= least) & (number <= count * [_MAX_BLOCKS])
    return graph.choice(is_useful, by_threshold, by_count, (reached, in_order))[0]


def _reaching(blocks: Value, reaching: Value, threshold: Value) -> Value:
    """Return the slots in the reaching blocks whose scores reach the threshold."""
    flat = blocks.graph.constant([-1])
    reach = blocks.gather(blocks.graph.node("Reshape", reaching, flat)) >= threshold
    begins = reaching.reshape(-1, 1) * [WIDTH]
    slots = begins + np.arange(WIDTH)
    return blocks.graph.node("Reshape", slots, flat).compress(blocks.graph.node("Reshape", reach, flat))
