"""The best items of a rough pass, to be scored from their rows. Knows no scheme."""

from collections.abc import Callable
from math import sqrt

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.scheme import Candidates, Wanted
from model_export.export.schemes.selection import BLOCK, LOWEST
from model_export.export.schemes.threshold import about

PER_ANSWER = 4
"""Further candidates for each item that is asked for: a long answer needs a longer list."""

USUAL_K = 20
MILLION = 1_000_000


def shortlist(
    graph: GraphBuilder,
    scores: str,
    slots: int,
    wanted: Wanted,
    candidates: int,
    items_of: Callable[[str], str],
    unavailable_in: Callable[[GraphBuilder], str],
    unit: int = BLOCK,
) -> Candidates:
    """Return the best items of rough scores, in the order of their slots.

    Args:
        graph: the score graph.
        scores: [slots] rough scores.
        slots: how many.
        wanted: what the answer asks for.
        candidates: how many items, beside what the answer's length and its excluded items ask for.
        items_of: gives the items, int64[n], of some ascending slots, -1 for none, and puts them into ascending order.
        unavailable_in: makes bool[slots] of what is unavailable, in the branch that it is given.
        unit: see `best`.
    """
    flat = graph.node("Reshape", [scores, graph.constant([-1])])
    asked = graph.node("Add", [wanted.k, wanted.barred])
    more = graph.node("Mul", [wanted.k, graph.constant([PER_ANSWER])])
    count = graph.node("Add", [graph.node("Add", [more, wanted.barred]), graph.constant([candidates])])
    some, none = graph.branch(), graph.branch()
    lowest = some.node("CastLike", [graph.constant(LOWEST), flat])
    available = some.node("Where", [unavailable_in(some), lowest, flat])
    left = about(some, available, slots, count, asked, unit)
    whole = about(none, flat, slots, count, asked, unit)
    any_unavailable = graph.node("Greater", [graph.node("Size", [wanted.unavailable]), graph.constant(0)])
    return Candidates(items_of(graph.choice(any_unavailable, some, none, [(left, whole)])[0]), None)


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
