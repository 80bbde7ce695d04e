"""Add the session memory to the score graph: the same function as `model_export.memory.recall`, step by step.

The sessions of an item lie one after another in one tensor, and so do the items of a session. A search is therefore a
few gathers over slots of these tensors, whatever the memory's size.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.top_k import sorted_distinct
from model_export.memory import BlendedMemory, Gate
from model_export.memory.blend import LEAST_SEEN, MOST_DISTINCT

LOWEST = -1e30
"""Below every score of an item."""
INFINITY = float("inf")


@dataclass(frozen=True)
class Recalled:
    """Items that a session recalls, as values of a score graph.

    Attributes:
        newest: int64[1], the item of the newest event; -1 without an event.
        items: int64[m], the recalled items and those of the session, without new items; some stand there twice, and
            item 0 is always among them.
        shares: float32[total], each item's share of the votes.
        weight: float32[1], logarithm of the weight of all votes together.
        repeat: float32[1], added to the network's score of the newest event's item.
        revisits: float32[total], logarithm of the weight that an item has for being in the session.
    """

    newest: Value
    items: Value
    shares: Value
    weight: Value
    repeat: Value
    revisits: Value


@dataclass(frozen=True)
class _Neighbours:
    """Sessions that share an event with the visitor's session.

    Attributes:
        sessions: int64[n].
        similarity: float32[n].
        shared: int64[n], the position in each of the newest event that both share.
    """

    sessions: Value
    similarity: Value
    shared: Value


def store_memory(weights: WeightsFile, blended: BlendedMemory) -> None:
    """Write the memory's tensors."""
    for name, values in blended.memory.index.arrays().items():
        weights.add(name, values)
    weights.add("event_weights", blended.memory.event_weights)
    weights.add("item_weights", blended.memory.item_weights)
    weights.add("distance_weights", blended.memory.distance_weights)


def recall(graph: GraphBuilder, blended: BlendedMemory, session: Value, total: Value) -> Recalled:
    """Build the search for similar sessions and their votes.

    New items have no votes, because no session of the memory has them. They can be revisited like all others.

    Args:
        graph: the score graph.
        blended: the memory, whose tensors are stored.
        session: int64[n], the session's items, oldest first; new items have indices from `blended.items` on.
        total: int64[1], the number of all items, new ones included.
    """
    # -1 in front of the first event, so that there always is a newest one.
    padded = graph.concat([-1], session)
    newest = padded.slice(-1, -2, 0, -1)
    # New items are left out of the search, as if they were unknown: in their places the search would miss known events.
    known = padded.compress(padded < blended.items, axis=0)
    newest_first = known.slice(-1, -1 - blended.memory.config.events, 0, -1)
    items, votes = _votes(graph, blended, _neighbours(graph, blended, newest_first))
    recalled, shares = _shares(graph, blended, newest, items, votes, total)
    weight, repeat, revisit = _gates(graph, blended, padded, shares)
    seen, revisits = _revisits(graph, blended, session, total, revisit)
    both = graph.concat(recalled, (seen < blended.items).select(seen, 0))
    return Recalled(newest, both, shares, weight, repeat, revisits)


def blend_scores(graph: GraphBuilder, blended: BlendedMemory, recalled: Recalled, items: Value, scores: Value) -> Value:
    """Return the blended scores of some items, int64[n] with -1 for none, from the network's, float32[n]."""
    is_newest = items.equals(recalled.newest)
    repeat = is_newest.select(recalled.repeat, 0.0)
    # Bounded: a scheme may give -inf to an unavailable item, and two infinities would make a NaN.
    own = scores.max(LOWEST) * blended.blend.scale + repeat
    votes = recalled.shares.gather(items.max(0)).log() + recalled.weight
    revisits = is_newest.select(-INFINITY, recalled.revisits.gather(items.max(0)))
    return _log_sum(graph, _log_sum(graph, own, votes), revisits)


