"""``python -m devstack env`` prints how to reach the running stack."""

import shlex
import tempfile
from pathlib import Path

import boto3
import pytest
import redis

from devstack.__main__ import main
from devstack.env import EXPORTS, marked_as_running
from devstack.publish import demo_artifact
from devstack.stack import Stack


def exported(text: str) -> dict[str, str]:
    exports = [line.removeprefix("export ") for line in text.splitlines() if line.startswith("export ")]
    pairs = [shlex.split(line)[0].partition("=") for line in exports]
    return {name: value for name, _, value in pairs}


@pytest.mark.slow
def test_aws_clients_reach_the_stack_with_the_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Stack(artifact=demo_artifact(), max_workers=1, secret={"current": "a secret of tests"}) as stack:
        assert main(["env"]) == 0
        variables = exported(capsys.readouterr().out)

        for name in variables:
            monkeypatch.setenv(name, variables[name])
        invoked = boto3.client("lambda").invoke(FunctionName=variables["FUNCTION"], Payload=b'{"operation": "verify"}')
        assert b'"status": "ok"' in invoked["Payload"].read()
        kept = boto3.client("s3").get_bucket_versioning(Bucket=variables["NEXTITEM_BUCKET"])
        assert kept["Status"] == "Enabled"
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=variables["KEY_SECRET_ID"])
        assert "a secret of tests" in secret["SecretString"]
        with redis.Redis.from_url(variables["NEXTITEM_STORE_URL"]) as store:
            assert store.ping()
        assert variables["API_URL"] == stack.url


def test_without_a_stack_it_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # GIVEN the directory that a killed stack has left
    killed = tmp_path / "devstack-killed"
    killed.mkdir()
    (killed / EXPORTS).write_text("export API_URL=http://127.0.0.1:1\n")
    # THEN it is no running stack
    assert main(["env"]) == 1
    output = capsys.readouterr()
    assert (output.out, "No stack is running here" in output.err) == ("", True)
    # AND beside it, one that is starting is found, but not up yet
    starting = tmp_path / "devstack-starting"
    starting.mkdir()
    with marked_as_running(starting):
        assert main(["env"]) == 1
    output = capsys.readouterr()
    assert (output.out, "is not up yet" in output.err) == ("", True)
