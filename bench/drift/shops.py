"""Windows of simulated shops, and the version that was trained on one of them."""

from dataclasses import dataclass

import numpy as np

from model_export.data.sessions import Sessions
from model_export.drift.measure import Live
from model_export.drift.window import Judged, Span, Window
from model_export.lake.records import HOUR_MS
from model_export.profile.categories import CATEGORY
from model_export.profile.document import Categories, Validation, profile_of
from model_export.profile.habits import habits_of
from model_export.simulator import START, Session, Shop

SEED, PRODUCTS = 7, 400
TRAINED_ON = 10_000
BUSY_DAY = 20_000
"""Sessions of a day, from which those of the windows are drawn."""
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Change:
    """A change of the shop after the training.

    Attributes:
        name: for the table.
        seed: another one than `SEED` gives other tastes.
        products: more than `PRODUCTS` are new.
        share: of the sessions that are so; the others are as before.
    """

    name: str
    seed: int = SEED
    products: int = PRODUCTS
    share: float = 1.0

    @property
    def is_none(self) -> bool:
        """Whether nothing changed."""
        return (self.seed, self.products) == (SEED, PRODUCTS)


STEADY = Change("steady")


class Traffic:
    """Windows of one day."""

    def __init__(self) -> None:
        self._shops: dict[tuple[int, int], Shop] = {}
        self._days: dict[tuple[int, int], list[Session]] = {}

    def live(self) -> Live:
        """Return the version that was trained on the steady shop."""
        shop = self._shop(STEADY)
        sessions = _sessions([*shop.sessions(TRAINED_ON, seed=1, start=START, days=14.0)])
        habits = habits_of(sessions, 0.0)
        of_item = {product.item_id: product.category for product in self._shop(Change("", products=800)).products}
        events: dict[str, int] = {}
        for item, count in zip(sessions.catalogue, habits.items.tolist(), strict=True):
            events[of_item[item]] = events.get(of_item[item], 0) + count
        categories = Categories(CATEGORY, dict(sorted(events.items(), key=lambda pair: -pair[1])), 0)
        validation = Validation(0, 0.5, 0.5, 0.0, ())
        profile = profile_of(habits, sessions.catalogue, sessions.types, validation, categories)
        known = set(sessions.catalogue)
        return Live("live", "v0", "main", profile, known.__contains__, leaves_out_seen=False, categories=of_item)

    def window(self, change: Change, sessions: int, seed: int) -> Window:
        """Return a window of a day: so many sessions, drawn from those of a busy day without replacement."""
        rng = np.random.default_rng(seed)
        changed = round(sessions * change.share)
        drawn = [*self._drawn(change, changed, rng), *self._drawn(STEADY, sessions - changed, rng)]
        begin = round(START * 1000)
        none = np.empty(0, np.int64)
        return Window(Span(begin, begin + DAY_MS), _sessions(drawn), Judged(none, none, none, ()))

    def _drawn(self, change: Change, count: int, rng: np.random.Generator) -> list[Session]:
        key = change.seed, change.products
        if key not in self._days:
            self._days[key] = [*self._shop(change).sessions(BUSY_DAY, seed=2, start=START, days=1.0)]
        return [self._days[key][place] for place in rng.choice(BUSY_DAY, count, replace=False).tolist()]

    def _shop(self, change: Change) -> Shop:
        key = change.seed, change.products
        if key not in self._shops:
            self._shops[key] = Shop(seed=change.seed, products=change.products)
        return self._shops[key]


def _sessions(sessions: list[Session]) -> Sessions:
    events = [(owner, event) for owner, session in enumerate(sessions) for event in session.events()]
    catalogue = sorted({event.item_id for _, event in events})
    types = sorted({event.type.value for _, event in events})
    places = {item: number for number, item in enumerate(catalogue)}
    return Sessions.from_events(
        catalogue=catalogue,
        ids=[f"{number}" for number in range(len(sessions))],
        owners=np.array([owner for owner, _ in events], np.int64),
        codes=np.array([places[event.item_id] for _, event in events], np.int32),
        times=np.array([event.time for _, event in events]),
        rows=np.arange(1, len(events) + 1),
        types=types,
        type_codes=np.array([types.index(event.type.value) for _, event in events], np.int32),
    )
