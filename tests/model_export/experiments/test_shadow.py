"""Shadow: sampled sessions of the lake, replayed through two versions."""

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from model_export.evaluation.served_ranks import served_ranks
from model_export.experiments.shadow import sample_sessions, shadow
from model_export.lake.records import Record
from model_export.metrics.ranking import CUTOFF
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.building import ROOT
from tests.model_export.lake.test_reader import START, record, write_lake

HOUR_MS = 3_600_000
UNKNOWN = "discontinued-001"


def model(folder: str) -> Model:
    (artifact,) = (ROOT / "devstack" / folder).glob("v*")
    return Model(open_artifact(artifact))


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    return model("demo_earlier"), model("demo")


def visits(models: Iterable[Model], sessions: int = 40) -> list[Record]:
    """Return sessions of items that the models know, with some that they do not, and a session of one event."""
    rng = random.Random(5)
    known = [each.vocabulary.item_id(index) for each in models for index in range(30)]
    records = [record("alone", START, 0, item_id=known[0])]
    for name in range(sessions):
        begun = START + rng.randrange(HOUR_MS)
        for number in range(rng.randrange(2, 6)):
            item = UNKNOWN if rng.random() < 0.1 else rng.choice(known)
            # The third event came late: the session's log has it before the second
            at = begun + 1_000 * number
            occurred = at - 1_500 if number == 2 else at
            records.append(record(f"s{name}", at, number, item_id=item, occurred_at=occurred))
    return records


def test_a_sample_has_whole_sessions_in_the_order_of_their_logs(models: tuple[Model, Model], tmp_path: Path) -> None:
    # GIVEN a lake
    records = visits(models)
    lake = write_lake(tmp_path, records)
    # WHEN all sessions of a time are sampled
    everything = sample_sessions(lake, START, START + 3 * HOUR_MS, 1_000)
    # THEN each is there with its events in order, but those without a next item
    expected = {
        name: [each.item_id for each in sorted(records, key=lambda each: each.occurred_at) if each.session == name]
        for name in {each.session for each in records} - {"alone"}
    }
    found = {
        name.partition("/")[0]: [everything.catalogue[code] for code in everything.session(number)]
        for number, name in enumerate(everything.ids)
    }
    assert found == expected
    # AND a smaller sample has some of them, always the same
    some = sample_sessions(lake, START, START + 3 * HOUR_MS, 10)
    assert len(some) == 10
    assert set(some.ids) < set(everything.ids)
    assert some.ids == sample_sessions(lake, START, START + 3 * HOUR_MS, 10).ids
    with pytest.raises(InputError, match="--days"):
        sample_sessions(lake, START - 9 * HOUR_MS, START, 10)


def test_both_versions_rank_the_same_next_items(models: tuple[Model, Model], tmp_path: Path) -> None:
    # GIVEN sessions, and two versions of different catalogues
    champion, challenger = models
    sessions = sample_sessions(write_lake(tmp_path, visits(models)), START, START + 3 * HOUR_MS, 1_000)
    steps: list[tuple[str, int, int]] = []
    # WHEN they are replayed
    result = shadow(champion, challenger, sessions, exclude_seen=False, progress=lambda *step: steps.append(step))
    # THEN each version's hit rate is that of its own ranks
    for each in models:
        ranks = served_ranks(each, sessions, exclude_seen=False).ranks
        assert result.quality[each.version]["hr@20"].value == pytest.approx(np.mean(ranks <= CUTOFF))
        assert len(ranks) == result.targets
    # AND the difference is the challenger's less the champion's, in an interval around it
    quality = [result.quality[each.version]["mrr@20"].value for each in (challenger, champion)]
    value, low, high = result.difference["mrr@20"]
    assert value == pytest.approx(quality[0] - quality[1])
    assert low <= value <= high
    assert min(result.unknown.values()) > 0
    assert steps[-1] == (challenger.version, len(sessions), len(sessions))
    # AND a version does not differ from itself
    same = shadow(champion, champion, sessions, exclude_seen=True, progress=lambda *_: None)
    assert set(same.difference.values()) == {(0.0, 0.0, 0.0)}
    assert same.targets <= result.targets
