"""moto with devstack's corrections, in this process and for one test."""

import pytest
from moto.awslambda.models import LambdaStorage
from moto.s3.models import FakeKey
from moto.secretsmanager.models import SecretsManagerBackend

from devstack.services import moto_server


def correct_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the corrections; `monkeypatch` puts moto's own code back afterwards."""
    monkeypatch.setattr(FakeKey, "value", vars(FakeKey)["value"])
    monkeypatch.setattr(SecretsManagerBackend, "rotate_secret", SecretsManagerBackend.rotate_secret)
    monkeypatch.setattr(LambdaStorage, "publish_version", LambdaStorage.publish_version)
    moto_server.install()
