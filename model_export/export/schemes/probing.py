"""Which blocks of an inverted file are looked into. Knows no scores but the blocks' own."""

from onnx import TensorProto

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.scheme import Wanted
from model_export.export.schemes.selection import best

SHARE = 16
"""The first block of so many tells what score the promising ones have: they need not be counted exactly."""
_COUNTED = 4096
"""Blocks up to which they are counted exactly: TopK is as fast there."""
_FEW = 1024
"""Items that an answer may ask for, excluded ones among them, for a sample to do."""


def promising(graph: GraphBuilder, scores: str, slots: int, probes: int, wanted: Wanted, width: int) -> str:
    """Return the best blocks, int64[n], by ascending index where they were not counted.

    So many that they hold as many eligible items as are wanted, where there are as many.

    Args:
        graph: the score graph.
        scores: int32[slots], the blocks', of which the first in each run of `SHARE` is as good as any other.
        slots: how many, a multiple of 128.
        probes: how many blocks to look into, about.
        wanted: what the answer asks for.
        width: items of a block.
    """
    asked = graph.node("Add", [wanted.k, wanted.barred])
    if slots <= _COUNTED:
        return _counted(graph, scores, slots, probes, wanted, asked, width)
    counted, sampled = graph.branch(), graph.branch()
    exactly = _counted(counted, scores, slots, probes, wanted, asked, width)
    about = _sampled(sampled, scores, probes, asked, width)
    all_available = graph.node("Equal", [graph.node("Size", [wanted.unavailable]), graph.constant(0)])
    few = graph.node("LessOrEqual", [asked, graph.constant([_FEW])])
    return graph.choice(graph.node("And", [all_available, few]), sampled, counted, [(about, exactly)])[0]


def _counted(graph: GraphBuilder, scores: str, slots: int, probes: int, wanted: Wanted, asked: str, width: int) -> str:
    gone = graph.node("ReduceSum", [graph.node("Cast", [wanted.unavailable], to=TensorProto.INT64)], keepdims=1)
    # No more blocks than these can hold nothing but unavailable items, excluded ones and padding.
    lost = graph.node("Div", [graph.node("Add", [asked, gone]), graph.constant([width])])
    chosen, _ = best(graph, scores, slots, graph.node("Add", [lost, graph.constant([probes + 2])]), ordered=False)
    return chosen


def _sampled(graph: GraphBuilder, scores: str, probes: int, asked: str, width: int) -> str:
    runs = graph.node("Reshape", [scores, graph.constant([-1, SHARE])])
    some = graph.node("Gather", [runs, graph.constant(0)], axis=1)
    lost = graph.node("Div", [asked, graph.constant([width])])
    count = graph.node("Add", [lost, graph.constant([probes // SHARE + 2])])
    top = graph.node("TopK", [some, count], 2, sorted=0)
    least = graph.node("ReduceMin", [top], keepdims=0)
    found = graph.node("NonZero", [graph.node("GreaterOrEqual", [scores, least])])
    flat = graph.node("Reshape", [found, graph.constant([-1])])
    # Where many are as good as the last, as after a state that tells nothing, the first ones do.
    most = graph.node("Mul", [count, graph.constant([2 * SHARE])])
    return graph.node("Slice", [flat, graph.constant([0]), most])
