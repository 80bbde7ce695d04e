"""Choose the blocks of an inverted file that a request looks into."""

from collections.abc import Callable

from onnx import TensorProto

from model_export.export.onnx.builder import Value
from model_export.export.schemes.scheme import Query
from model_export.export.schemes.slots import any_unavailable
from model_export.export.schemes.top_k import top_k

SHARE = 16
"""Every 16th block is in the sample that sets the threshold."""
_EXACT_UP_TO = 4096
"""Number of blocks up to which TopK is as fast as a threshold."""
_SAMPLED_UP_TO = 1024
"""Items that an answer may ask for, excluded ones included, if a sample sets the threshold."""
_CHECKED = 6
"""Blocks for each needed item that must hold as many available items, if a sample sets the threshold."""
_MASK_SAMPLE = 512
"""Minimum number of items in the sample that estimates the available share, if the catalogue has that many."""
_MIN_AVAILABLE = 1 / 64
"""Available share below which no further blocks are chosen."""


def choose_blocks(
    scores: Value, slots: int, probes: int, query: Query, width: int, count_available: Callable[[Value], Value]
) -> Value:
    """Return the best blocks, int64[n]. They hold at least the needed number of eligible items, if there are that many.

    The blocks come by ascending index, unless TopK found them.

    Args:
        scores: int32[slots], the scores of the blocks. The first block of each run of `SHARE` must be a fair sample.
        slots: the number of slots, a multiple of 128.
        probes: about how many blocks to choose; more where items are unavailable.
        query: the request's k, its number of excluded items, and the unavailable items.
        width: items of a block.
        count_available: returns the number, int64[], of available items in some blocks.
    """
    graph = scores.graph
    needed = query.k + query.excluded
    if slots <= _EXACT_UP_TO:
        return _by_top_k(scores, slots, probes, query, needed, width)
    sample_count = needed / [width] + [probes // SHARE + 2]
    about = _by_sample(scores, _widened(sample_count, query.unavailable))

    with graph.branch() as checked:
        first = about.slice(0, needed * [_CHECKED])
        holds_enough = count_available(first) >= needed
    with graph.branch() as trusted:
        is_short = needed <= [_SAMPLED_UP_TO]
    (is_enough,) = graph.choice(any_unavailable(query.unavailable), checked, trusted, (holds_enough, is_short))
    with graph.branch() as by_top_k:
        exact = _by_top_k(scores, slots, probes, query, needed, width)
    with graph.branch() as by_sample:
        about = about.identity()
    return graph.choice(is_enough, by_sample, by_top_k, (about, exact))[0]


def _widened(sample_count: Value, unavailable: Value) -> Value:
    """Divide a count by the available share of the catalogue: the best available items lie further down."""
    graph = sample_count.graph
    with graph.branch() as some_unavailable:
        size = unavailable.shape()
        half = size / [2 * _MASK_SAMPLE]
        odd_step = half + half + [1]  # an even step would see only half of a mask that alternates
        sample = unavailable.slice(0, size, 0, odd_step)
        unavailable_share = sample.cast(TensorProto.FLOAT).reduce("Mean", keepdims=False)
        available_share = (graph.constant(1.0) - unavailable_share).max(_MIN_AVAILABLE)
        wider = (sample_count.cast(TensorProto.FLOAT) / available_share).cast(TensorProto.INT64)
    with graph.branch() as all_available:
        same = sample_count.identity()
    return graph.choice(any_unavailable(unavailable), some_unavailable, all_available, (wider, same))[0]


def _by_top_k(scores: Value, slots: int, probes: int, query: Query, needed: Value, width: int) -> Value:
    unavailable = query.unavailable.cast(TensorProto.INT64).reduce("Sum", keepdims=True)
    # Maximum number of blocks that hold only unavailable items, excluded items and padding.
    lost = (needed + unavailable) / [width]
    return top_k(scores, slots, lost + scores.graph.constant([probes + 2]), ordered=False)[0]


def _by_sample(scores: Value, sample_count: Value) -> Value:
    sample = scores.reshape(-1, SHARE).gather(0, axis=1)
    best, _ = sample.top_k(sample_count.min(sample.shape()), ordered=False)
    threshold = best.reduce("Min", keepdims=False)
    reaching = (scores >= threshold).nonzero().reshape(-1)
    # Many blocks may have the score of the last one, for example with a state of zeros. Then the first are taken.
    return reaching.slice(0, sample_count * [2 * SHARE])