def _neighbours(graph: GraphBuilder, blended: BlendedMemory, newest_first: Value) -> _Neighbours:
    """Find the sessions that share an event, and how similar they are."""
    config, index = blended.memory.config, blended.memory.index
    items = newest_first.max(0)
    count = newest_first.shape()
    is_searched = ~_is_repeated(graph, newest_first, count, config.events) & (newest_first >= 0)
    weights = graph.stored("event_weights").slice(0, count) * graph.stored("item_weights").gather(items)

    slots, events = _slots_of(graph, graph.stored("item_starts"), items, config.per_item, is_searched)
    # The last slot belongs to an empty session, so that a search always has a result.
    slots = graph.concat(slots, [len(index.item_sessions) - 1])
    sessions = graph.stored("item_sessions").gather(slots).cast(TensorProto.INT64)
    slot_weights = graph.concat(weights.gather(events), np.zeros(1, np.float32))

    # In few bits: `unset` is as long as the memory has sessions.
    most_slots = config.events * config.per_item + 1
    narrow, kind = (np.int16, TensorProto.INT16) if most_slots < 1 << 15 else (np.int32, TensorProto.INT32)
    numbers = graph.node("Range", np.asarray(0, narrow), slots.size().cast(kind), np.asarray(1, narrow))
    unset = graph.full([len(index.session_weights)], narrow(np.iinfo(narrow).max))
    firsts = unset.scatter(sessions, numbers, "min").gather(sessions)
    is_first = firsts.equals(numbers)
    sums = graph.full(slots.shape(), np.float32(0)).scatter(firsts.cast(TensorProto.INT64), slot_weights, "add")
    found = sessions.compress(is_first, axis=0)
    similarity = sums.compress(is_first, axis=0) * graph.stored("session_weights").gather(found)
    shared = graph.stored("item_positions").gather(slots.compress(is_first, axis=0))
    return _Neighbours(found, similarity, shared.cast(TensorProto.INT64))


def _is_repeated(graph: GraphBuilder, newest_first: Value, count: Value, events: int) -> Value:
    """Mark the events whose item a newer event has too, bool[n]."""
    square = graph.concat(count, count)
    is_newer = graph.constant(np.tril(np.ones((events, events), np.bool_), -1)).slice([0, 0], square)
    is_repeat = newest_first.unsqueeze(1).equals(newest_first) & is_newer
    return is_repeat.cast(TensorProto.INT32).reduce("Max", 1, keepdims=False).cast(TensorProto.BOOL)


def _votes(graph: GraphBuilder, blended: BlendedMemory, neighbours: _Neighbours) -> tuple[Value, Value]:
    """Return the items of the most similar sessions, int64[n], and the vote that each has there, float32[n]."""
    config = blended.memory.config
    count = graph.constant([config.neighbours]).min(neighbours.sessions.shape())
    best, nearest = neighbours.similarity.top_k(count)
    strength = best**config.sharpness
    sessions = graph.stored("session_starts"), neighbours.sessions.gather(nearest)
    slots, voters = _slots_of(graph, *sessions, config.session_events)
    items = graph.stored("session_items").gather(slots).cast(TensorProto.INT64)
    positions = graph.stored("session_positions").gather(slots)
    shared = neighbours.shared.gather(nearest).gather(voters)
    from_middle = positions.cast(TensorProto.INT64) - shared + (config.session_events - 1)
    weights = graph.stored("distance_weights").gather(from_middle)
    return items, strength.gather(voters) * weights * graph.stored("item_rarity").gather(items)


