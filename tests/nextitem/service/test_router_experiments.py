"""During an experiment the router gives each session the model, or the two models, that answer it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.service.serving import Draw
from tests.nextitem.service.router_scene import Scene

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DRAWS: list[Draw] = [lambda _, number=number: number / 10 for number in range(11)]  # type: ignore[misc]


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(bucket, s3, demo, tmp_path)
    yield scene
    scene.join()


def test_sessions_are_split_between_the_variants(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.publisher.start_experiment(scene.second, 0.3, scene.folder / "publisher")
    scene.router.load()
    answers = [(routed.variant, routed.version) for routed in map(scene.router.model_for, DRAWS)]
    assert answers == [("challenger", scene.second)] * 3 + [("main", scene.first)] * 8
    assert {routed.interleaved for routed in map(scene.router.model_for, DRAWS)} == {None}
    assert scene.router.model_for().version == scene.first


def test_in_an_interleaving_experiment_both_models_answer_the_sessions_of_the_challenger_s_share(scene: Scene) -> None:
    scene.promote(scene.first)
    folder = scene.folder / "publisher"
    experiment = scene.publisher.start_experiment(scene.second, 0.3, folder, "interleaving").experiment
    scene.router.load()
    assert experiment is not None
    routed = [scene.router.model_for(draw) for draw in DRAWS]
    assert [each.variant for each in routed] == ["challenger"] * 3 + ["main"] * 8
    drafting, alone = routed[0], routed[-1]
    assert drafting.interleaved is not None
    assert (drafting.version, drafting.interleaved.salt) == (scene.second, experiment.salt)
    assert drafting.snapshot_version == f"{scene.first}&{scene.second}"
    assert (drafting.alone, alone.interleaved) == (alone, None)


def test_a_model_in_use_is_not_loaded_again(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    model = scene.router.model_for().model
    copy = scene.folder / "models" / scene.first / "weights.bin"
    copy.unlink()  # a model that is loaded needs it no more
    scene.publisher.start_experiment(scene.second, 0.5, scene.folder / "publisher")
    scene.let_a_refresh_pass()
    models = [routed.model for routed in map(scene.router.model_for, DRAWS)]
    assert any(loaded is model for loaded in models)
    assert {loaded.version for loaded in models} == {scene.first, scene.second}
    assert not copy.exists()
