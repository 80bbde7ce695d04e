"""Draft one answer from the lists of two models, so that what visitors choose compares the models (decision 38).

Team-draft interleaving: Radlinski, Kurup and Joachims, "How does clickthrough data reflect retrieval quality?" (CIKM
2008). In each round both teams take their best item that is not taken yet; a coin says which team begins.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from nextitem.service.steering.compose import Placement
from nextitem.sessions.session import CHALLENGER_TEAM, CHAMPION_TEAM, NO_TEAM

TEAMS = (CHAMPION_TEAM, CHALLENGER_TEAM)


class Candidate(NamedTuple):
    """An item of a model's list, and why it has its place there; None for its score."""

    item_id: str
    placement: Placement | None = None


class Drafted(NamedTuple):
    """An item of the answer, and the team that drafted it, or `NO_TEAM`."""

    item_id: str
    team: str


class Quota:
    """At most `most` items of each value.

    Args:
        most: the maximum; None for no rule.
        values_of: the values of an item.
    """

    def __init__(self, most: int | None, values_of: Callable[[str], Sequence[Hashable]] = lambda _: ()) -> None:
        self._most, self._values_of = most, values_of
        self._counts: Counter[Hashable] = Counter()

    def count(self, item_id: str) -> None:
        """Count the values of an item that has a place."""
        if self._most is not None:
            self._counts.update(self._values_of(item_id))

    def admits(self, item_id: str) -> bool:
        """Return whether an item may have a place."""
        return self._most is None or all(self._counts[value] < self._most for value in self._values_of(item_id))


class _Team:
    """A team, its list, and how many places it has drafted."""

    def __init__(self, name: str, candidates: Sequence[Candidate]) -> None:
        self.name, self.drafted = name, 0
        kinds = {candidate.placement for candidate in candidates}
        self._items: dict[Placement | None, Iterator[str]] = {
            kind: iter([candidate.item_id for candidate in candidates if candidate.placement == kind]) for kind in kinds
        }

    def take(self, kind: Placement | None, taken: set[str], quota: Quota) -> str | None:
        """Return the team's best item of a kind; None if it has none. What is passed over here is never admitted."""
        for item_id in self._items.get(kind, ()):
            if item_id not in taken and quota.admits(item_id):
                return item_id
        return None


def draft(
    lists: tuple[Sequence[Candidate], Sequence[Candidate]],
    places: int,
    begins: Callable[[int], bool],
    pins: Mapping[int, str],
    quota: Quota,
) -> list[Drafted]:
    """Return the items of an answer, in the order of their places.

    Args:
        lists: of the champion and of the challenger, best first. With a quota or promotions they should be longer
            than the answer: a team passes over items that the other team's items leave no room for.
        places: the number of places; fewer are filled if the lists have no more items.
        begins: whether the champion begins a round, by its number from 0.
        pins: the items by their places, from 1. They have no team.
        quota: of the answer.
    """
    pinned = set(pins.values())
    kinds = [[item.placement for item in candidates] for candidates in lists]
    teams = [
        _Team(name, [item for item in candidates if item.item_id not in pinned])
        for name, candidates in zip(TEAMS, lists, strict=True)
    ]
    for item_id in sorted(pinned):
        quota.count(item_id)
    drafted: list[Drafted] = []
    taken, waiting = set(pinned), dict(pins)
    while len(drafted) < places:
        place = len(drafted) + 1
        if place in waiting:
            drafted.append(Drafted(waiting.pop(place), NO_TEAM))
            continue
        wanted = dict.fromkeys(kind[place - 1] for kind in kinds if len(kind) >= place and kind[place - 1] is not None)
        picked = _pick(_in_order(teams, begins), [*wanted, None], taken, quota)
        if picked is None:
            break
        taken.add(picked.item_id)
        quota.count(picked.item_id)
        drafted.append(picked)
    drafted += [Drafted(item_id, NO_TEAM) for _, item_id in sorted(waiting.items())]
    return drafted[:places]


def _in_order(teams: Sequence[_Team], begins: Callable[[int], bool]) -> Sequence[_Team]:
    """Return the team that drafts next, then the other."""
    champion, challenger = teams
    if champion.drafted == challenger.drafted:
        champion_first = begins(champion.drafted)
    else:
        champion_first = champion.drafted < challenger.drafted
    return (champion, challenger) if champion_first else (challenger, champion)


def _pick(teams: Sequence[_Team], kinds: Sequence[Placement | None], taken: set[str], quota: Quota) -> Drafted | None:
    """Let the first team that has an item of the first kind that any team has take it."""
    for kind in kinds:
        for team in teams:
            item_id = team.take(kind, taken, quota)
            if item_id is not None:
                team.drafted += 1
                return Drafted(item_id, team.name)
    return None
