"""EventBridge's part of the learning loop: a rule that fires invokes its functions, if their permissions let it.

No clock runs: a test or a person fires a rule.
"""

import json
from collections.abc import Callable
from typing import Any

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.deploying.events import RULE
from devstack.cloud.iam.authority import service_principal
from devstack.cloud.resources import Resource
from devstack.lambda_runtime.invocation import Outcome

SERVICE = "events.amazonaws.com"


class NotDelivered(Exception):
    """A target of a rule did not get the event, or failed; the message says which and why."""


class Schedules:
    """Fires the rules of a deployment.

    Args:
        catalogue: the deployment's resources.
        authorizer: decides whether EventBridge may invoke a function.
        invoke: runs a function by its ARN.
    """

    def __init__(self, catalogue: Catalogue, authorizer: Authorizer, invoke: Callable[[str, bytes], Outcome]) -> None:
        self._catalogue, self._authorizer, self._invoke = catalogue, authorizer, invoke

    def fire(self, logical_id: str) -> list[Any]:
        """Fire a rule now, and return what each of its targets answers.

        Args:
            logical_id: of the rule.

        Raises:
            KeyError: there is no such rule.
            NotDelivered: a target does not get the event, or fails.
        """
        rule = self._catalogue.resource(logical_id)
        if rule.type != RULE:
            raise KeyError(f"{logical_id} is no rule")
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [rule.attributes["Arn"]]}
        return [self._deliver(rule, target, event) for target in rule.properties["Targets"]]

    def _deliver(self, rule: Resource, target: dict[str, Any], event: dict[str, Any]) -> Any:
        function, arn = self._catalogue.function(target["Arn"], None)
        if function is None:
            raise NotDelivered(f"{rule.logical_id}: there is no function {target['Arn']}")
        source = {"aws:SourceArn": (rule.attributes["Arn"],), "aws:SourceAccount": (self._catalogue.account.id,)}
        caller = Caller(service_principal(SERVICE), None, source)
        if not self._authorizer.decide(caller, Call("lambda", "lambda:InvokeFunction", arn, function)).allowed:
            raise NotDelivered(f"{rule.logical_id}: EventBridge may not invoke {arn}")
        outcome = self._invoke(arn, json.dumps(event).encode())
        if outcome.failed:
            raise NotDelivered(f"{rule.logical_id}: {outcome.payload.decode(errors='replace')}")
        return json.loads(outcome.payload)
