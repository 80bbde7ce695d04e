"""What a start waits for its first model, and what it is told of one that does not come in time."""

import threading

import pytest

from nextitem.aws.s3_prefetch import Early, open_store
from nextitem.errors import RegistryUnavailable, VersionNotFound
from nextitem.registry import loading
from nextitem.registry.loading import Fetched, HeadStart
from nextitem.registry.reader import Registry
from tests.nextitem.parts import PATIENCE_SECONDS


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_a_bucket_is_opened_on_aws_and_elsewhere(endpoint: str | None) -> None:
    # GIVEN no endpoint, as on AWS, or one WHEN a bucket is opened THEN it is that one
    opened = open_store("models", "eu-central-1", endpoint)
    assert opened.config["bucket"] == "models"
    assert opened.config.get("endpoint") == endpoint


def test_a_model_that_does_not_come_in_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a bucket that answers only when it is let
    gate = threading.Event()

    def late(_registry: Registry, name: str) -> Fetched:
        assert gate.wait(PATIENCE_SECONDS)
        raise VersionNotFound(f"{name} is not there")

    monkeypatch.setattr(loading, "fetch", late)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("NEXTITEM_BUCKET", "models")
    monkeypatch.setenv("NEXTITEM_STORE_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("NEXTITEM_KEY_SECRET", "a secret of the tests")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-tests")
    start = HeadStart(Early({}))
    # WHEN a start waits for less than that takes THEN it is told so
    with pytest.raises(RegistryUnavailable, match=r"did not come within 0\.01 s"):
        start.opened(0.01)
    # WHEN the bucket answers after all THEN what it says is told
    gate.set()
    with pytest.raises(VersionNotFound):
        start.opened()
