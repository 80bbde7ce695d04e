"""The pre-traffic hook reports every result to CodeDeploy."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from nextitem.service.self_check import CheckedModel, SelfCheckResult
from operations import pre_traffic

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:shop-recommend:7"
EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "hook-1"}
IN_ORDER = msgspec.json.encode(SelfCheckResult("ok", [CheckedModel("v0123456789abcdef", "main", 64)], "ok"))
"""The service's answer without faults."""


class Account:
    """Stubs of Lambda and CodeDeploy: each expected call gets one answer."""

    def __init__(self) -> None:
        self._clients = {name: boto3.client(name) for name in ("lambda", "codedeploy")}
        self.stubs = {name: Stubber(client) for name, client in self._clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, name: str, **_config: Any) -> Any:
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
    assert pre_traffic.handler(EVENT, None) == {"status": "Succeeded"}
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
    assert pre_traffic.handler(EVENT, None) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_version_that_raises_fails_the_deployment_and_the_log_says_why(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    why = json.dumps({"errorType": "SelfCheckFailed", "errorMessage": "the session store failed the check"})
    account.answers(why.encode(), FunctionError="Unhandled")
    account.expects("Failed")

    assert pre_traffic.handler(EVENT, None) == {"status": "Failed"}
    assert "the session store failed the check" in caplog.text
    assert_all_was_asked(account)


def test_a_function_error_fails_the_deployment_whatever_its_payload(account: Account) -> None:
    account.answers(IN_ORDER, FunctionError="Unhandled")
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, None) == {"status": "Failed"}


def test_a_version_that_cannot_be_invoked_fails_the_deployment(account: Account) -> None:
    account.stubs["lambda"].add_client_error("invoke", "AccessDeniedException", http_status_code=403)
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, None) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_hook_without_its_setting_fails_the_deployment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW_VERSION_ARN")
    account.expects("Failed")
    assert pre_traffic.handler(EVENT, None) == {"status": "Failed"}
    assert_all_was_asked(account)


def test_a_report_that_codedeploy_refuses_is_an_error(account: Account) -> None:
    account.answers(IN_ORDER)
    account.stubs["codedeploy"].add_client_error("put_lifecycle_event_hook_execution_status", "DeploymentDoesNotExist")
    with pytest.raises(ClientError, match="DeploymentDoesNotExist"):
        pre_traffic.handler(EVENT, None)


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
    assert pre_traffic.handler(EVENT, None) == {"status": "Succeeded"}
    assert_all_was_asked(account)
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == (not retries)
