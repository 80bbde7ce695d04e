"""Step Functions' part of the learning loop: one task of a state machine at a time, with the machine's own role.

Which task comes next is not decided here: `tests/template/test_retraining.py` executes the whole machine in moto.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.deploying.state_machines import MACHINE, SERVICE, definition_of
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.resources import Resource
from devstack.lambda_runtime.invocation import Outcome

SAGEMAKER = "sagemaker.amazonaws.com"
RULE = "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"
"""By which Step Functions hears of the end of jobs.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html"""


class TaskFailed(Exception):
    """A task of a state machine was refused or failed; the message says why."""


class StateMachines:
    """Runs tasks of a deployment's state machines.

    Args:
        catalogue: the deployment's resources.
        authority: issues credentials of roles.
        authorizer: decides what a machine's role may do.
        invoke: runs a function by its ARN.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        authority: Authority,
        authorizer: Authorizer,
        invoke: Callable[[str, bytes], Outcome],
    ) -> None:
        self._catalogue, self._authority = catalogue, authority
        self._authorizer, self._invoke = authorizer, invoke

    def find(self, arn: str) -> Resource | None:
        """Return a state machine by its ARN."""
        return next((machine for machine in self._catalogue.of_type(MACHINE) if machine.physical_id == arn), None)

    def list_runs(self, machine: Resource, state: str) -> None:
        """Run a task that lists the machine's executions.

        Raises:
            TaskFailed: the role may not.
        """
        self._task(machine, state, ":aws-sdk:sfn:listExecutions")
        self._require(machine, Call("states", "states:ListExecutions", machine.physical_id))

    def call_function(self, machine: Resource, state: str, payload: Mapping[str, Any]) -> Any:
        """Run a task that invokes a function, and return the function's answer.

        Raises:
            TaskFailed: the role may not, or the function fails.
        """
        parameters = self._task(machine, state, ":lambda:invoke")
        function, arn = self._catalogue.function(parameters["FunctionName"], None)
        self._require(machine, Call("lambda", "lambda:InvokeFunction", arn, function))
        outcome = self._invoke(arn, json.dumps(payload).encode())
        if outcome.failed:
            raise TaskFailed(f"{state}: {outcome.payload.decode(errors='replace')}")
        return json.loads(outcome.payload)

    def start_job(self, machine: Resource, state: str, stack_name: str) -> tuple[str, Credentials]:
        """Run a task that starts a training job and waits for it; return the job's name and its credentials.

        Raises:
            TaskFailed: the role may not, or SageMaker cannot assume the job's role.
        """
        parameters = self._task(machine, state, ":sagemaker:createTrainingJob.sync")
        arn, name = self._catalogue.account.arn, f"{stack_name}-{uuid.uuid4()}"
        for action in ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "ListTags"):
            self._require(machine, Call("sagemaker", f"sagemaker:{action}", arn("sagemaker", f"training-job/{name}")))
        role = parameters["RoleArn"]
        self._require(machine, Call("iam", "iam:PassRole", role, None, {"iam:PassedToService": (SAGEMAKER,)}))
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            self._require(machine, Call("events", f"events:{action}", arn("events", RULE)))
        return name, self._authority.assume(role, "SageMaker", by=SAGEMAKER)

    def _task(self, machine: Resource, state: str, integration: str) -> dict[str, Any]:
        """Return the parameters of a task of an integration."""
        task = definition_of(machine.properties)["States"][state]
        if not task["Resource"].endswith(integration):
            raise TaskFailed(f"{state}: its resource is {task['Resource']}, not {integration}")
        parameters: dict[str, Any] = task["Parameters"]
        return parameters

    def _require(self, machine: Resource, call: Call) -> None:
        credentials = self._authority.assume(machine.properties["RoleArn"], "states", by=SERVICE)
        caller = Caller(self._authority.principal_of(credentials.access_key_id))
        if not self._authorizer.decide(caller, call).allowed:
            raise TaskFailed(f"the role of {machine.logical_id} may not {call.action} on {call.resource}")
