"""The pre-traffic hook reports every result to CodeDeploy."""

import io
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from devstack.processes.children import LOOPBACK
from devstack.template.stack import source
from nextitem.service.self_check import CheckedModel, SelfCheckResult
from operations import pre_traffic
from tests.nextitem.parts import PATIENCE_SECONDS

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:shop-recommend:7"
EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "hook-1"}
IN_ORDER = msgspec.json.encode(SelfCheckResult("ok", [CheckedModel("v0123456789abcdef", "main", 64)], "ok"))
"""The service's answer without faults."""


TEMPLATE = source()
TIMEOUT: float = TEMPLATE["Resources"]["PreTrafficFunction"]["Properties"]["Timeout"]
"""Seconds that the template gives the hook."""
FORBIDDEN: Any = {"HTTPStatusCode": 403}
DENIED: Any = {"service_error_code": "AccessDeniedException", "http_status_code": 403}


class Context:
    """Lambda's context at the start of the hook."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the whole time."""
        return round(TIMEOUT * 1000)


ON_LAMBDA = Context()


class Clock:
    """A clock that waiting turns, instead of the hook's."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Turn the clock."""
        self.now += seconds


class Account:
    """Stubs of Lambda and CodeDeploy: each expected call gets one answer."""

    def __init__(self) -> None:
        self.configs: dict[str, Config] = {}
        self._clients = {name: boto3.client(name) for name in ("lambda", "codedeploy")}
        self.stubs = {name: Stubber(client) for name, client in self._clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, name: str, config: Config) -> Any:
        self.configs[name] = config
        return self._clients[name]

    def answers(self, payload: bytes, **rest: str) -> None:
        body = StreamingBody(io.BytesIO(payload), len(payload))
        request = {"FunctionName": VERSION, "Payload": b'{"operation": "verify"}'}
        self.stubs["lambda"].add_response("invoke", {"StatusCode": 200, "Payload": body, **rest}, request)

    def expects(self, status: str) -> None:
        report = {"deploymentId": "d-ABCDEF123", "lifecycleEventHookExecutionId": "hook-1", "status": status}
        self.stubs["codedeploy"].add_response("put_lifecycle_event_hook_execution_status", {}, report)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture
