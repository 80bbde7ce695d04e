"""Choose the best items of a rough pass, to be scored from their rows."""

from math import sqrt

from onnx import TensorProto

from model_export.export.onnx.builder import Value
from model_export.export.schemes.scheme import Candidates, Query
from model_export.export.schemes.slots import Slots, any_unavailable, mask_unavailable
from model_export.export.schemes.threshold_top_k import top_by_threshold

PER_ANSWER = 4
"""Further candidates for each item of the answer: a long answer needs a longer list."""
DROPPED = 4
"""At most a quarter of the candidates may be unavailable. Otherwise the list is too short for a good answer."""
SAMPLED = 61
"""Every 61st item tells whether more than a quarter of the items are unavailable: then the first list would be useless.
A prime, because the items of a shop may alternate."""
_END = (1 << 63) - 1
USUAL_K = 20
MILLION = 1_000_000


def shortlist(scores: Value, slots: Slots, query: Query, candidates: int) -> Candidates:
    """Return the best items of rough scores, in the order of their slots.

    In a small catalogue, all scores are masked where an item is unavailable. In a large one, unavailable items are
    removed from the list. Where too many of it are unavailable, all scores are masked and the best are found again;
    where many items are, as by a filter, they are masked at once.

    Args:
        scores: rough scores of the slots.
        slots: the slots.
        query: the request's k, its number of excluded items, and the unavailable items.
        candidates: length of the list without what the answer's length and its excluded items add.
    """
    graph = scores.graph
    flat = scores.reshape(-1)
    least = query.k + query.excluded + [slots.scored_padding]
    further = query.k * [PER_ANSWER]
    count = further + query.excluded + [max(candidates, slots.scored_padding)]

    def masked_best() -> Value:
        return top_by_threshold(mask_unavailable(flat, slots), slots.usual, count, least, slots.unit)

    with graph.branch() as masked_at_once:
        best_of_few = masked_best()
    if slots.masked_at_once:
        with graph.branch() as not_masked:
            best = top_by_threshold(flat, slots.usual, count, least, slots.unit)
        condition = any_unavailable(query.unavailable)
        (chosen,) = graph.choice(condition, masked_at_once, not_masked, (best_of_few, best))
        return Candidates(slots.items(chosen), None)
    with graph.branch() as listed_first:
        best = top_by_threshold(flat, slots.usual, count, least, slots.unit)
        with graph.branch() as some_unavailable:
            left = best.compress(~slots.unavailable_at(best))
            number = best.size()
            usual_least = number - number / DROPPED
            is_enough = left.size() >= least.max(usual_least)
            with graph.branch() as masked:
                found_again = masked_best()
            with graph.branch() as filtered:
                left = left.identity()
            (available,) = graph.choice(is_enough, filtered, masked, (left, found_again))
        with graph.branch() as all_available:
            best = best.identity()
        condition = any_unavailable(query.unavailable)
        (usual,) = graph.choice(condition, some_unavailable, all_available, (available, best))
    (chosen,) = graph.choice(_many_unavailable(query), masked_at_once, listed_first, (best_of_few, usual))
    return Candidates(slots.items(chosen), None)


def _many_unavailable(query: Query) -> Value:
    """Return whether many items are unavailable, bool[], from a sample of the mask."""
    graph = query.unavailable.graph
    first, end, axis, step = (graph.constant([number]) for number in (0, _END, 0, SAMPLED))
    sample = query.unavailable.slice(first, end, axis, step).cast(TensorProto.INT64)
    unavailable = sample.reduce("Sum", keepdims=False)
    return unavailable * DROPPED > sample.size()


def scaled_candidates(candidates: int, items: int) -> int:
    """Return the number of candidates for a catalogue, from that for a million items: more come close to the best."""
    return round(candidates * sqrt(items / MILLION))


def usual_length(candidates: int) -> int:
    """Return the number of items that a usual request rescores."""
    return candidates + PER_ANSWER * USUAL_K


def small_catalogue_refusal(items: int, candidates: int) -> str:
    """Say that a catalogue is hardly larger than the shortlist; empty if it is."""
    needed = 2 * usual_length(candidates)
    return f"a shortlist of {usual_length(candidates)} pays from {needed} items on" if items < needed else ""
