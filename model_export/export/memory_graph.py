"""The session memory as nodes of the score graph: the same function as `model_export.memory.recall`, step by step.

Searches go over slots: an item's sessions and a session's items lie one after another, so that a search is a few
gathers whatever the memory's size.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, numpy_helper

from model_export.export.onnx.builder import GraphBuilder, other
from model_export.export.onnx.weights_file import WeightsFile
from model_export.memory import BlendedMemory

LOWEST = -1e30
"""Below any score of an item."""


@dataclass(frozen=True)
class Recalled:
    """What a session recalls, as values of a score graph.

    Attributes:
        newest: int64[1], the newest event's item; -1 without an event.
        items: int64[m], the items recalled and those of the session, ascending, and item 0 in any case.
        listed: bool[items], which those are.
        shares: float32[items], each item's share of the votes.
        revisits: float32[items], logarithm of what an item weighs for being of the session.
    """

    newest: str
    items: str
    listed: str
    shares: str
    revisits: str


def store(weights: WeightsFile, learnt: BlendedMemory) -> None:
    """Write a memory's tensors."""
    for name, values in learnt.memory.index.arrays().items():
        weights.add(name, values)
    weights.add("event_weights", learnt.memory.event_weights)
    weights.add("item_weights", learnt.memory.item_weights)
    weights.add("distance_weights", learnt.memory.distance_weights)


def recalled(graph: GraphBuilder, learnt: BlendedMemory, session: str) -> Recalled:
    """Build the search.

    Args:
        graph: the score graph.
        learnt: the memory, whose tensors are stored.
        session: int64[n], the session's items, oldest first.
    """
    config = learnt.memory.config
    newest_first = _newest_first(graph, session, config.events)
    newest = graph.node("Slice", [newest_first, graph.constant([0]), graph.constant([1])])
    sessions, similarity, shared = _candidates(graph, learnt, newest_first)

    count = graph.node("Min", [graph.constant([config.neighbours]), graph.node("Shape", [sessions])])
    best = graph.node("TopK", [similarity, count], 2)
    nearest = other(best, 1)
    strength = graph.node("Pow", [best, graph.constant(config.sharpness)])
    slots, rows = _ranges(
        graph, graph.stored("session_starts"), graph.node("Gather", [sessions, nearest]), config.session_events
    )
    items = graph.node("Cast", [graph.node("Gather", [graph.stored("session_items"), slots])], to=TensorProto.INT64)
    place = graph.node("Gather", [graph.stored("session_positions"), slots])
    met = graph.node("Gather", [graph.node("Gather", [shared, nearest]), rows])
    distance = graph.node("Sub", [graph.node("Cast", [place], to=TensorProto.INT64), met])
    middle = graph.constant(config.session_events - 1)
    weight = graph.node("Gather", [graph.stored("distance_weights"), graph.node("Add", [distance, middle])])
    votes = graph.node("Mul", [graph.node("Gather", [strength, rows]), weight])
    votes = graph.node("Mul", [votes, graph.node("Gather", [graph.stored("item_rarity"), items])])
    chosen, shares = _shares(graph, learnt, newest, (items, votes))
    seen, revisits = _revisits(graph, learnt, session)
    no = graph.node("ConstantOfShape", [graph.constant([learnt.items])], value=_scalar(np.bool_(False)))
    both = graph.node("Concat", [chosen, seen], axis=0)
    yes = graph.node("Expand", [graph.constant(np.ones(1, np.bool_)), graph.node("Shape", [both])])
    listed = graph.node("ScatterElements", [no, both, yes])
    found = graph.node("Reshape", [graph.node("NonZero", [listed]), graph.constant([-1])])
    return Recalled(newest, found, listed, shares, revisits)


def _newest_first(graph: GraphBuilder, session: str, events: int) -> str:
    """The newest events' items, -1 in front of the first one, so that there always is one."""
    padded = graph.node("Concat", [graph.constant([-1]), session], axis=0)
    ends = graph.constant([-1]), graph.constant([-1 - events])
    return graph.node("Slice", [padded, *ends, graph.constant([0]), graph.constant([-1])])


