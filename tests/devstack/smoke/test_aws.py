"""The AWS side of `make smoke`: signed requests, the alias, the rotation; against verified signatures and moto."""

import json
from datetime import UTC, datetime

import boto3
import pytest

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.signatures import verify
from devstack.smoke.aws import AwsCloud
from devstack.smoke.cloud import SmokeFailed
from tests.devstack.cloud.iam.recorder import Recorder
from tests.devstack.cloud.iam.samples import ACCOUNT, ROLE, allow, policy

REGION = "eu-central-1"


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


def test_a_missing_output_is_named() -> None:
    cloud = AwsCloud(boto3.Session("a", "b", region_name=REGION), "shop", ACCOUNT)
    with pytest.raises(SmokeFailed, match="the stack shop has no output FunctionAliasArn"):
        cloud.live_version()
