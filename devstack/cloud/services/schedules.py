"""EventBridge's part of the learning loop: a rule that fires invokes functions and starts state machines, if it may.

No clock runs: a test or a person fires a rule.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.deploying.events import RULE
from devstack.cloud.iam.authority import AccessDenied, Authority, UnknownEntity, service_principal
from devstack.cloud.resources import Resource
from devstack.cloud.services.state_machines import StateMachines
from devstack.lambda_runtime.invocation import Outcome

SERVICE = "events.amazonaws.com"


class NotDelivered(Exception):
    """A target of a rule did not get the event, or failed; the message says which and why."""


class Schedules:
    """Fires the rules of a deployment.

    Args:
        catalogue: the deployment's resources.
        authority: issues credentials of the roles that start state machines.
        authorizer: decides whether EventBridge may.
        invoke: runs a function by its ARN.
        machines: finds state machines.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        authority: Authority,
        authorizer: Authorizer,
        invoke: Callable[[str, bytes], Outcome],
        machines: StateMachines,
    ) -> None:
        self._catalogue, self._authority, self._authorizer = catalogue, authority, authorizer
        self._invoke, self._machines = invoke, machines

    def fire(self, logical_id: str) -> list[Any]:
        """Fire a rule now, and return what each function answers, and the resource of each started state machine.

        Args:
            logical_id: of the rule.

        Raises:
            KeyError: there is no such rule.
            NotDelivered: a target does not get the event, or fails.
        """
        rule = self._catalogue.resource(logical_id)
        if rule.type != RULE:
            raise KeyError(f"{logical_id} is no rule")
        return [self._deliver(rule, target) for target in rule.properties["Targets"]]

    def _deliver(self, rule: Resource, target: dict[str, Any]) -> Any:
        source = {"aws:SourceArn": (rule.attributes["Arn"],), "aws:SourceAccount": (self._catalogue.account.id,)}
        if (machine := self._machines.find(target["Arn"])) is not None:
            return self._start(rule, target["RoleArn"], machine, source)
        function, arn = self._catalogue.function(target["Arn"], None)
        if function is None:
            raise NotDelivered(f"{rule.logical_id}: there is no function {target['Arn']}")
        caller = Caller(service_principal(SERVICE), None, source)
        if not self._authorizer.decide(caller, Call("lambda", "lambda:InvokeFunction", arn, function)).allowed:
            raise NotDelivered(f"{rule.logical_id}: EventBridge may not invoke {arn}")
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [rule.attributes["Arn"]]}
        outcome = self._invoke(arn, json.dumps(event).encode())
        if outcome.failed:
            raise NotDelivered(f"{rule.logical_id}: {outcome.payload.decode(errors='replace')}")
        return json.loads(outcome.payload)

    def _start(self, rule: Resource, role: str, machine: Resource, source: Mapping[str, tuple[str, ...]]) -> Resource:
        try:
            credentials = self._authority.assume(role, "events", by=SERVICE, context=source)
        except (AccessDenied, UnknownEntity) as error:
            raise NotDelivered(f"{rule.logical_id}: {error}") from error
        caller = Caller(self._authority.principal_of(credentials.access_key_id))
        if not self._authorizer.decide(caller, Call("states", "states:StartExecution", machine.physical_id)).allowed:
            raise NotDelivered(f"{rule.logical_id}: its role may not start {machine.physical_id}")
        return machine
