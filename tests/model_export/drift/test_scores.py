"""The scores of first recommendations, against those of the held-out sessions at the export."""

import math
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from devstack.publish import demo_artifact
from model_export.data.sessions import Sessions
from model_export.drift.distributions import by_score
from model_export.drift.divergence import Floats
from model_export.drift.report import MODERATE, Measure
from model_export.drift.route import measure_route
from model_export.drift.scores import MAX_SCORED, top_scores
from model_export.lake.records import Record
from model_export.simulator import Shop
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.registry.publisher import Publisher
from tests.model_export.drift.shops import NOW, ROUTE, lake_of, live_records
from tests.model_export.made_traffic import sessions_of
from tests.nextitem.memory_bucket import MemoryBucket

SESSIONS = 600


@pytest.fixture(scope="module")
def demo() -> Model:
    return Model(open_artifact(demo_artifact()))


def scores_of(records: list[Record], demo: Model, folder: Path, max_bytes: float = math.inf) -> Measure:
    """The measure of the demo's scores on a day's events."""
    bucket = MemoryBucket()
    publisher = Publisher(bucket, ROUTE)
    publisher.promote(publisher.publish(demo_artifact()), folder / "models")
    lake = lake_of(folder, iter(records))
    (folder / "downloads").mkdir()

    def score(version: str, sessions: Sessions) -> Floats:
        assert version == demo.version
        return top_scores(demo, sessions)

    report = measure_route(bucket, lake, ROUTE, NOW, folder / "downloads", None, score, max_bytes)
    [measure] = [each for each in report.measures if each.name == "top scores"]
    return measure


@pytest.mark.slow
def test_the_shop_that_a_model_learned_has_the_scores_of_its_export(demo: Model, tmp_path: Path) -> None:
    measure = scores_of([*live_records(Shop(), SESSIONS, 2, demo.version)], demo, tmp_path)
    assert (measure.against, measure.skipped, measure.notifies) == ("training", "", False)
    assert measure.bins > 5
    assert measure.excess < MODERATE


@pytest.mark.slow
def test_sessions_without_a_pattern_have_other_scores(demo: Model, tmp_path: Path) -> None:
    # GIVEN the same items, dealt to the sessions by chance
    records = [*live_records(Shop(), SESSIONS, 2, demo.version)]
    items = [each.item_id for each in records]
    random.Random(3).shuffle(items)
    dealt = [msgspec.structs.replace(each, item_id=item) for each, item in zip(records, items, strict=True)]
    # THEN the model is less sure of what comes next
    measure = scores_of(dealt, demo, tmp_path)
    assert measure.excess > MODERATE
    assert measure.lost


def test_a_version_that_is_too_large_has_no_scores_and_the_log_says_so(
    demo: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [*live_records(Shop(), 20, 2, demo.version)]
    assert scores_of(records, demo, tmp_path, 1024).skipped == "there are no scores to compare"
    assert f"no scores: {demo.version} has " in caplog.text
    assert "at most 1024 are run" in caplog.text


def test_scores_are_those_after_the_last_event(demo: Model) -> None:
    sessions = sessions_of(1_770_000_000.0, 3)
    items = [
        [demo.vocabulary.index(sessions.catalogue[code]) for code in sessions.session(number)] for number in range(3)
    ]
    expected = []
    for session in items:
        known = [item for item in session if item is not None]
        expected.append(demo.top(demo.replay(None, known), (), 1, known)[0].score)
    assert top_scores(demo, sessions).tolist() == pytest.approx(expected)
    assert len(sessions) < MAX_SCORED


def test_each_score_is_between_its_quantiles() -> None:
    binned = by_score(np.array([-1.0, 0.5, 1.0, 2.5, 9.0]), [0.0, 1.0, 2.0, 3.0])
    assert binned.codes.tolist() == [0, 0, 1, 2, 2]
    assert binned.names == ["0.00 to 1.00", "1.00 to 2.00", "2.00 to 3.00"]
    assert binned.is_ordered
