"""CodeDeploy's check before traffic: has a new version of the recommend function check itself, and tells CodeDeploy.

The version answers `{"operation": "verify"}`: it runs the certificate of every model of its route and makes a round
trip to the session store, from inside its own network and with its own role. Whatever goes wrong here, in the version
or on the way, is reported as Failed: a hook that says nothing would hold a deployment up for an hour. Knows no model.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config

INVOKE_SECONDS = 30
"""For one answer of the new version; its own time limit is 10 s, and it may have to start first."""
ATTEMPTS = 3
"""Of one invoke: what boto tries again is throttling and faults of Lambda's own."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class NotVerified(Exception):
    """The new version did not show that it works."""


def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """Check the version in NEW_VERSION_ARN and report what came of it.

    Args:
        event: `DeploymentId` and `LifecycleEventHookExecutionId`, as CodeDeploy sends them.

    Returns:
        The status that was reported, `Succeeded` or `Failed`.

    Raises:
        KeyError: the event is none of CodeDeploy's, so there is nobody to report to.
        botocore.exceptions.ClientError: CodeDeploy took no report; the deployment then fails for want of one.
    """
    deployment, execution = event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    status = "Failed"
    try:
        version = os.environ["NEW_VERSION_ARN"]
        checked = verify(version)
        logger.info("verified %s: %s", version, json.dumps(checked))
        status = "Succeeded"
    except Exception:  # whatever it is, CodeDeploy must hear of it
        logger.exception("the new version is not verified")
    finally:
        boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=execution, status=status
        )
    return {"status": status}


def verify(version: str) -> dict[str, Any]:
    """Have a version check itself and return its answer.

    Args:
        version: ARN of the function, with the version.

    Raises:
        NotVerified: it raised, or its answer does not say that models and store are in order.
        botocore.exceptions.ClientError: it could not be invoked.
    """
    config = Config(read_timeout=INVOKE_SECONDS, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    client = boto3.client("lambda", config=config)
    answer = client.invoke(FunctionName=version, Payload=json.dumps({"operation": "verify"}).encode())
    payload = answer["Payload"].read().decode("utf-8", "replace")
    if "FunctionError" in answer:
        raise NotVerified(f"{answer['FunctionError']}: {payload}")
    try:
        told = json.loads(payload)
        if (told["status"], told["store"]) == ("ok", "ok") and told["models"]:
            return dict(told)
    except (ValueError, KeyError, TypeError) as error:
        raise NotVerified(f"its answer makes no sense: {payload}") from error
    raise NotVerified(f"it is not in order: {payload}")