def _shares(
    graph: GraphBuilder, blended: BlendedMemory, newest: Value, items: Value, votes: Value, total: Value
) -> tuple[Value, Value]:
    """Return the recalled items, int64[m], and each item's share of the votes, float32[total]; item 0 may have none."""
    sums = graph.full([blended.items], np.float32(0)).scatter(items, votes, "add")
    voted = sorted_distinct(graph.concat([0], items))  # with an item that is always there, no list is empty
    count = graph.constant([blended.memory.config.recalled]).min(voted.shape())
    _, best = sums.gather(voted).top_k(count, ordered=False)
    recalled = voted.gather(best)
    kept_share = recalled.equals(newest).select(blended.blend.repeat_votes, 1.0)
    kept = sums.gather(recalled) * kept_share
    shares = kept / kept.reduce("Sum").max(float(np.finfo(np.float32).tiny))
    return recalled, graph.full(total, np.float32(0)).scatter(recalled, shares)


def _gates(graph: GraphBuilder, blended: BlendedMemory, padded: Value, shares: Value) -> list[Value]:
    """Return the weights of votes, repeats and revisits, each float32[1]; `padded` is the session behind a -1."""
    gates = blended.blend.weight, blended.blend.repeat, blended.blend.revisit
    newest = padded.slice(-1, -2, 0, -1)
    (distinct,) = graph.nodes_of("Unique", [padded], 1, sorted=1)  # the -1 is among them
    is_earlier = (distinct >= 0) & ~distinct.equals(newest)
    seen = is_earlier.select(shares.gather(distinct.max(0)), 0.0).reduce("Sum")
    count, events = ((values.size() - 1).max(1).cast(TensorProto.FLOAT).reshape(1) for values in (distinct, padded))
    features = graph.concat(count.min(float(MOST_DISTINCT)).log(), count / events, (seen + LEAST_SEEN).log().reshape(1))
    slopes = np.array([_slopes(gate) for gate in gates], np.float32).T
    weights = (features.reshape(1, -1) @ slopes).reshape(-1) + np.array([gate.constant for gate in gates], np.float32)
    return [weights.slice(at, at + 1) for at in range(len(gates))]


def _slopes(gate: Gate) -> list[float]:
    return [gate.distinct, gate.variety, gate.seen]


def _revisits(
    graph: GraphBuilder, blended: BlendedMemory, session: Value, total: Value, revisit: Value
) -> tuple[Value, Value]:
    """Return the session's items, int64[n + 1] with item 0 in front, and `Recalled.revisits`."""
    padded = graph.concat([-1], session)
    ages = graph.node("Range", padded.size() - 1, -1, -1)
    loss = ages.max(1).cast(TensorProto.FLOAT).log() * blended.blend.revisit_decay
    weights = revisit - loss
    weights = (padded >= 0).select(weights, -INFINITY)
    items = padded.max(0)
    # The largest weight of an item that repeats is that of its newest event.
    return items, graph.full(total, np.float32(-INFINITY)).scatter(items, weights, "max")


def _slots_of(
    graph: GraphBuilder, starts: Value, owners: Value, longest: int, mask: Value | None = None
) -> tuple[Value, Value]:
    """Return the slots of some owners one after another, int64[n], and the place of each one's owner, int64[n].

    Args:
        graph: the graph.
        starts: the first slot of each owner; that of the next owner ends it.
        owners: int64[m], whose slots are wanted.
        longest: the largest number of slots that is read of an owner.
        mask: bool[m], false for owners to leave out.
    """
    first = starts.gather(owners).cast(TensorProto.INT64)
    lengths = starts.gather(owners + 1).cast(TensorProto.INT64) - first
    # Most owners have far fewer slots than the longest may have, and each cell of `inside` takes time.
    places = graph.constant(np.arange(longest)).slice(0, lengths.reduce("Max"))
    inside = places < lengths.unsqueeze(1)
    if mask is not None:
        inside = inside & mask.unsqueeze(1)
    rows, columns = graph.nodes_of("Split", [inside.nonzero()], 2, axis=0, num_outputs=2)
    rows, within = rows.reshape(-1), columns.reshape(-1)
    return first.gather(rows) + within, rows


def _log_sum(graph: GraphBuilder, left: Value, right: Value) -> Value:
    """Return log(exp(left) + exp(right)), without overflow; `right` may be -inf."""
    return left + graph.node("Softplus", right - left)
