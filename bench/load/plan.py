"""What is sent and when, fixed before anything is: Poisson arrivals, each the next event of some simulated shopper.

Knows neither HTTP nor the stack.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from model_export.simulator import Session, Shop

SHOPPERS = 200
"""Sessions that are open at the same time; each arrival is the next look of one of them."""
SESSIONS = 1_000_000
"""More than any run begins; they are made one by one."""


@dataclass(frozen=True)
class Arrival:
    """One request: when it is due (seconds from the step's begin) and the event that it brings."""

    due: float
    session_id: str
    item_id: str
    event_id: str


@dataclass(frozen=True)
class Step:
    """Arrivals at one rate (requests a second) for some seconds."""

    rate: float
    seconds: float
    arrivals: tuple[Arrival, ...]


def steps(first: float, factor: float, count: int, seconds: float, seed: int) -> Iterator[Step]:
    """Yield steps, each of `factor` times the rate before.

    Args:
        first: requests a second of the first step.
        factor: from step to step.
        count: how many steps.
        seconds: length of each.
        seed: decides arrivals and shoppers.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    looks = _looks(chance, seed)
    for number in range(count):
        rate = first * factor**number
        yield Step(rate, seconds, tuple(_arrivals(rate, seconds, chance, looks)))


def _arrivals(
    rate: float, seconds: float, chance: random.Random, looks: Iterator[tuple[str, str, str]]
) -> list[Arrival]:
    found: list[Arrival] = []
    due = chance.expovariate(rate)
    while due < seconds:
        found.append(Arrival(due, *next(looks)))
        due += chance.expovariate(rate)
    return found


def _looks(chance: random.Random, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield session, item and event ids of shoppers who look on in any order, each in their own."""
    coming = Shop().sessions(SESSIONS, seed=seed)
    there: list[tuple[Session, int]] = [(next(coming), 0) for _ in range(SHOPPERS)]
    while True:
        place = chance.randrange(SHOPPERS)
        session, seen = there[place]
        yield session.session_id, session.item_ids[seen], f"{session.session_id}-{seen}"
        seen += 1
        there[place] = (session, seen) if seen < len(session.item_ids) else (next(coming), 0)
