"""Synthetic shops that differ in how their visitors go from item to item.

Defaults that suit one shop may not suit another. Each regime exaggerates one habit; none has a real shop's numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.simulator import Shop
from model_export.simulator.files import write_events

DAYS, DAY, FIRST = 30, 86_400, 1_767_225_600
"""The period of the sessions: days, their seconds, and the first second."""
SUCCESSORS = 25
"""Items that may follow an item because of it."""
TOPIC = 40
"""Items of a topic: successors come from an item's topic and from one near to it."""
TOPIC_SHARE, ANYWHERE = 0.9, 0.1
"""Chances: below the first, a step that neither returns nor follows stays in the topic; else it goes anywhere. With the
second, a session ends where it would stay at its item."""
LAST = 0.7
"""Chance that a step follows the newest item, and of each item before it that no newer one is followed."""


@dataclass(frozen=True)
class Regime:
    """Habits of the visitors of a shop.

    Attributes:
        sessions: number of sessions.
        items: size of the catalogue.
        returns: chance that a visitor goes back to an item of the session.
        length: mean number of events of a session.
        tail: power of an item's rank in its popularity; a small one is a long tail.
        follows: chance of the other steps that go to a successor of a recent item.
    """

    sessions: int
    items: int
    returns: float = 0.1
    length: float = 5.0
    tail: float = 0.9
    follows: float = 0.55


REGIMES = {
    "many repeats": Regime(10_000, 6000, returns=0.35),
    "no repeats": Regime(10_000, 6000, returns=0.0),
    "long tail": Regime(10_000, 15_000, tail=0.5),
    "short sessions": Regime(20_000, 6000, length=2.4),
}
"""One habit each."""


class _Shop:
    def __init__(self, regime: Regime, rng: np.random.Generator) -> None:
        popularity = (1.0 + np.arange(regime.items)) ** -regime.tail
        rng.shuffle(popularity)
        topics = max(regime.items // TOPIC, 1)
        self.topic_of = rng.integers(0, topics, regime.items)
        by_topic = np.argsort(self.topic_of, kind="stable")
        ends = np.cumsum(np.bincount(self.topic_of, minlength=topics))
        members = [np.asarray(part, np.int64) for part in np.split(by_topic, ends[:-1])]
        near = rng.permutation(topics)
        self._popular = np.cumsum(popularity / popularity.sum())
        self._of_topic = [(items, np.cumsum(popularity[items]) / popularity[items].sum()) for items in members]
        self._order = np.cumsum(1.0 / (1.0 + np.arange(SUCCESSORS)))
        self._successors = np.empty((regime.items, SUCCESSORS), np.int64)
        for topic, own in enumerate(members):
            pool = np.concatenate([own, own, members[near[topic]]])
            for item in own.tolist():
                self._successors[item] = rng.choice(pool, SUCCESSORS)
        self._rng = rng

    def anything(self) -> int:
        return int(np.searchsorted(self._popular, self._rng.random()))

    def in_topic(self, topic: int) -> int:
        items, shares = self._of_topic[topic]
        return int(items[min(int(np.searchsorted(shares, self._rng.random())), len(items) - 1)])

    def after(self, item: int) -> int:
        return int(self._successors[item, np.searchsorted(self._order, self._rng.random() * self._order[-1])])


def sessions_of(regime: Regime, seed: int = 11) -> Sessions:
    """Return the sessions of a regime; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    shop = _Shop(regime, rng)
    visits = [_session(regime, shop, rng) for _ in range(regime.sessions)]
    lengths = [len(visit) for visit in visits]
    starts = FIRST + np.arange(regime.sessions) * (DAYS * DAY / regime.sessions)
    codes = np.concatenate([np.array(visit, np.int32) for visit in visits])
    known, places = np.unique(codes, return_inverse=True)
    return Sessions.from_events(
        catalogue=[f"item-{code:06}" for code in known.tolist()],
        ids=[f"s{number:07}" for number in range(regime.sessions)],
        owners=np.repeat(np.arange(regime.sessions), lengths),
        codes=places.astype(np.int32),
        times=np.repeat(starts, lengths) + 30.0 * _within(lengths),
        rows=np.arange(1, len(codes) + 1),
    )


def simulated_sessions(sessions: int, products: int) -> Sessions:
    """Return sessions of the shop simulator."""
    with TemporaryDirectory() as folder:
        events = Path(folder, "events.csv")
        write_events(events, Shop(seed=7, products=products).sessions(sessions, seed=1))
        return read_sessions(events)


def _within(lengths: list[int]) -> NDArray[np.float64]:
    return np.concatenate([np.arange(length, dtype=np.float64) for length in lengths])


def _session(regime: Regime, shop: _Shop, rng: np.random.Generator) -> list[int]:
    length = 1 + int(rng.geometric(1.0 / max(regime.length - 1.0, 1.0)))
    visit = [shop.anything()]
    topic = int(shop.topic_of[visit[0]])
    while len(visit) < length:
        chance = rng.random()
        if chance < regime.returns and len(visit) > 1:
            item = visit[-1 - min(int(rng.geometric(0.5)), len(visit) - 1)]
        elif chance < regime.returns + regime.follows * (1.0 - regime.returns):
            item = shop.after(visit[-min(int(rng.geometric(LAST)), len(visit))])
        elif chance < TOPIC_SHARE:
            item = shop.in_topic(topic)
        else:
            item = shop.anything()
            topic = int(shop.topic_of[item])
        if item != visit[-1]:
            visit.append(item)
        elif rng.random() < ANYWHERE:
            break
    return visit
