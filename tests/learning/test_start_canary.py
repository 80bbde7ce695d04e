"""The step of the state machine that starts a canary; its happy path is played in the local cloud (`tests/cloud`)."""

from pathlib import Path

import pytest

from learning import start_canary
from learning.start_canary import RULES
from model_export.experiments.records import Timing
from model_export.retraining.result import TrainingResult, read_result, result_key, write_result
from nextitem.aws.object_store import StoredObject
from nextitem.errors import InputError, RegistryUnavailable

JOB = "shop-1"
PASSED = TrainingResult("v0123456789abcdef", True, "all bounds hold")


class Bucket:
    """A bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        data = self.objects.get(key)
        assert data is None or len(data) <= max_bytes
        return None if data is None else StoredObject(data, "1")

    def create(self, key: str, data: bytes | Path) -> bool:
        assert isinstance(data, bytes)
        return self.objects.setdefault(key, data) is data

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        raise AssertionError((key, data, etag))

    def download(self, key: str, path: Path, max_bytes: object) -> bool:
        raise AssertionError((key, path, max_bytes))

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket of the function, without a route."""
    monkeypatch.setenv("NEXTITEM_BUCKET", "models")
    bucket = Bucket()
    monkeypatch.setattr(start_canary, "BotoObjectStore", lambda *_, **__: bucket)
    return bucket


def test_a_result_is_read_as_it_was_written_and_written_once(bucket: Bucket) -> None:
    for _ in range(2):  # spot capacity was taken away after the first time
        write_result(bucket, JOB, PASSED)
    assert read_result(bucket, JOB) == PASSED
    with pytest.raises(RegistryUnavailable, match="another result"):
        write_result(bucket, JOB, TrainingResult("v1", False, "worse"))


def test_a_job_without_a_result_is_named(bucket: Bucket) -> None:
    with pytest.raises(InputError, match=r"retraining/shop-1\.json"):
        start_canary.handler({"action": "start", "job": JOB}, None)
    bucket.create(result_key(JOB), b"{}")
    with pytest.raises(RegistryUnavailable, match="is not a result"):
        start_canary.handler({"action": "start", "job": JOB}, None)


def test_a_route_without_a_version_may_train_and_starts_no_canary(bucket: Bucket) -> None:
    write_result(bucket, JOB, PASSED)
    assert start_canary.handler({"action": "check"}, None) == {"outcome": "free"}
    assert start_canary.handler({"action": "start", "job": JOB}, None)["outcome"] == "no-champion"


def test_a_version_that_did_not_pass_gets_no_canary(bucket: Bucket) -> None:
    write_result(bucket, JOB, TrainingResult("v1", False, "worse"))
    assert start_canary.handler({"action": "start", "job": JOB}, None) == {"outcome": "not-passed", "version": "v1"}


@pytest.mark.parametrize("event", [{}, {"action": "start"}, {"action": "stop", "job": JOB}])
def test_another_event_is_refused(bucket: Bucket, event: dict[str, str]) -> None:
    assert bucket.objects == {}
    with pytest.raises(InputError, match="must have the action"):
        start_canary.handler(event, None)


def test_a_canary_has_guard_rails_and_waits_for_the_collector() -> None:
    assert {guard.name for guard in RULES.guards} == {"p99_ms", "error_rate", "slow_share"}
    assert RULES.longest_days > 0  # or an experiment that cannot be decided would keep the loop from training
    assert Timing().delay >= 15 * 60 + 600  # the schedule and the time limit of the template
