"""Shadow: sampled sessions of the lake, replayed through two versions."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from model_export.experiments.shadow import sample_sessions
from model_export.lake.records import Record
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
