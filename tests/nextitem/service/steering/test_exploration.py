"""New items get a share of the places: drawn by their probabilities, the same for the same log."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.join import join_of, new_positions_of
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.engine import Model
from nextitem.registry.reader import Registry
from nextitem.service.ranking import Ranking, rank, replay_items
from nextitem.service.router import Router
from nextitem.service.schema import parse
from nextitem.service.schema.options import RankingOptions
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import parse_options
from tests.nextitem.catalogue.strategies import written
from tests.nextitem.service.router_scene import TTL, Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NEW = [f"new-{number}" for number in range(8)]
SESSION = ("board-001", "care-024")
ITEMS = 400


@pytest.fixture
def routed(model: Model, tmp_path: Path) -> RoutedModel:
    """The demo model with new items: the first ones nearer to the session than the last ones, all far away."""
    catalogue = written(tmp_path / "catalogue.bin", NEW, {"kind": ("string", ["even", "odd"] * 4)})
    state = model.replay(None, model.vocabulary.indices(SESSION))
    other = np.random.default_rng(1).normal(size=len(state))
    other -= other @ state / (state @ state) * state
    directions = [-state / np.linalg.norm(state) * (0.2 + 0.02 * n) + other / np.linalg.norm(other) for n in range(8)]
    rows = np.array([0.5 * each / np.linalg.norm(each) for each in directions], np.float32)
    positions = new_positions_of(model.vocabulary, catalogue.vocabulary)
    join = join_of(model.vocabulary, catalogue, positions, rows)
    items = ServedItems(model.vocabulary, model.manifest.model.hidden, catalogue, join)
    return RoutedModel(model, items, "main", exclude_seen=False)


def answered(routed: RoutedModel, explore: float, k: int = 20, *items: str, **options: object) -> Ranking:
    parsed = parse_options(RankingOptions(**options), routed.items.catalogue)  # type: ignore[arg-type]  # any options
    return rank(routed, replay_items(routed, items or SESSION), parsed, k, explore=explore)


def new_places(ranking: Ranking) -> list[int]:
    return [place for place, item in enumerate(ranking.items, 1) if item.index >= ITEMS]


def test_new_items_get_their_share_of_the_places(routed: RoutedModel) -> None:
    # GIVEN new items that the scores alone would leave out
    plain = answered(routed, 0.0)
    assert new_places(plain) == []
    # WHEN a tenth of the places is for new items THEN every tenth has one, and all others are as before
    explored = answered(routed, 0.1)
    assert new_places(explored) == [10, 20]
    assert explored.placements == {explored.items[9].index: "new", explored.items[19].index: "new"}
    others = [item.index for item in explored.items if item.index < ITEMS]
    assert others == [item.index for item in plain.items[:18]]
    # AND a shorter answer is the beginning of a longer one, and a retry gets the same
    assert answered(routed, 0.1, 12).items == explored.items[:12]
    assert answered(routed, 0.1) == explored
    # AND all places go to new items if all are theirs, as long as there are some
    assert new_places(answered(routed, 1.0)) == list(range(1, 9))


def test_filters_and_exclusions_hold_for_new_items(routed: RoutedModel) -> None:
    odd = answered(routed, 1.0, filter={"kind": "odd"})
    assert {routed.items.item_id(item.index) for item in odd.items} == set(NEW[1::2])
    left = answered(routed, 1.0, exclude=NEW[:6])
    assert {routed.items.item_id(item.index) for item in left.items if item.index >= ITEMS} == set(NEW[6:])


def test_a_boost_multiplies_the_probability_of_a_draw(routed: RoutedModel) -> None:
    # GIVEN boosts that change no score, and ones that favour some new items a little
    neutral = [{"filter": {"kind": "odd"}, "factor": 1}]
    for boost in (neutral, [{"filter": {"kind": "odd"}, "factor": 1.5}]):
        wanted = parse({"boost": boost}, RankingOptions)
        for number in range(20):
            session = (*SESSION, f"unknown-{number}")
            drawn = answered(routed, 1.0, 8, *session, boost=wanted.boost)
            # THEN a shorter answer is the beginning of a longer one
            assert answered(routed, 1.0, 3, *session, boost=wanted.boost).items == drawn.items[:3]
            # AND the neutral ones change no draw
            if boost is neutral:
                assert drawn.items == answered(routed, 1.0, 8, *session).items


@pytest.mark.slow
def test_each_session_draws_for_itself_and_likely_items_come_more_often(routed: RoutedModel) -> None:
    # GIVEN many sessions that differ in an item that the model does not know, so that their states are the same
    drawn = Counter[int]()
    scores = {}
    for number in range(400):
        ranking = answered(routed, 0.05, 20, *SESSION, f"unknown-{number}")
        drawn[ranking.items[19].index] += 1
        scores[ranking.items[19].index] = ranking.items[19].score
    # THEN the items are drawn as often as their probabilities say, within four standard errors
    assert len(scores) == len(NEW)
    weights = {index: np.exp(score - max(scores.values())) for index, score in scores.items()}
    for index, weight in weights.items():
        share = weight / sum(weights.values())
        assert abs(drawn[index] - 400 * share) < 4 * np.sqrt(400 * share * (1 - share)) + 1


def test_a_visitor_without_a_known_item_explores_too(routed: RoutedModel) -> None:
    firsts = {answered(routed, 0.05, 20, f"unknown-{number}").items[19].index for number in range(60)}
    assert len(firsts) > 4
    assert firsts <= set(range(ITEMS, ITEMS + len(NEW)))


@pytest.mark.parametrize(("route", "expected"), [(0.0, 0.0), (0.3, 0.3), (None, 0.2)])
@pytest.mark.slow
def test_the_route_decides_before_the_deployment(
    bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path, route: float | None, expected: float
) -> None:
    scene = Scene(bucket, s3, demo, tmp_path)
    scene.promote(scene.first, explore=route)
    registry = Registry(scene.bucket, scene.folder / "models")
    router = Router(registry, "live", TTL, scene.faults.append, explore=0.2)
    router.load()
    assert router.model_for().explore == expected
