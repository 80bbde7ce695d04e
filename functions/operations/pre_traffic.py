"""CodeDeploy's pre-traffic hook: lets a new version of the recommend function check itself, and reports the result.

The hook invokes the version with `{"operation": "verify"}`. The version answers all golden sessions of every model of
its route and makes a round trip to the session store, in its own network and with its own role. Any error is reported
as Failed: a hook that reports nothing delays a deployment for an hour.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

INVOKE_SECONDS = 30
"""The limit of one invoke: the new version's own limit is 10 s, and it may have to start first."""
ATTEMPTS = 3
"""The maximum of attempts: boto3 repeats an invoke after throttling and faults of Lambda."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class NotVerified(Exception):
    """The new version did not pass its check."""


def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """Check the version in NEW_VERSION_ARN and report the result to CodeDeploy.

    Args:
        event: `DeploymentId` and `LifecycleEventHookExecutionId`, as CodeDeploy sends them.

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
        report = verify(version)
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
    client = boto3.client("codedeploy")
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


def verify(version: str) -> dict[str, Any]:
    """Invoke a version to check itself, and return its report.

    Args:
        version: ARN of the function, with the version.

    Raises:
        NotVerified: the check failed, or the report does not say that models and store are ok.
        botocore.exceptions.ClientError: the version cannot be invoked.
    """
    config = Config(read_timeout=INVOKE_SECONDS, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    client = boto3.client("lambda", config=config)
    answer = client.invoke(FunctionName=version, Payload=json.dumps({"operation": "verify"}).encode())
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
