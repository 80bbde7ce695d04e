"""`make smoke` names account and region, asks, and creates nothing without credentials or an answer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from devstack.smoke.__main__ import EXIT_REFUSED, Identity, Refused, confirm, identify, main, refuse_existing
from devstack.smoke.bill import estimated_bill
from devstack.smoke.commands import ROOT

REGION = "eu-central-1"
CALLER = Identity("123456789012", "arn:aws:iam::123456789012:user/me", REGION)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name=REGION)


def run(tmp_path: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a keyboard and with no AWS settings but these."""
    return subprocess.run(
        [sys.executable, "-m", "devstack.smoke", *options],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
            "AWS_EC2_METADATA_DISABLED": "true",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_without_credentials_or_region_it_refuses(tmp_path: Path) -> None:
    ended = run(tmp_path, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION)
    assert ended.returncode == EXIT_REFUSED
    assert ended.stderr == "make smoke: there are no AWS credentials; log in, or use --profile\n"

    assert "no region is set" in run(tmp_path).stderr
    assert "could not be found" in run(tmp_path, "--profile", "nobody").stderr


@pytest.mark.slow
def test_credentials_that_aws_does_not_accept_are_refused(tmp_path: Path) -> None:
    # GIVEN credentials, and nothing that answers
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
    ended = run(tmp_path, "--region", REGION, AWS_ENDPOINT_URL="http://127.0.0.1:1", **keys)
    assert ended.returncode == EXIT_REFUSED
    assert ended.stderr.startswith("make smoke: AWS does not accept the credentials: ")
    assert ended.stderr.count("\n") == 1


def test_the_question_names_account_region_and_price(session: boto3.Session) -> None:
    identity = identify(session)
    questions: list[str] = []

    def answer(question: str) -> str:
        questions.append(question)
        return "123456789012\n"

    confirm(identity, "shop", answer)

    assert "the stack shop in account 123456789012, region eu-central-1" in questions[0]
    assert identity.arn in questions[0]
    assert "about $" in questions[0]


@pytest.mark.parametrize("answer", ["", "yes", "y", "123456789013"])
def test_another_answer_creates_nothing(answer: str) -> None:
    with pytest.raises(Refused, match="nothing was created"):
        confirm(CALLER, "shop", lambda _: answer)


@pytest.mark.slow
def test_without_a_keyboard_only_the_option_answers(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with open(os.devnull) as nothing:  # noqa: PTH123 - a stream that is no terminal
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main(["--region", REGION]) == EXIT_REFUSED
        assert "--account NUMBER answers it" in capsys.readouterr().err
        assert main(["--region", REGION, "--account", "210987654321"]) == EXIT_REFUSED
        assert "'210987654321' is not the account's number" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stack_that_exists_is_never_taken(session: boto3.Session) -> None:
    refuse_existing(session, "shop")
    session.client("cloudformation").create_stack(
        StackName="shop", TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    )
    with pytest.raises(Refused, match="a stack shop exists already"):
        refuse_existing(session, "shop")


def test_a_stack_that_aws_does_not_tell_of_may_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a caller who may not ask
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")

    class Session:
        def client(self, _: str) -> "Session":
            return self

        def describe_stacks(self, **_: str) -> None:
            raise denied

    # THEN nothing is created
    with pytest.raises(Refused, match="AWS does not say whether shop exists"):
        refuse_existing(cast("boto3.Session", Session()), "shop")


@pytest.mark.parametrize("name", ["Shop", "1shop", "s" * 27, "shop_1"])
def test_a_name_that_the_template_cannot_have_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--stack-name", name])
    assert "is no stack name" in capsys.readouterr().err


def test_the_bill_grows_with_time_and_requests() -> None:
    hour, two_hours = estimated_bill(1000, 3600), estimated_bill(1000, 7200)
    assert sum(estimated_bill(0, 3600).values()) > 0
    assert two_hours["Custom metrics"] == pytest.approx(2 * hour["Custom metrics"])
    assert two_hours["HTTP API"] == pytest.approx(hour["HTTP API"])
    assert hour["HTTP API"] == pytest.approx(1000 * 1e-6)
    assert sum(hour.values()) < 1
