"""The best items of a rough pass, to be scored from their rows. Knows no scheme."""

from collections.abc import Callable
from math import sqrt

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.scheme import Candidates, Wanted
from model_export.export.schemes.selection import BLOCK, ascending, best_available

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
    """Return the best items of rough scores, by ascending index.

    Args:
        graph: the score graph.
        scores: [slots] rough scores.
        slots: how many.
        wanted: what the answer asks for.
        candidates: how many items, beside what the answer's length and its excluded items ask for.
        items_of: gives the items, int64[n], of some slots, -1 for none.
        unavailable_in: see `best_available`.
        unit: see `best`.
    """
    flat = graph.node("Reshape", [scores, graph.constant([-1])])
    more = graph.node("Mul", [wanted.k, graph.constant([PER_ANSWER])])
    count = graph.node("Add", [graph.node("Add", [more, wanted.barred]), graph.constant([candidates])])
    places, _ = best_available(graph, flat, slots, count, wanted.unavailable, unavailable_in, unit=unit, ordered=False)
    items = items_of(places)
    # Ascending: of equal scores the lower index is to come first, and the rows are then read in the order of memory.
    return Candidates(ascending(graph, items, graph.node("Shape", [items])), None)


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
