"""Secrets Manager, Lambda, CodeDeploy, STS, Logs and X-Ray behind the door, with the project's own functions."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import boto3
import pytest

from devstack.cloud.iam.authority import Credentials
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES, Outcome
from nextitem.errors import SecretUnavailable
from nextitem.sessions.secret_reader import SecretReader
from operations import pre_traffic
from tests.devstack.cloud.aws_door.requests import refusal
from tests.devstack.cloud.aws_door.small_cloud import (
    ACCOUNT,
    DEPLOYMENT,
    FUNCTION,
    GROUP,
    KEY_ARN,
    LOG_GROUP,
    REGION,
    VIA_S3,
    VIA_SECRETS,
    SmallCloud,
    allow,
)

WRONG_TOKEN = "another"  # noqa: S105 - no secret
VERSION_ARN = f"{FUNCTION}:7"
HOOK_EVENT = {"DeploymentId": DEPLOYMENT, "LifecycleEventHookExecutionId": "execution-1"}
VERIFIED = Outcome(json.dumps({"status": "ok", "store": "ok", "models": ["v1"]}).encode())
DECRYPT_SECRET = allow("kms:Decrypt", KEY_ARN, Condition=VIA_SECRETS)


def environment(credentials: Credentials) -> dict[str, str]:
    """Return the variables with which Lambda hands credentials to a function."""
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }


# ---- Secrets Manager ----


@pytest.fixture
def read_secret(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[Credentials], Any]:
    """Read the secret as the function does, and as it finds its certificates on Lambda."""
    monkeypatch.setenv("SSL_CERT_FILE", str(cloud.trusted))

    def read(credentials: Credentials) -> Any:
        return SecretReader(cloud.secret_arn, region=REGION, environment=environment(credentials))()

    return read


@pytest.mark.parametrize("in_vpc", [True, False])
@pytest.mark.slow
def test_the_function_reads_the_key_secret(
    cloud: SmallCloud, read_secret: Callable[[Credentials], Any], *, in_vpc: bool
) -> None:
    cloud.in_vpc = in_vpc
    rights = (allow("secretsmanager:GetSecretValue", cloud.secret_arn, "ReadKeySecret"), DECRYPT_SECRET)

    secret = read_secret(cloud.role(*rights))

    assert secret.current == b"0123456789abcdef"
    assert [decision.action for decision in cloud.door.decisions] == ["secretsmanager:GetSecretValue", "kms:Decrypt"]


@pytest.mark.parametrize("case", ["no right", "no key", "key by S3 only", "endpoint"])
def test_a_secret_is_refused(cloud: SmallCloud, read_secret: Callable[[Credentials], Any], case: str) -> None:
    # GIVEN a right too few, or an endpoint for another secret
    read = allow("secretsmanager:GetSecretValue", cloud.secret_arn)
    rights = {
        "no right": [DECRYPT_SECRET],
        "no key": [read],
        "key by S3 only": [read, allow("kms:Decrypt", KEY_ARN, Condition=VIA_S3)],
        "endpoint": [read, DECRYPT_SECRET],
    }[case]
    cloud.in_vpc = case == "endpoint"
    other = allow("secretsmanager:GetSecretValue", f"{cloud.secret_arn}x", Principal="*")
    cloud.change("SecretsManagerEndpoint", PolicyDocument={"Version": "2012-10-17", "Statement": [other]})

    # THEN the function learns the name of the error
    with pytest.raises(SecretUnavailable, match="AccessDeniedException"):
        read_secret(cloud.role(*rights))
    assert not cloud.door.decisions[-1].allowed


def test_a_wrong_session_token_is_refused(cloud: SmallCloud) -> None:
    credentials = cloud.role(allow("secretsmanager:*", "*"))
    client = cloud.client("secretsmanager", credentials, token=WRONG_TOKEN)

    code, _ = refusal(lambda: client.get_secret_value(SecretId=cloud.secret_arn))

    assert code == "UnrecognizedClientException"


def test_a_rotation_writes_with_the_key(cloud: SmallCloud) -> None:
    # GIVEN the rights of the rotation, once with the right to decrypt only
    steps = [f"secretsmanager:{name}" for name in ("DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")]
    rights = allow([*steps, "secretsmanager:GetSecretValue"], cloud.secret_arn)
    use = allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY_ARN, Condition=VIA_SECRETS)
    without, client = (
        cloud.client("secretsmanager", cloud.role(*given)) for given in ([rights, DECRYPT_SECRET], [rights, use])
    )
    version: Any = {"SecretId": cloud.secret_arn, "SecretString": "{}", "VersionStages": ["AWSPENDING"]}

    # WHEN it writes a version
    message = refusal(lambda: without.put_secret_value(**version))
    put = client.put_secret_value(**version)

    # THEN that needs the key, and the other steps work
    assert message == ("AccessDeniedException", "Access to KMS is not allowed")
    described = client.describe_secret(SecretId=cloud.secret_arn)
    assert described["VersionIdsToStages"][put["VersionId"]] == ["AWSPENDING"]
    client.update_secret_version_stage(
        SecretId=cloud.secret_arn, VersionStage="AWSPENDING", RemoveFromVersionId=put["VersionId"]
    )


def test_a_secret_has_a_name_too(cloud: SmallCloud) -> None:
    client = cloud.client("secretsmanager", cloud.role(allow("secretsmanager:GetSecretValue", cloud.secret_arn)))

    assert refusal(lambda: client.get_secret_value(SecretId="key-secret"))[1] == "Access to KMS is not allowed"
    unknown = refusal(lambda: client.get_secret_value(SecretId="other"))[1]
    assert f"on resource: {ACCOUNT.arn('secretsmanager', 'secret:other')} because no identity-based policy" in unknown


def test_an_endpoint_leads_to_its_own_service_only(cloud: SmallCloud) -> None:
    cloud.in_vpc = True

    # the other services have no endpoint; the resolver of these tests leads them to that of Secrets Manager
    code, message = refusal(lambda: cloud.client("logs", cloud.role(allow("logs:*", "*"))).describe_log_groups())

    assert (code, message) == ("WrongEndpoint", "SecretsManagerEndpoint does not lead to logs")


# ---- The pre-traffic hook: Lambda and CodeDeploy ----


class Context:
    """Lambda's context of the hook."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def run_hook(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[Credentials], str]:
    """Run the real function."""

    def run(credentials: Credentials) -> str:
        variables = {
            **environment(credentials),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": str(cloud.trusted),
            "NEW_VERSION_ARN": VERSION_ARN,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return pre_traffic.handler(HOOK_EVENT, Context())["status"]

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of the test before
    monkeypatch.setattr(pre_traffic, "ACCESS_SECONDS", 0.0)  # a denial here is not one of IAM's late ones
    return run


CHECK = allow("lambda:InvokeFunction", VERSION_ARN, "CheckNewVersion")
REPORT = allow("codedeploy:PutLifecycleEventHookExecutionStatus", f"{GROUP[:-6]}*", "TellCodeDeploy")


def test_the_hook_verifies_and_reports(cloud: SmallCloud, run_hook: Callable[[Credentials], str]) -> None:
    # GIVEN a version that passes its check
    cloud.services.outcomes[VERSION_ARN] = VERIFIED

    # WHEN the hook runs with its rights
    status = run_hook(cloud.role(CHECK, REPORT))

    # THEN CodeDeploy has its report
    assert status == "Succeeded"
    assert cloud.services.reports == [(DEPLOYMENT, "execution-1", "Succeeded")]
    assert [decision.statements for decision in cloud.door.decisions] == [
        (("role1/policy", "CheckNewVersion"),),
        (("role1/policy", "TellCodeDeploy"),),
    ]


@pytest.mark.parametrize("case", ["refused", "other version", "failed", "no function"])
def test_the_hook_reports_a_failure(cloud: SmallCloud, run_hook: Callable[[Credentials], str], case: str) -> None:
    # GIVEN a hook that may not invoke the version, or a version that fails
    if case != "no function":
        cloud.services.outcomes[VERSION_ARN] = (
            Outcome(b'{"errorType": "X"}', failed=True) if case == "failed" else VERIFIED
        )
    rights = {"refused": [REPORT], "other version": [allow("lambda:InvokeFunction", f"{FUNCTION}:8"), REPORT]}

    # WHEN it runs
    status = run_hook(cloud.role(*rights.get(case, [CHECK, REPORT])))

    # THEN it reports the failure
    assert status == "Failed"
    assert cloud.services.reports == [(DEPLOYMENT, "execution-1", "Failed")]


def test_a_report_needs_its_right_and_is_taken_once(cloud: SmallCloud) -> None:
    report = {
        "deploymentId": DEPLOYMENT,
        "lifecycleEventHookExecutionId": "execution-2",
        "status": "Succeeded",
    }
    refused, client = (cloud.client("codedeploy", cloud.role(*given)) for given in ([CHECK], [REPORT]))

    assert refusal(lambda: refused.put_lifecycle_event_hook_execution_status(**report))[0] == "AccessDeniedException"
    client.put_lifecycle_event_hook_execution_status(**report)
    again = refusal(lambda: client.put_lifecycle_event_hook_execution_status(**report))[0]
    assert again == "LifecycleEventAlreadyCompletedException"
    other = refusal(lambda: client.put_lifecycle_event_hook_execution_status(**{**report, "deploymentId": "d-X"}))[0]
    assert other == "DeploymentDoesNotExistException"
    assert len(cloud.services.reports) == 1


def test_an_invocation_returns_payload_version_and_error(cloud: SmallCloud) -> None:
    # GIVEN a function with a version that echoes, and one that fails
    cloud.services.outcomes[VERSION_ARN] = Outcome(b"PAYLOAD")
    cloud.services.outcomes[f"{FUNCTION}:live"] = Outcome(b"{}", failed=True)
    client = cloud.client("lambda", cloud.role(allow("lambda:InvokeFunction", f"{FUNCTION}:*")))

    # WHEN they are invoked by name and qualifier, and by ARN
    answer = client.invoke(FunctionName="shop-recommend", Qualifier="7", Payload=b'{"a":1}')
    failed = client.invoke(FunctionName=f"{FUNCTION}:live", Payload=b"{}")

    # THEN the answers are Lambda's
    assert (answer["Payload"].read(), answer["ExecutedVersion"], "FunctionError" in answer) == (b'{"a":1}', "7", False)
    assert failed["FunctionError"] == "Unhandled"
    failed["Payload"].close()

    # AND other requests are refused
    assert refusal(lambda: client.invoke(FunctionName="shop-recommend", Payload=b"{}"))[0] == "AccessDeniedException"
    assert (
        refusal(lambda: client.invoke(FunctionName=VERSION_ARN, Payload=b"no json"))[0]
        == "InvalidRequestContentException"
    )
    large = b'"' + b"x" * PAYLOAD_LIMIT_BYTES + b'"'
    assert refusal(lambda: client.invoke(FunctionName=VERSION_ARN, Payload=large))[0] == "RequestTooLargeException"
    event: Any = {"FunctionName": VERSION_ARN, "InvocationType": "Event"}
    assert refusal(lambda: client.invoke(**event))[0] == "NotImplemented"


# ---- STS, Logs, X-Ray ----


def test_everybody_may_ask_who_they_are(cloud: SmallCloud) -> None:
    credentials = cloud.role()

    identity = cloud.client("sts", credentials).get_caller_identity()

    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT.id}:assumed-role/role1/session"
    assert identity["Account"] == ACCOUNT.id
    wrong = cloud.client("sts", credentials, token=WRONG_TOKEN)
    assert refusal(wrong.get_caller_identity)[0] == "InvalidClientTokenId"


