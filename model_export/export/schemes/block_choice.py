"""Which blocks of an inverted file are looked into. Knows no scores but the blocks' own."""

from collections.abc import Callable

from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.scheme import Wanted
from model_export.export.schemes.slots import any_unavailable
from model_export.export.schemes.top_k import best

SHARE = 16
"""The first block of so many tells what score the promising ones have: they need not be counted exactly."""
_COUNTED = 4096
"""Blocks up to which they are counted exactly: TopK is as fast there."""
_FEW = 1024
"""Items that an answer may ask for, excluded ones among them, for a sample to do."""
_LOOKED_AT = 6
"""Blocks for each item that is asked for, which must hold as many available ones, for a sample to do."""
_SAMPLE = 512
"""Items that tell what share of the catalogue is unavailable, at least, where there are as many."""
_SCARCEST = 1 / 64
"""Available share below which no further blocks are looked into for it."""

Count = Callable[[GraphBuilder, str], str]


def promising(
    graph: GraphBuilder, scores: str, slots: int, probes: int, wanted: Wanted, width: int, available_in: Count
) -> str:
    """Return the best blocks, int64[n], by ascending index where they were not counted.

    So many that they hold as many eligible items as are wanted, where there are as many.

    Args:
        graph: the score graph.
        scores: int32[slots], the blocks', of which the first in each run of `SHARE` is as good as any other.
        slots: how many, a multiple of 128.
        probes: how many blocks to look into, about; more of them where items are unavailable.
        wanted: what the answer asks for.
        width: items of a block.
        available_in: gives the number, int64[], of items in some blocks that are available.
    """
    asked = graph.node("Add", [wanted.k, wanted.barred])
    if slots <= _COUNTED:
        return _counted(graph, scores, slots, probes, wanted, asked, width)
    lost = graph.node("Div", [asked, graph.constant([width])])
    share = graph.node("Add", [lost, graph.constant([probes // SHARE + 2])])
    about = _sampled(graph, scores, _widened(graph, share, wanted.unavailable))

    checked, trusted = graph.branch(), graph.branch()
    some = checked.node("Mul", [asked, checked.constant([_LOOKED_AT])])
    first = checked.node("Slice", [about, checked.constant([0]), some])
    holds = checked.node("GreaterOrEqual", [available_in(checked, first), asked])
    few = trusted.node("LessOrEqual", [asked, trusted.constant([_FEW])])
    (enough,) = graph.choice(any_unavailable(graph, wanted.unavailable), checked, trusted, [(holds, few)])
    sampled, counted = graph.branch(), graph.branch()
    exactly = _counted(counted, scores, slots, probes, wanted, asked, width)
    return graph.choice(enough, sampled, counted, [(sampled.node("Identity", [about]), exactly)])[0]


def _widened(graph: GraphBuilder, share: str, unavailable: str) -> str:
    """Return so much more as the available items are fewer: the best of them lie further down."""
    some, none = graph.branch(), graph.branch()
    size = some.node("Shape", [unavailable])
    half = some.node("Div", [size, some.constant([2 * _SAMPLE])])
    odd = some.node("Add", [some.node("Add", [half, half]), some.constant([1])])  # fair to what is gone by turns
    sample = some.node("Slice", [unavailable, some.constant([0]), size, some.constant([0]), odd])
    gone = some.node("ReduceMean", [some.node("Cast", [sample], to=TensorProto.FLOAT)], keepdims=0)
    left = some.node("Max", [some.node("Sub", [some.constant(1.0), gone]), some.constant(_SCARCEST)])
    wider = some.node("Div", [some.node("Cast", [share], to=TensorProto.FLOAT), left])
    more = some.node("Cast", [wider], to=TensorProto.INT64)
    same = none.node("Identity", [share])
    return graph.choice(any_unavailable(graph, unavailable), some, none, [(more, same)])[0]


def _counted(graph: GraphBuilder, scores: str, slots: int, probes: int, wanted: Wanted, asked: str, width: int) -> str:
    gone = graph.node("ReduceSum", [graph.node("Cast", [wanted.unavailable], to=TensorProto.INT64)], keepdims=1)
    # No more blocks than these can hold nothing but unavailable items, excluded ones and padding.
    lost = graph.node("Div", [graph.node("Add", [asked, gone]), graph.constant([width])])
    chosen, _ = best(graph, scores, slots, graph.node("Add", [lost, graph.constant([probes + 2])]), ordered=False)
    return chosen


def _sampled(graph: GraphBuilder, scores: str, share: str) -> str:
    runs = graph.node("Reshape", [scores, graph.constant([-1, SHARE])])
    some = graph.node("Gather", [runs, graph.constant(0)], axis=1)
    top = graph.node("TopK", [some, graph.node("Min", [share, graph.node("Shape", [some])])], 2, sorted=0)
    least = graph.node("ReduceMin", [top], keepdims=0)
    found = graph.node("NonZero", [graph.node("GreaterOrEqual", [scores, least])])
    flat = graph.node("Reshape", [found, graph.constant([-1])])
    # Where many are as good as the last, as after a state that tells nothing, the first ones do.
    most = graph.node("Mul", [share, graph.constant([2 * SHARE])])
    return graph.node("Slice", [flat, graph.constant([0]), most])
