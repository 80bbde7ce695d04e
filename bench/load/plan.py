"""Plan the requests of a step: Poisson arrivals, each the next event of a simulated shopper."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from model_export.simulator import Session, Shop

SHOPPERS = 200
"""Sessions that are open at the same time; each arrival is the next event of one of them."""
SESSIONS = 1_000_000
"""Upper limit, more than a run starts. Sessions are generated one by one."""


@dataclass(frozen=True)
class Arrival:
    """One request: when it is due (seconds from the start of the step) and its event."""

    due: float
    session_id: str
    item_id: str
    event_id: str


@dataclass(frozen=True)
class Step:
    """Arrivals at one rate (requests per second) for some seconds."""

    rate: float
    seconds: float
    arrivals: tuple[Arrival, ...]


def steps(first: float, factor: float, count: int, seconds: float, seed: int) -> Iterator[Step]:
    """Yield steps, each with `factor` times the rate of the step before.

    Args:
        first: requests per second of the first step.
        factor: of the rate from step to step.
        count: number of steps.
        seconds: length of each step.
        seed: decides arrivals and shoppers.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    events = _events(chance, seed)
    for number in range(count):
        rate = first * factor**number
        yield Step(rate, seconds, tuple(poisson_arrivals(rate, seconds, chance, events)))


def poisson_arrivals(
    rate: float, seconds: float, chance: random.Random, events: Iterator[tuple[str, str, str]]
) -> list[Arrival]:
    """Return arrivals at a mean rate, each at a random time, with the next of the events: session, item, event id."""
    arrivals: list[Arrival] = []
    due = chance.expovariate(rate)
    while due < seconds:
        arrivals.append(Arrival(due, *next(events)))
        due += chance.expovariate(rate)
    return arrivals


def _events(chance: random.Random, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield session, item and event ids; shoppers are interleaved, each keeps its own order."""
    new_sessions = Shop().sessions(SESSIONS, seed=seed)
    open_sessions: list[tuple[Session, int]] = [(next(new_sessions), 0) for _ in range(SHOPPERS)]
    while True:
        place = chance.randrange(SHOPPERS)
        session, seen = open_sessions[place]
        yield session.session_id, session.item_ids[seen], f"{session.session_id}-{seen}"
        seen += 1
        open_sessions[place] = (session, seen) if seen < len(session.item_ids) else (next(new_sessions), 0)