def account(fake_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    account = Account()
    monkeypatch.setattr(boto3, "client", account.client)
    monkeypatch.setenv("NEW_VERSION_ARN", VERSION)
    yield account
    account.close()


def assert_all_was_asked(account: Account) -> None:
    for stub in account.stubs.values():
        stub.assert_no_pending_responses()


def test_a_working_version_may_take_traffic(account: Account) -> None:
    account.answers(IN_ORDER)
    account.expects("Succeeded")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Succeeded"}
    assert_all_was_asked(account)


FAULTS = {
    "nothing": b"",
    "no JSON": b"<html>",
    "null": b"null",
    "a list": b"[]",
    "a store that fails": IN_ORDER.replace(b'"store":"ok"', b'"store":"down"'),
    "no model": msgspec.json.encode(SelfCheckResult("ok", [], "ok")),
    "no status of the store": b'{"status": "ok", "models": [{"version": "v1"}]}',
    "a problem document": b'{"type": "about:blank", "title": "No such operation", "status": 404}',
}


@pytest.mark.parametrize("payload", FAULTS.values(), ids=FAULTS.keys())
def test_any_other_answer_fails_the_deployment(account: Account, payload: bytes) -> None:
    account.answers(payload)
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_version_that_raises_fails_the_deployment_and_the_log_says_why(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    why = json.dumps({"errorType": "SelfCheckFailed", "errorMessage": "the session store failed the check"})
    account.answers(why.encode(), FunctionError="Unhandled")
    account.expects("Failed")

    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    assert "the session store failed the check" in caplog.text
    assert_all_was_asked(account)


def test_a_function_error_fails_the_deployment_whatever_its_payload(account: Account) -> None:
    account.answers(IN_ORDER, FunctionError="Unhandled")
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pre_traffic, "time", clock)
    return clock


def test_a_policy_that_applies_late_delays_the_check(account: Account, clock: Clock) -> None:
    for _ in range(5):
        account.stubs["lambda"].add_client_error("invoke", **DENIED)
    account.answers(IN_ORDER)
    account.expects("Succeeded")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Succeeded"}
    assert_all_was_asked(account)


def test_a_version_that_must_not_be_invoked_fails_the_deployment(account: Account, clock: Clock) -> None:
    begun = clock.now
    for _ in range(int(pre_traffic.ACCESS_SECONDS / pre_traffic.PAUSE_SECONDS) + 1):
        account.stubs["lambda"].add_client_error("invoke", **DENIED)
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    assert_all_was_asked(account)
    assert clock.now - begun == pre_traffic.ACCESS_SECONDS


@pytest.mark.parametrize("status", [409, 429, 500, 502])
def test_a_version_that_is_not_ready_is_invoked_again(account: Account, clock: Clock, status: int) -> None:
    account.stubs["lambda"].add_client_error("invoke", "NotReadyException", http_status_code=status)
    account.answers(IN_ORDER)
    account.expects("Succeeded")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Succeeded"}


def test_a_refused_request_is_not_repeated(account: Account, clock: Clock) -> None:
    account.stubs["lambda"].add_client_error("invoke", "ResourceNotFoundException", http_status_code=404)
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_lambda_that_cannot_be_reached_once_is_called_again(
    account: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [EndpointConnectionError(endpoint_url="https://lambda")]
    invoke = pre_traffic._invoke
    monkeypatch.setattr(pre_traffic, "_invoke", lambda *call: _raise(faults.pop()) if faults else invoke(*call))
    account.answers(IN_ORDER)
    account.expects("Succeeded")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Succeeded"}


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("denials", [0, 5, 14])
def test_a_version_that_hangs_leaves_time_for_the_report(
    account: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch, denials: int
) -> None:
    # GIVEN invokes that are denied at first, and that then never get an answer
    ends = clock.now + TIMEOUT
    remaining = iter(range(denials))

    def hang(_version: str, seconds: float) -> None:
        if next(remaining, None) is not None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": FORBIDDEN}, "Invoke")
        clock.now += pre_traffic.CONNECT_SECONDS + seconds
        raise ReadTimeoutError(endpoint_url="https://lambda")

    monkeypatch.setattr(pre_traffic, "_invoke", hang)
    account.expects("Failed")

    # WHEN the hook gives up, THEN two attempts to report still fit its timeout
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    report: Any = account.configs["codedeploy"]
    attempts = report.retries["total_max_attempts"]
    assert attempts > 1
    assert clock.now + attempts * (report.connect_timeout + report.read_timeout) < ends


def test_an_invoke_waits_as_long_as_the_version_may_take(account: Account) -> None:
    init_seconds = 10  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    account.answers(IN_ORDER)
    account.expects("Succeeded")
    pre_traffic.handler(EVENT, ON_LAMBDA)

    config: Any = account.configs["lambda"]
    assert config.read_timeout > init_seconds + TEMPLATE["Globals"]["Function"]["Timeout"]
    assert config.retries["total_max_attempts"] == 1  # repetitions of boto3 would not fit the hook's timeout


def test_a_hook_without_its_setting_fails_the_deployment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW_VERSION_ARN")
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_report_that_codedeploy_refuses_is_an_error(account: Account) -> None:
    account.answers(IN_ORDER)
    account.stubs["codedeploy"].add_client_error("put_lifecycle_event_hook_execution_status", "DeploymentDoesNotExist")
    with pytest.raises(ClientError, match="DeploymentDoesNotExist"):
        pre_traffic.handler(EVENT, ON_LAMBDA)


@pytest.mark.parametrize("retries", [0, 1], ids=["an earlier run", "this run"])
def test_a_report_that_codedeploy_has_already_is_no_error(
    account: Account, caplog: pytest.LogCaptureFixture, retries: int
) -> None:
    # GIVEN a report whose answer was lost, so that CodeDeploy refuses the next attempt
    account.answers(IN_ORDER)
    account.stubs["codedeploy"].add_client_error(
        "put_lifecycle_event_hook_execution_status",
        "LifecycleEventAlreadyCompletedException",
        response_meta={"RetryAttempts": retries},
    )
    assert pre_traffic.handler(EVENT, ON_LAMBDA) == {"status": "Succeeded"}
    assert_all_was_asked(account)
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == (not retries)


def test_a_connection_without_an_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an endpoint that takes connections and never answers
    with socket.create_server((LOOPBACK, 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://{LOOPBACK}:{silent.getsockname()[1]}")
        monkeypatch.setattr(pre_traffic, "PAUSE_SECONDS", 0.1)
        silent.settimeout(PATIENCE_SECONDS)

        # WHEN a version is verified with half a second besides the time to connect
        with pytest.raises(ReadTimeoutError):
            pre_traffic.verify(VERSION, pre_traffic.CONNECT_SECONDS + 0.5)

        # THEN it was asked once, without boto3's own repetitions
        connections = [silent.accept()[0]]
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        connections[0].close()
