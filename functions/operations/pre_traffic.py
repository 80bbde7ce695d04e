"""CodeDeploy's pre-traffic hook: lets a new version of the recommend function check itself, and reports the result.

The hook invokes the version with `{"operation": "verify"}`. The version answers all golden sessions of every model of
its route and makes a round trip to the session store, in its own network and with its own role. Any error is reported
as Failed: a hook that reports nothing delays a deployment for an hour.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

import json
import logging
import os
import time
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's name

INVOKE_SECONDS = 25.0
"""The limit of one invoke: the new version may start for 10 s, and then has its own limit of 10 s."""
ACCESS_SECONDS = 30.0
"""How long a denied invoke is repeated: IAM may apply a changed policy some seconds late.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
PAUSE_SECONDS = 2.0
"""The pause before an invoke is repeated."""
CONNECT_SECONDS = 2.0
REPORT_SECONDS = 15.0
"""The time that is kept for the report to CodeDeploy: two attempts of 5 s each, and boto3's pause between them."""
BUSY = {409, 429}
"""Lambda's statuses for a version that is not ready, and for throttling."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class NotVerified(Exception):
    """The new version did not pass its check."""


class Context(Protocol):
    """What the hook reads of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the hook."""


def handler(event: dict[str, str], context: Context) -> dict[str, str]:
    """Check the version in NEW_VERSION_ARN and report the result to CodeDeploy.

    Args:
        event: `DeploymentId` and `LifecycleEventHookExecutionId`, as CodeDeploy sends them.
        context: of the invocation; the check ends early enough for the report.

    Returns:
        The status, `Succeeded` or `Failed`.

    Raises:
        KeyError: the event is not CodeDeploy's, so there is no deployment to report to.
        botocore.exceptions.ClientError: CodeDeploy refused the report; the deployment then fails without one.
    """
    deployment, execution = event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    status = "Failed"
    try:
        version = os.environ["NEW_VERSION_ARN"]
        report = verify(version, context.get_remaining_time_in_millis() / 1000 - REPORT_SECONDS)
        logger.info("verified %s: %s", version, json.dumps(report))
        status = "Succeeded"
    except Exception:  # any error must be reported
        logger.exception("the new version is not verified")
    finally:
        report_status(deployment, execution, status)
    return {"status": status}


def report_status(deployment: str, execution: str, status: str) -> None:
    """Report the result to CodeDeploy, which takes only one for each run of the hook.

    If the answer is lost, boto3 repeats the report, and CodeDeploy refuses that because it has one. Lambda may also run
    the hook again after a report whose answers were all lost.

    Raises:
        botocore.exceptions.ClientError: CodeDeploy refused the report; the deployment then fails without one.
    """
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
    )
    client = boto3.client("codedeploy", config=config)
    try:
        client.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=execution, status=status
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "LifecycleEventAlreadyCompletedException":
            raise
        if error.response["ResponseMetadata"].get("RetryAttempts"):
            logger.info("CodeDeploy has this report: only its first answer was lost")
        else:
            logger.warning("CodeDeploy has an earlier report of %s already; %s was not reported", execution, status)


def verify(version: str, seconds: float) -> dict[str, Any]:
    """Invoke a version to check itself, and return its report.

    A denied invoke is repeated for `ACCESS_SECONDS`; one without an answer, or that Lambda could not run, until the
    time is over.

    Args:
        version: ARN of the function, with the version.
        seconds: the maximum time, repetitions included.

    Raises:
        NotVerified: the check failed, or the report does not say that models and store are ok.
        botocore.exceptions.ClientError: the version cannot be invoked.
        botocore.exceptions.BotoCoreError: Lambda does not answer.
    """
    begun = time.monotonic()
    while True:
        used = time.monotonic() - begun
        try:
            return _report(_invoke(version, min(INVOKE_SECONDS, seconds - used - CONNECT_SECONDS)))
        except (ClientError, ConnectionError, HTTPClientError) as error:
            used = time.monotonic() - begun + PAUSE_SECONDS
            if not _is_passing(error, used) or used + CONNECT_SECONDS >= seconds:
                raise
            logger.warning("the new version could not be invoked; again in %g s: %s", PAUSE_SECONDS, error)
            time.sleep(PAUSE_SECONDS)


def _invoke(version: str, seconds: float) -> dict[str, Any]:
    """Return Lambda's answer to one invoke, without repetitions."""
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=seconds, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", config=config)
    answer: dict[str, Any] = client.invoke(FunctionName=version, Payload=json.dumps({"operation": "verify"}).encode())
    return answer


def _is_passing(error: Exception, seconds: float) -> bool:
    """Return whether a fault may be over at the next attempt, which begins after that many seconds."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if error.response["Error"]["Code"] == "AccessDeniedException":
        return seconds <= ACCESS_SECONDS
    return bool(status in BUSY or status >= 500)  # noqa: PLR2004 - the faults of a server


def _report(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the report in an answer of Lambda.

    Raises:
        NotVerified: the version raised an error, or its report is not ok.
    """
    payload = answer["Payload"].read().decode("utf-8", "replace")
    if "FunctionError" in answer:
        raise NotVerified(f"{answer['FunctionError']}: {payload}")
    try:
        report = json.loads(payload)
        if (report["status"], report["store"]) == ("ok", "ok") and report["models"]:
            return dict(report)
    except (ValueError, KeyError, TypeError) as error:
        raise NotVerified(f"the version's answer is not a report: {payload}") from error
    raise NotVerified(f"the version's report is not ok: {payload}")