def test_logs_and_traces_need_their_rights(cloud: SmallCloud) -> None:
    # GIVEN the group's ARN as CloudFormation gives it, with ":*" at the end, and without
    arn = ACCOUNT.arn("logs", f"log-group:{LOG_GROUP}")
    stream: Any = {"logGroupName": LOG_GROUP, "logStreamName": "stream"}
    logs, without = (
        cloud.client("logs", cloud.role(allow(["logs:CreateLogStream", "logs:PutLogEvents"], resource)))
        for resource in (f"{arn}:*", arn)
    )
    traces, no_traces = (
        cloud.client("xray", cloud.role(allow("xray:PutTraceSegments", resource))) for resource in ("*", arn)
    )

    # WHEN a stream is made and written, and traces are sent
    logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[{"timestamp": 1_795_000_000_000, "message": "x"}])
    traces.put_trace_segments(TraceSegmentDocuments=["{}"])

    # THEN the other policies do not allow it
    assert refusal(lambda: without.create_log_stream(**stream))[0] == "AccessDeniedException"
    assert refusal(lambda: no_traces.put_trace_segments(TraceSegmentDocuments=["{}"]))[0] == "AccessDeniedException"
    telemetry: Any = {"TelemetryRecords": []}
    assert refusal(lambda: traces.put_telemetry_records(**telemetry))[0] == "AccessDeniedException"
    assert {asdict(decision)["action"] for decision in cloud.door.decisions if decision.allowed} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
    }
