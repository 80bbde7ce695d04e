"""The simulated sequences can be learned: more of the sequence predicts the next item better."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from model_export.simulator import Session

pytestmark = pytest.mark.slow

HELD_OUT = 2_000

Predictor: TypeAlias = Callable[[tuple[str, ...]], Sequence[str]]
"""A function of the items seen so far that returns candidates, best first."""


class Ngrams:
    """Count the items that followed the last one or two items in the training sessions."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.after: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for session in sessions:
            for at, item_id in enumerate(session.item_ids):
                for order in range(min(at, 2) + 1):
                    self.after[session.item_ids[at - order : at]][item_id] += 1

    def popular(self, seen: tuple[str, ...]) -> list[str]:
        """Rank by popularity alone."""
        return ranked(self.after[()])

    def markov(self, seen: tuple[str, ...]) -> list[str]:
        """Rank by what followed the last item, then by popularity."""
        return list(dict.fromkeys([*ranked(self.after[seen[-1:]]), *self.popular(seen)]))

    def second_order(self, seen: tuple[str, ...]) -> list[str]:
        """Rank by what followed the last two items, as far as that was seen at all often."""
        pair = Counter({item_id: n for item_id, n in self.after[seen[-2:]].items() if n > 1})
        return list(dict.fromkeys([*ranked(pair), *self.markov(seen)]))


def ranked(counts: Counter[str]) -> list[str]:
    return [item_id for item_id, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def hit_rate(predict: Predictor, sessions: Sequence[Session], k: int) -> float:
    """Share of the next items that are among the first k candidates."""
    hits = [
        session.item_ids[at] in predict(session.item_ids[:at])[:k]
        for session in sessions
        for at in range(1, len(session.item_ids))
    ]
    return sum(hits) / len(hits)


@pytest.fixture(scope="module")
def ngrams(traffic: tuple[Session, ...]) -> Ngrams:
    return Ngrams(traffic[:-HELD_OUT])


def test_the_newest_item_predicts_far_better_than_popularity(ngrams: Ngrams, traffic: tuple[Session, ...]) -> None:
    held_out = traffic[-HELD_OUT:]
    popular = hit_rate(ngrams.popular, held_out, 20)
    markov = hit_rate(ngrams.markov, held_out, 20)
    assert 20 / 400 < popular < 0.2
    assert 0.6 < markov < 0.95
    assert markov > popular + 0.4


def test_the_item_before_it_predicts_better_still(ngrams: Ngrams, traffic: tuple[Session, ...]) -> None:
    held_out = traffic[-HELD_OUT:]
    markov = hit_rate(ngrams.markov, held_out, 3)
    second = hit_rate(ngrams.second_order, held_out, 3)
    assert second > markov + 0.05
