"""The mirror of the registry in MLflow: a real one, in a file of SQLite; `test_entries` has what it says."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from devstack.publish import demo_artifact, earlier_artifact
from model_export.cli.registry_options import BucketOptions
from nextitem.model.artifact import open_artifact
from nextitem.registry.reader import model_key
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tracking.registry import judge, put
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.publishers import TrustingPublisher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's use of SQLAlchemy 2.1
]

DEMO, EARLIER = demo_artifact(), earlier_artifact()
LIVE, OTHER = DEMO.name, EARLIER.name
MODEL = "nextitem-live"


class Mirror:
    """A registry in memory, and its mirror in MLflow."""

    def __init__(self, uri: str) -> None:
        self.bucket, self.uri = MemoryBucket(), uri
        self.publisher = TrustingPublisher(self.bucket, "live")

    def run(self) -> dict[str, object]:
        document: dict[str, object] = done("mirror", "mlflow", "--tracking-uri", self.uri, "--json").document
        return document

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)

    def versions(self) -> dict[str, ModelVersion]:
        """Return all model versions; none has the name of another."""
        found = list(self.client.search_model_versions(f"name = '{MODEL}'"))
        assert len({each.tags["nextitem.version"] for each in found}) == len(found)
        return {each.tags["nextitem.version"]: each for each in found}

    def aliases(self) -> dict[str, str]:
        names = {str(each.version): version for version, each in self.versions().items()}
        found = self.client.get_registered_model(MODEL).aliases
        return {alias: names[str(number)] for alias, number in found.items()}

    def metrics(self, version: str) -> dict[str, float]:
        run = self.versions()[version].run_id
        assert run is not None
        metrics: dict[str, float] = self.client.get_run(run).data.metrics
        return metrics


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """A registry whose mirror reads pages of one version."""
    monkeypatch.setattr("model_export.tracking.mirror.PAGE", 1)
    mirror = Mirror(f"sqlite:///{tmp_path}/ml.db")
    monkeypatch.setenv("NEXTITEM_BUCKET", "shop-models")
    monkeypatch.setattr(BucketOptions, "store", lambda _self: mirror.bucket)
    return mirror


def test_mlflow_follows_the_registry_one_way(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a live version
    put(mirror.bucket, DEMO)
    mirror.publisher.promote(LIVE, tmp_path)
    before = dict(mirror.bucket.objects)
    # WHEN the mirror runs, is interrupted in the middle, and runs again
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_model_version", _failing)
        stopped = nextitem("mirror", "mlflow", "--tracking-uri", mirror.uri)
        assert stopped.code == 1
        assert "has failed: the network is gone; run the mirror again" in stopped.err
    assert mirror.run() == _changes(added=[LIVE], champion=LIVE)
    # THEN MLflow has it, with its source, its metrics, one run, and the alias
    [run] = mirror.client.search_runs([_experiment(mirror)])
    [version] = mirror.versions().values()
    assert (version.run_id, version.source) == (run.info.run_id, f"s3://shop-models/models/{LIVE}/")
    assert version.tags["nextitem.verdict"] == "none"
    evaluation = open_artifact(DEMO).manifest.evaluation
    assert mirror.metrics(LIVE)["validation/hr_at_20"] == pytest.approx(evaluation["hr@20"])
    # AND the bucket is as it was
    assert mirror.bucket.objects == before
    # WHEN another version did not pass, and is tried all the same
    put(mirror.bucket, EARLIER)
    judge(mirror.bucket, OTHER, LIVE, passed=False, hr=0.25)
    mirror.publisher.start_experiment(OTHER, 0.1, tmp_path)
    assert mirror.run() == _changes(added=[OTHER], updated=[LIVE], champion=LIVE, challenger=OTHER)
    tags = mirror.versions()[OTHER].tags
    assert (tags["nextitem.verdict"], tags["nextitem.verdict.reason"]) == ("failed", "It misses hr@20.")
    assert mirror.metrics(OTHER)["gate/hr_at_20"] == 0.25
    # AND nothing has changed since, but for an alias that a person has set
    mirror.client.set_registered_model_alias(MODEL, "by-hand", mirror.versions()[LIVE].version)
    times = [each.last_updated_timestamp for each in mirror.versions().values()]
    assert mirror.run() == _changes(champion=LIVE, challenger=OTHER)
    assert [each.last_updated_timestamp for each in mirror.versions().values()] == times
    # WHEN it is judged again, passes, and is promoted, and the first one is deleted from the bucket
    judge(mirror.bucket, OTHER, LIVE, passed=True, hr=0.5)
    mirror.publisher.promote(OTHER, tmp_path)
    for key in mirror.bucket.keys(model_key(LIVE, "")):
        del mirror.bucket.objects[key]
    assert mirror.run() == _changes(updated=[OTHER], removed=[LIVE], champion=OTHER)
    # THEN MLflow says so, and keeps what is the person's
    assert mirror.versions()[OTHER].tags["nextitem.verdict"] == "passed"
    assert mirror.metrics(OTHER)["gate/hr_at_20"] == 0.5
    assert mirror.versions()[LIVE].tags["nextitem.published"] == "false"
    assert mirror.aliases() == {"champion": OTHER, "by-hand": LIVE}


def _experiment(mirror: Mirror) -> str:
    experiment = mirror.client.get_experiment_by_name("nextitem")
    assert experiment is not None
    name: str = experiment.experiment_id
    return name


def _failing(*_arguments: object, **_options: object) -> None:
    raise ConnectionError("the network is gone")


def _changes(
    *,
    added: Sequence[str] = (),
    updated: Sequence[str] = (),
    removed: Sequence[str] = (),
    **aliases: str,
) -> dict[str, object]:
    lists = {"added": [*added], "updated": [*updated], "removed": [*removed]}
    return {"model": MODEL, **lists, "aliases": aliases}


def test_what_cannot_be_used_is_refused_in_a_line(mirror: Mirror) -> None:
    fault = nextitem("mirror", "mlflow", "--tracking-uri", "gopher://somewhere").fault
    assert "MLflow at gopher://somewhere cannot be used: " in fault
    fault = nextitem("mirror", "mlflow", "--tracking-uri", mirror.uri, "--model", "a'b").fault
    assert "--model a'b: up to 200 letters" in fault