def _candidates(graph: GraphBuilder, learnt: BlendedMemory, newest_first: str) -> tuple[str, str, str]:
    """Sessions that share an event, int64[n], their similarity, and the place in them of the newest one shared."""
    config, index = learnt.memory.config, learnt.memory.index
    none = len(index.session_weights) - 1
    asked = graph.node("Max", [newest_first, graph.constant(0)])
    before = np.tril(np.ones((config.events, config.events), np.bool_), -1)
    count = graph.node("Shape", [newest_first])
    both = graph.node("Concat", [count, count], axis=0)
    earlier = graph.node("Slice", [graph.constant(before), graph.constant([0, 0]), both])
    column = graph.node("Unsqueeze", [newest_first, graph.constant([1])])
    again = graph.node("And", [graph.node("Equal", [column, newest_first]), earlier])
    repeats = graph.node(
        "ReduceMax", [graph.node("Cast", [again], to=TensorProto.INT32), graph.constant([1])], keepdims=0
    )
    counts = graph.node(
        "And", [graph.node("Not", [graph.node("Cast", [repeats], to=TensorProto.BOOL)]), _is_item(graph, newest_first)]
    )
    weights = graph.node("Slice", [graph.stored("event_weights"), graph.constant([0]), count])
    weights = graph.node("Mul", [weights, graph.node("Gather", [graph.stored("item_weights"), asked])])

    slots, rows = _ranges(graph, graph.stored("item_starts"), asked, config.per_item, counts)
    last_slot = graph.constant([len(index.item_sessions) - 1])
    slots = graph.node("Concat", [slots, last_slot], axis=0)
    sessions = graph.node("Cast", [graph.node("Gather", [graph.stored("item_sessions"), slots])], to=TensorProto.INT64)
    weight = graph.node(
        "Concat", [graph.node("Gather", [weights, rows]), graph.constant(np.zeros(1, np.float32))], axis=0
    )
    sums = graph.node("ScatterElements", [_filled(graph, none + 1, 0.0), sessions, weight], reduction="add")
    # In 32 bits: these are as long as the memory has sessions, and most of a search's time is theirs.
    size = graph.node("Cast", [graph.node("Size", [slots])], to=TensorProto.INT32)
    numbers = graph.node(
        "Range", [graph.constant(np.asarray(0, np.int32)), size, graph.constant(np.asarray(1, np.int32))]
    )
    far = graph.node("ConstantOfShape", [graph.constant([none + 1])], value=_scalar(np.int32(np.iinfo(np.int32).max)))
    first = graph.node("ScatterElements", [far, sessions, numbers], reduction="min")
    own = graph.node("Equal", [graph.node("Gather", [first, sessions]), numbers])
    distinct = graph.node("Compress", [sessions, own], axis=0)
    similarity = graph.node("Gather", [sums, distinct])
    similarity = graph.node("Mul", [similarity, graph.node("Gather", [graph.stored("session_weights"), distinct])])
    shared = graph.node("Gather", [graph.stored("item_positions"), graph.node("Compress", [slots, own], axis=0)])
    return distinct, similarity, graph.node("Cast", [shared], to=TensorProto.INT64)


def _ranges(graph: GraphBuilder, starts: str, chosen: str, longest: int, counts: str | None = None) -> tuple[str, str]:
    """Slots of some ranges one after another, int64[n], and which of the chosen each belongs to, int64[n]."""
    first = graph.node("Cast", [graph.node("Gather", [starts, chosen])], to=TensorProto.INT64)
    ends = graph.node("Gather", [starts, graph.node("Add", [chosen, graph.constant(1)])])
    lengths = graph.node("Sub", [graph.node("Cast", [ends], to=TensorProto.INT64), first])
    lengths = graph.node("Unsqueeze", [lengths, graph.constant([1])])
    inside = graph.node("Less", [graph.constant(np.arange(longest)[None]), lengths])
    if counts is not None:
        inside = graph.node("And", [inside, graph.node("Unsqueeze", [counts, graph.constant([1])])])
    places = graph.node("NonZero", [inside])
    pair = graph.node("Split", [places], 2, axis=0, num_outputs=2)
    rows = graph.node("Reshape", [pair, graph.constant([-1])])
    within = graph.node("Reshape", [other(pair, 1), graph.constant([-1])])
    return graph.node("Add", [graph.node("Gather", [first, rows]), within]), rows


