"""The AWS side of `make smoke`: signed requests, the alias, the rotation; against verified signatures and moto."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.signatures import verify
from devstack.publish import demo_artifact
from devstack.smoke import aws
from devstack.smoke.aws import AwsCloud
from devstack.smoke.cloud import DeploymentRefused, Release, SmokeFailed
from tests.devstack.cloud.iam.recorder import Recorder
from tests.devstack.cloud.iam.samples import ACCOUNT, ROLE, allow, policy

REGION: Final = "eu-central-1"


def test_requests_to_the_api_are_signed_for_execute_api() -> None:
    # GIVEN temporary credentials, and an API that keeps its requests
    authority = Authority(Account())
    trust = policy(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    )
    authority.put_role(ROLE, trust, {"call": policy(allow("execute-api:Invoke"))})
    keys = authority.assume(ROLE, "smoke", by=f"arn:aws:iam::{ACCOUNT}:root")
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, REGION)
    cloud = AwsCloud(session, "shop", ACCOUNT)
    with Recorder(b'{"served_by": "session"}') as api:
        cloud._outputs = {"ApiUrl": api.endpoint}
        # WHEN requests are sent, also with characters that must be encoded
        answers = [
            cloud.send("POST", "/v1/sessions/s-1/events", {"events": [{"item_id": "tée"}]}),
            cloud.send("GET", "/v1/sessions/s%201/recommendations"),
        ]
    # THEN each is signed, with the session's token
    assert [(answer.status, answer.body) for answer in answers] == [(200, {"served_by": "session"})] * 2
    assert json.loads(api.requests[0].body) == {"events": [{"item_id": "tée"}]}
    for request in api.requests:
        principal = verify(request, authority, "execute-api", REGION, datetime.now(UTC))
        assert principal.role_arn == ROLE


def test_an_api_that_does_not_answer_is_a_failed_request() -> None:
    cloud = AwsCloud(boto3.Session("a", "b", region_name=REGION), "shop", ACCOUNT)
    cloud._outputs = {"ApiUrl": "http://127.0.0.1:1"}
    answer = cloud.send("GET", "/v1/health")
    assert (answer.status, list(answer.body)) == (0, ["error"])


@mock_aws
def test_a_model_is_published_and_promoted_in_the_bucket_of_the_stack() -> None:
    session = boto3.Session("a", "b", region_name=REGION)
    s3, artifact = session.client("s3"), demo_artifact()
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud = AwsCloud(session, "shop", ACCOUNT)
    cloud._outputs = {"BucketName": "models"}
    # WHEN a model is published, it is there, but takes no traffic
    assert cloud.publish(artifact) == artifact.name
    assert s3.list_objects_v2(Bucket="models", Prefix=f"models/{artifact.name}/")["KeyCount"] > 1
    assert s3.list_objects_v2(Bucket="models", Prefix="routes/")["KeyCount"] == 0
    # WHEN it is promoted, the route names it
    assert cloud.promote(artifact.name) == 1
    assert artifact.name in s3.get_object(Bucket="models", Key="routes/live.json")["Body"].read().decode()


def test_a_missing_output_is_named() -> None:
    cloud = AwsCloud(boto3.Session("a", "b", region_name=REGION), "shop", ACCOUNT)
    with pytest.raises(SmokeFailed, match="the stack shop has no output FunctionAliasArn"):
        cloud.live_version()


class Scripted:
    """boto3 clients of a stack: its state, its events, and the weights of its alias, one after the other."""

    def __init__(self, status: str, moved: Path, events: tuple[dict[str, str], ...] = ()) -> None:
        self.status, self.events, self.moved = status, events, moved
        self.weights: list[dict[str, float]] = [{"8": 0.1}, {"8": 0.1}, {}]
        self.buckets: list[str] = []

    def __call__(self, _: str) -> "Scripted":
        return self

    def create_bucket(self, **options: Any) -> None:
        assert options["CreateBucketConfiguration"] == {"LocationConstraint": REGION}
        self.buckets.append(options["Bucket"])

    def describe_stacks(self, **_: str) -> Any:
        outputs = {"ApiUrl": "http://127.0.0.1:1", "FunctionAliasArn": "arn:aws:lambda:x:1:function:shop:live"}
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": listed}]}

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_stack_events"
        return self

    def paginate(self, **_: str) -> Any:
        return [{"StackEvents": self.events}]

    def get_alias(self, *, FunctionName: str, Name: str) -> Any:  # noqa: N803 - boto3's names
        assert (FunctionName, Name) == ("arn:aws:lambda:x:1:function:shop", "live")
        weights = self.weights.pop(0) if len(self.weights) > 1 else self.weights[0]
        if not weights:
            self.moved.touch()
        return {"FunctionVersion": "8", "RoutingConfig": {"AdditionalVersionWeights": weights}}


DEPLOY_UNTIL = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"


def scripted_cloud(
    monkeypatch: pytest.MonkeyPatch, clients: Scripted, deploy: list[str], *, is_update: bool = True
) -> AwsCloud:
    monkeypatch.setattr(aws, "ALIAS_SECONDS", 0.01)
    monkeypatch.setattr(aws, "build_command", lambda _: [sys.executable, "-c", ""])
    monkeypatch.setattr(aws, "deploy_command", lambda *_: deploy)
    cloud = AwsCloud(boto3.Session("a", "b", region_name=REGION), "shop", ACCOUNT)
    monkeypatch.setattr(cloud, "_client", clients)
    if is_update:
        cloud._outputs = {"FunctionAliasArn": "arn:aws:lambda:x:1:function:shop:live"}
    return cloud


def test_a_release_ends_with_its_version_and_the_shares_on_the_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # GIVEN a deployment that ends when the alias has moved
    clients = Scripted("UPDATE_COMPLETE", tmp_path / "moved")
    deploy = [sys.executable, "-c", DEPLOY_UNTIL, str(clients.moved)]
    # WHEN it is made
    deployment = scripted_cloud(monkeypatch, clients, deploy).deploy(Release("second"))
    # THEN the canary was seen, and the packages have a bucket of their own
    assert (deployment.version, deployment.shares) == ("8", (0.1,))
    assert clients.buckets == [f"shop-{ACCOUNT}-{REGION}"]


def test_the_first_deployment_has_no_alias_to_watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clients = Scripted("CREATE_COMPLETE", tmp_path / "moved")
    cloud = scripted_cloud(monkeypatch, clients, [sys.executable, "-c", ""], is_update=False)
    assert cloud.deploy(Release("first")).shares == ()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", 1, DeploymentRefused),
        ("ROLLBACK_COMPLETE", 1, DeploymentRefused),
        ("UPDATE_COMPLETE", 1, SmokeFailed),  # SAM could not begin
        ("UPDATE_ROLLBACK_FAILED", 0, DeploymentRefused),
        ("CREATE_FAILED", 0, SmokeFailed),
    ],
)
def test_how_a_deployment_fails(
    status: str, code: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    event = {"LogicalResourceId": "Alias", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "the hook failed"}
    clients = Scripted(status, tmp_path / "moved", (event,))
    cloud = scripted_cloud(monkeypatch, clients, [sys.executable, "-c", f"raise SystemExit({code})"])
    with pytest.raises(error, match="Alias: the hook failed"):
        cloud.deploy(Release("second"))


def test_a_build_that_fails_deploys_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud = scripted_cloud(monkeypatch, Scripted("UPDATE_COMPLETE", tmp_path / "moved"), ["/nowhere/sam"])
    monkeypatch.setattr(aws, "build_command", lambda _: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(SmokeFailed, match="make build ended with 3"):
        cloud.deploy(Release("second"))


class Secrets:
    """Secrets Manager whose rotation ends after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self, _: str) -> "Secrets":
        return self

    def rotate_secret(self, **_: str) -> None:
        self.rotated = True

    def get_secret_value(self, **_: str) -> Any:
        self.looks -= 1
        is_new = getattr(self, "rotated", False) and self.looks <= 0
        return {"VersionId": str(is_new), "SecretString": json.dumps({"rotated_at": 1700.0} if is_new else {})}


def test_a_rotation_ends_with_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = AwsCloud(boto3.Session("a", "b", region_name=REGION), "shop", ACCOUNT)
    cloud._outputs = {"KeySecretArn": "arn:aws:secretsmanager:x"}
    monkeypatch.setattr(cloud, "sleep", lambda _: None)
    monkeypatch.setattr(cloud, "_client", Secrets(4))
    assert cloud.rotate() == 1700.0
    monkeypatch.setattr(cloud, "_client", Secrets(10_000))
    with pytest.raises(SmokeFailed, match="no new version after 180 s"):
        cloud.rotate()
