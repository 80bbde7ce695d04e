"""`nextitem versions` and the model card show the training period, even if its numbers are no dates."""

from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from msgspec.structs import replace

from nextitem.model.manifest import CARD
from tests.model_export.cli.commandline import done
from tests.model_export.tiny import exported, random_run

BUCKET = "registry"


@pytest.mark.parametrize(
    ("last", "shown", "in_card"),
    [
        (1.8e9, "2027-01-15", "to 2027-01-15 08:00 UTC |"),
        (60.0, "index 60", "index -60 to 60 (times"),
        (1e12, "1e+12", "| -1e+12 to 1e+12 |"),
        (1e300, "1e+300", "| -1e+300 to 1e+300 |"),
    ],
)
@pytest.mark.slow
def test_the_end_of_the_training_data_is_shown(
    last: float, shown: str, in_card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = random_run()
    training = replace(run.record.training, first=-last, last=last)
    run = replace(run, record=replace(run.record, training=training))
    artifact = exported(run, tmp_path)

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        done("publish", artifact)
        table = done("versions").out

    [row] = [line for line in table.splitlines() if artifact.name in line]
    assert f" {shown} " in row
    assert in_card in (artifact / CARD).read_text()
