"""Two versions on the same sessions."""

import numpy as np
import pytest

from devstack.publish import demo_artifact, earlier_artifact
from model_export.data.sessions import Sessions
from model_export.evaluation.served_ranks import served_ranks
from model_export.evaluation.versions import compare_versions
from model_export.metrics.ranking import CUTOFF
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.model_export.made_traffic import UNKNOWN, sessions_of

AT = 1_770_000_000.0


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    return Model(open_artifact(earlier_artifact())), Model(open_artifact(demo_artifact()))


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return sessions_of(AT, 40)


@pytest.mark.slow
def test_both_versions_rank_the_same_next_items(models: tuple[Model, Model], sessions: Sessions) -> None:
    # GIVEN two versions of different catalogues
    reference, candidate = models
    steps: list[tuple[str, int]] = []
    # WHEN they are compared
    result = compare_versions(
        reference, candidate, sessions, exclude_seen=False, progress=lambda *step: steps.append(step)
    )
    # THEN each version's hit rate is that of its own ranks
    for each in models:
        ranks = served_ranks(each, sessions, exclude_seen=False).ranks
        assert result.quality[each.version]["hr@20"].value == pytest.approx(np.mean(ranks <= CUTOFF))
        assert len(ranks) == result.targets
    # AND the difference is the candidate's less the reference's, in an interval around it
    quality = [result.quality[each.version]["mrr@20"].value for each in (candidate, reference)]
    value, low, high = result.difference["mrr@20"]
    assert value == pytest.approx(quality[0] - quality[1])
    assert low <= value <= high
    # AND the interval of the pairs is narrower than those of both versions together
    widths = [estimates["mrr@20"].high - estimates["mrr@20"].low for estimates in result.quality.values()]
    assert high - low < sum(widths)
    assert steps[-1] == (candidate.version, len(sessions))


@pytest.mark.slow
def test_a_version_does_not_differ_from_itself(models: tuple[Model, Model], sessions: Sessions) -> None:
    version = models[0]
    same = compare_versions(version, version, sessions, exclude_seen=True, progress=lambda *_: None)
    assert set(same.difference.values()) == {(0.0, 0.0, 0.0)}
    with_seen = compare_versions(version, version, sessions, exclude_seen=False, progress=lambda *_: None)
    assert 0 < same.targets < with_seen.targets


def test_items_that_a_version_does_not_know_are_misses(models: tuple[Model, Model]) -> None:
    # GIVEN sessions of an item that no version knows, at every second event
    strange = sessions_of(AT, 10, unknown=2)
    # WHEN they are compared THEN its targets count, and both miss them
    result = compare_versions(*models, strange, exclude_seen=False, progress=lambda *_: None)
    missed = int((strange.is_target & (np.array(strange.catalogue)[strange.codes] == UNKNOWN)).sum())
    assert missed > 0
    assert result.unknown == dict.fromkeys((version.version for version in models), missed)
    assert max(figures["hr@20"].value for figures in result.quality.values()) <= 1 - missed / result.targets


def test_sessions_without_a_next_item_are_refused(models: tuple[Model, Model], sessions: Sessions) -> None:
    with pytest.raises(InputError, match="next item"):
        compare_versions(*models, sessions.subset(np.array([], np.int64)), exclude_seen=False, progress=lambda *_: None)
