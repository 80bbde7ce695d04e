"""The best items of a rough pass, to be scored from their rows. Knows no scheme."""

from math import sqrt

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.scheme import Candidates, Wanted
from model_export.export.schemes.slots import Slots, any_unavailable, masked
from model_export.export.schemes.threshold_top_k import about

PER_ANSWER = 4
"""Further candidates for each item that is asked for: a long answer needs a longer list."""

DROPPED = 4
"""One of so many found may be unavailable: with more, the list would be too short for a good answer."""

USUAL_K = 20
MILLION = 1_000_000


def shortlist(graph: GraphBuilder, scores: str, slots: Slots, wanted: Wanted, candidates: int) -> Candidates:
    """Return the best items of rough scores, in the order of their slots.

    Unavailable items are left out of what was found; only where too many of it are, all scores are gone through.

    Args:
        graph: the score graph.
        scores: rough scores of slots.
        slots: the slots.
        wanted: what the answer asks for.
        candidates: how many items, beside what the answer's length and its excluded items ask for.
    """
    flat = graph.node("Reshape", [scores, graph.constant([-1])])
    asked = graph.node("Add", [graph.node("Add", [wanted.k, wanted.barred]), graph.constant([slots.room])])
    more = graph.node("Mul", [wanted.k, graph.constant([PER_ANSWER])])
    count = graph.node("Add", [graph.node("Add", [more, wanted.barred]), graph.constant([max(candidates, slots.room)])])
    found = about(graph, flat, slots.usual, count, asked, slots.unit)

    some, none = graph.branch(), graph.branch()
    kept = some.node("Compress", [found, some.node("Not", [slots.unavailable_at(some, found)])])
    number = some.node("Size", [found])
    least = some.node("Sub", [number, some.node("Div", [number, some.constant(DROPPED)])])
    enough = some.node("GreaterOrEqual", [some.node("Size", [kept]), some.node("Max", [asked, least])])
    left, counted = some.branch(), some.branch()
    anew = about(counted, masked(counted, flat, slots), slots.usual, count, asked, slots.unit)
    (chosen,) = some.choice(enough, left, counted, [(left.node("Identity", [kept]), anew)])
    whole = none.node("Identity", [found])
    some_are = any_unavailable(graph, wanted.unavailable)
    return Candidates(slots.items(graph, graph.choice(some_are, some, none, [(chosen, whole)])[0]), None)


def listed(candidates: int, items: int) -> int:
    """Return how many candidates a catalogue needs of which a million need so many: more come close to the best."""
    return round(candidates * sqrt(items / MILLION))


def usual(candidates: int) -> int:
    """Return how many items a usual request rescores."""
    return candidates + PER_ANSWER * USUAL_K


def too_few(items: int, candidates: int) -> str:
    """Say that a catalogue is no larger than the shortlist; nothing where it is larger."""
    needed = 2 * usual(candidates)
    return f"a shortlist of {usual(candidates)} pays from {needed} items on" if items < needed else ""