def _revisits(graph: GraphBuilder, learnt: BlendedMemory, session: str) -> tuple[str, str]:
    """The session's items, int64[n + 1], item 0 in front, and what each item weighs for being one, float32[items]."""
    padded = graph.node("Concat", [graph.constant([-1]), session], axis=0)
    size = graph.node("Size", [padded])
    ages = graph.node("Range", [graph.node("Sub", [size, graph.constant(1)]), graph.constant(-1), graph.constant(-1)])
    ages = graph.node("Cast", [graph.node("Max", [ages, graph.constant(1)])], to=TensorProto.FLOAT)
    loss = graph.node("Mul", [graph.node("Log", [ages]), graph.constant(learnt.blend.revisit_decay)])
    weights = graph.node("Sub", [graph.constant(learnt.blend.revisit), loss])
    weights = graph.node("Where", [_is_item(graph, padded), weights, graph.constant(float("-inf"))])
    items = graph.node("Max", [padded, graph.constant(0)])
    # Of an item that repeats, its newest event counts, which weighs most.
    nothing = _filled(graph, learnt.items, float("-inf"))
    return items, graph.node("ScatterElements", [nothing, items, weights], reduction="max")


def _shares(graph: GraphBuilder, learnt: BlendedMemory, newest: str, cast: tuple[str, str]) -> tuple[str, str]:
    """The items recalled, int64[m], and each item's share of the votes, float32[items]."""
    items, votes = cast
    config, catalogue = learnt.memory.config, learnt.items
    sums = graph.node("ScatterElements", [_filled(graph, catalogue, 0.0), items, votes], reduction="add")
    voted = graph.node("Greater", [sums, graph.constant(0.0)])
    # Item 0 in any case: a list that is empty could not be reshaped.
    voted = graph.node("ScatterElements", [voted, graph.constant([0]), graph.constant(np.ones(1, np.bool_))])
    found = graph.node("Reshape", [graph.node("NonZero", [voted]), graph.constant([-1])])
    count = graph.node("Min", [graph.constant([config.recalled]), graph.node("Shape", [found])])
    best = graph.node("TopK", [graph.node("Gather", [sums, found]), count], 2)
    chosen = graph.node("Gather", [found, other(best, 1)])

    repeats = graph.node("Equal", [chosen, newest])
    left = graph.node("Where", [repeats, graph.constant(learnt.blend.repeat_votes), graph.constant(1.0)])
    kept = graph.node("Mul", [graph.node("Gather", [sums, chosen]), left])
    total = graph.node("ReduceSum", [kept])
    share = graph.node("Div", [kept, graph.node("Max", [total, graph.constant(float(np.finfo(np.float32).tiny))])])
    shares = graph.node("ScatterElements", [_filled(graph, catalogue, 0.0), chosen, share])
    return chosen, shares


def blended(graph: GraphBuilder, learnt: BlendedMemory, found: Recalled, items: str, scores: str) -> str:
    """Return the blended scores of some items, int64[n], -1 for none, from the network's, float32[n]."""
    repeat = graph.node("Equal", [items, found.newest])
    more = graph.node("Where", [repeat, graph.constant(learnt.blend.repeat_score), graph.constant(0.0)])
    # Bounded: of an unavailable item a scheme may say -inf, and infinities would make a NaN of it.
    own = graph.node("Add", [graph.node("Max", [scores, graph.constant(LOWEST)]), more])
    share = graph.node("Gather", [found.shares, graph.node("Max", [items, graph.constant(0)])])
    votes = graph.node("Add", [graph.node("Log", [share]), graph.constant(learnt.blend.weight)])
    again = graph.node("Gather", [found.revisits, graph.node("Max", [items, graph.constant(0)])])
    again = graph.node("Where", [repeat, graph.constant(float("-inf")), again])
    return _log_sum(graph, _log_sum(graph, own, votes), again)


def _log_sum(graph: GraphBuilder, one: str, another: str) -> str:
    """log(exp(one) + exp(another)), which neither overflows nor minds that the other is -inf."""
    return graph.node("Add", [one, graph.node("Softplus", [graph.node("Sub", [another, one])])])


def _is_item(graph: GraphBuilder, items: str) -> str:
    return graph.node("GreaterOrEqual", [items, graph.constant(0)])


def _filled(graph: GraphBuilder, size: int, value: float) -> str:
    return graph.node("ConstantOfShape", [graph.constant([size])], value=_scalar(np.float32(value)))


def _scalar(value: "np.generic | int | bool") -> TensorProto:
    return numpy_helper.from_array(np.asarray(value).reshape(1))
