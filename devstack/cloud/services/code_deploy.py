"""CodeDeploy's part of a release: the pre-traffic hook, then the alias moves step by step, all with its own role.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html. The waits of a canary and the
states of alarms are not modelled: an alarm must exist, and is taken to be silent.
"""

import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.services import HookRefused
from devstack.cloud.deploying.functions import route_alias
from devstack.cloud.deploying.resource_type import Shift, Site
from devstack.cloud.resources import Resource
from devstack.cloud.running.functions import CloudFunctions

SERVICE = "codedeploy.amazonaws.com"
GROUP = "AWS::CodeDeploy::DeploymentGroup"
CANARY_SHARE = 0.1
_ID_LETTERS = string.ascii_uppercase + string.digits


class DeploymentStopped(Exception):
    """CodeDeploy did not move the alias; the message says why."""


@dataclass
class _Deployment:
    group_arn: str
    execution: str
    status: str = ""


class CodeDeploy:
    """Moves the alias of one site; see `Site.shift`.

    Args:
        site: where the alias is.
        catalogue: the deployment's resources.
        functions: the running functions.

    Attributes:
        during_canary: called while the new version has `CANARY_SHARE` of the requests; an error stops the deployment.
    """

    def __init__(self, site: Site, catalogue: Catalogue, functions: CloudFunctions) -> None:
        self._site, self._catalogue, self._functions = site, catalogue, functions
        self.during_canary: Callable[[], None] = _nothing
        self._deployments: dict[str, _Deployment] = {}

    def connect(self, authorizer: Authorizer) -> None:
        """Set what decides about CodeDeploy's role, once the door is there."""
        self._authorizer = authorizer

    def shift(self, shift: Shift) -> None:
        """Let the hook check the new version, then move a first share of the requests to it.

        Raises:
            DeploymentStopped: CodeDeploy's role may not do it, or the hook did not agree.
        """
        group = self._group(shift)
        caller = self._role(group)
        function_arn = shift.alias.attributes["AliasArn"].rpartition(":")[0]
        for action in ("lambda:GetAlias", "lambda:UpdateAlias"):
            self._require(caller, action, function_arn)
        self._require(caller, "lambda:GetProvisionedConcurrencyConfig", shift.alias.attributes["AliasArn"])
        for name in _alarm_names(group):
            self._require(caller, "cloudwatch:DescribeAlarms", "*")
            if not any(alarm.physical_id == name for alarm in self._alarms()):
                raise DeploymentStopped(f"the alarm {name} does not exist")
        self._functions.publish()
        if shift.hook:
            self._run_hook(caller, group, shift.hook)
        alias_arn = shift.alias.attributes["AliasArn"]
        route_alias(self._site, shift.alias, shift.before, {shift.after: CANARY_SHARE})
        self._functions.route(alias_arn, {shift.after: CANARY_SHARE})
        try:
            self.during_canary()
        finally:
            route_alias(self._site, shift.alias, shift.before)
            self._functions.route(alias_arn, {})

    def deployment_group(self, deployment_id: str) -> str:
        """See `Services.deployment_group`."""
        return self._deployments[deployment_id].group_arn

    def report_hook(self, deployment_id: str, execution_id: str, status: str) -> None:
        """See `Services.report_hook`."""
        deployment = self._deployments[deployment_id]
        if execution_id != deployment.execution:
            raise HookRefused("InvalidLifecycleEventHookExecutionIdException", f"{execution_id} is none of this one")
        if deployment.status:
            raise HookRefused("LifecycleEventAlreadyCompletedException", "the hook has reported already")
        deployment.status = status

    def _run_hook(self, caller: Caller, group: Resource, hook: str) -> None:
        function, arn = self._catalogue.function(hook, None)
        if function is None:
            raise DeploymentStopped(f"the hook {hook} does not exist")
        self._require(caller, "lambda:InvokeFunction", arn)
        deployment_id = f"d-{''.join(secrets.choice(_ID_LETTERS) for _ in range(9))}"
        resource = f"deploymentgroup:{group.properties['ApplicationName']}/{group.physical_id}"
        deployment = _Deployment(self._catalogue.account.arn("codedeploy", resource), secrets.token_urlsafe(24))
        self._deployments[deployment_id] = deployment
        event = {"DeploymentId": deployment_id, "LifecycleEventHookExecutionId": deployment.execution}
        outcome = self._functions.invoke(arn, json.dumps(event).encode())
        if not deployment.status:  # after its end a function runs no more; CodeDeploy would wait for an hour
            raise DeploymentStopped(f"the hook did not report: {outcome.payload.decode(errors='replace')}")
        if deployment.status != "Succeeded":
            raise DeploymentStopped(f"the hook reported {deployment.status}")

    def _group(self, shift: Shift) -> Resource:
        for group in self._catalogue.of_type(GROUP):
            if group.physical_id == shift.group and group.properties["ApplicationName"] == shift.application:
                return group
        raise DeploymentStopped(f"the deployment group {shift.group} does not exist")

    def _role(self, group: Resource) -> Caller:
        authority = self._site.authority
        credentials = authority.assume(group.properties["ServiceRoleArn"], "codedeploy", by=SERVICE)
        return Caller(authority.principal_of(credentials.access_key_id))

    def _require(self, caller: Caller, action: str, resource: str) -> None:
        function = self._catalogue.function(resource, None)[0] if action.startswith("lambda:") else None
        decision = self._authorizer.decide(caller, Call(action.partition(":")[0], action, resource, function))
        if not decision.allowed:
            raise DeploymentStopped(f"CodeDeploy's role may not {action} on {resource} {decision.reason}")

    def _alarms(self) -> list[Resource]:
        types = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        return [alarm for kind in types for alarm in self._catalogue.of_type(kind)]


def _alarm_names(group: Resource) -> list[str]:
    return [alarm["Name"] for alarm in group.properties.get("AlarmConfiguration", {}).get("Alarms", [])]


def _nothing() -> None:
    """Watch nothing during a canary."""
