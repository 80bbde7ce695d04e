"""CodeDeploy moves an alias only with its role's rights, its alarms, and the agreement of the hook."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from devstack.cloud.aws_door.authorization import Authorizer
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.services import HookRefused
from devstack.cloud.deploying.resource_type import Shift, Site
from devstack.cloud.iam.authority import AccessDenied, Authority
from devstack.cloud.resources import Deployment, Resource
from devstack.cloud.services.code_deploy import CodeDeploy, DeploymentStopped
from devstack.lambda_runtime.invocation import Outcome, failure
from devstack.template.stack import Edit
from tests.devstack.cloud.deployments import simulate
from tests.template.edits import Source, properties, statement

BEFORE, AFTER = "1", "2"
Hook = Callable[[CodeDeploy, str, str], object]
"""What the hook does with CodeDeploy, the id of the deployment and the id of its own execution."""


class Scene:
    """A made-up deployment with alarms, and an alias whose calls are kept."""

    def __init__(self, hook: Hook, plant: Edit | None = None, *, missing_alarm: str = "") -> None:
        self.deployment = simulate(edit=plant)
        account = self.deployment.account
        group = self.deployment.only("AWS::CodeDeploy::DeploymentGroup")
        names = [alarm["Name"] for alarm in group.properties["AlarmConfiguration"]["Alarms"]]
        existing = [name for name in names if not missing_alarm or missing_alarm not in name]
        alarms = {name: Resource(name, "AWS::CloudWatch::Alarm", {}, name) for name in existing}
        self.deployment.nested["Monitoring"] = Deployment("alarms", account, {}, alarms)
        authority = Authority(account)
        role = self.deployment.resources["DeploymentRole"]
        (policy,) = role.properties["Policies"]
        authority.put_role(
            role.attributes["Arn"],
            role.properties["AssumeRolePolicyDocument"],
            {policy["PolicyName"]: policy["PolicyDocument"]},
        )
        self.weights: list[Mapping[str, float]] = []
        """Of the alias, after each change, as Lambda was told."""
        self.routed: list[Mapping[str, float]] = []
        """Likewise as the running functions know them."""
        self.checked: list[str] = []
        self._hook = hook
        catalogue = Catalogue(self.deployment)
        site: Any = Site(account, self, authority)  # type: ignore[arg-type]  # takes the place of moto
        self.code_deploy = CodeDeploy(site, catalogue, self)  # type: ignore[arg-type]  # and of the functions
        self.authorizer = Authorizer(catalogue)
        self.code_deploy.connect(self.authorizer)

    def call(self, service: str, operation: str, **parameters: Any) -> None:
        assert (service, operation, parameters["FunctionVersion"]) == ("lambda", "UpdateAlias", BEFORE)
        self.weights.append(parameters["RoutingConfig"]["AdditionalVersionWeights"])

    def publish(self) -> None:
        """Start nothing."""

    def route(self, _alias_arn: str, weights: Mapping[str, float]) -> None:
        self.routed.append(weights)

    def invoke(self, function_arn: str, payload: bytes) -> Outcome:
        self.checked.append(function_arn.rpartition(":")[2])
        event = json.loads(payload)
        outcome = self._hook(self.code_deploy, event["DeploymentId"], event["LifecycleEventHookExecutionId"])
        return outcome if isinstance(outcome, Outcome) else Outcome(b"null")

    def shift(self, **changes: str) -> None:
        group = self.deployment.only("AWS::CodeDeploy::DeploymentGroup")
        alias = self.deployment.only("AWS::Lambda::Alias")
        given = {
            "application": group.properties["ApplicationName"],
            "group": group.physical_id,
            "hook": "shop-pre-traffic",
            **changes,
        }
        self.code_deploy.shift(Shift(alias, BEFORE, AFTER, **given))


def agrees(code_deploy: CodeDeploy, deployment: str, execution: str) -> None:
    code_deploy.report_hook(deployment, execution, "Succeeded")


def without_action(sid: str, action: str) -> Edit:
    def plant(source: Source) -> None:
        body = statement(source, "DeploymentRole", sid)
        body["Action"] = [name for name in body["Action"] if name != action]

    return plant


def on_another_function(sid: str) -> Edit:
    def plant(source: Source) -> None:
        statement(source, "DeploymentRole", sid)["Resource"] = {"Fn::GetAtt": ["RotateSecretFunction", "Arn"]}

    return plant


def without_alarm_right(source: Source) -> None:
    statement(source, "DeploymentRole", "WatchAlarms")["Action"] = "cloudwatch:GetMetricData"


def test_the_new_version_gets_a_share_while_it_is_watched_and_none_after() -> None:
    # GIVEN a hook that agrees
    scene = Scene(agrees)
    during: list[list[Mapping[str, float]]] = []
    scene.code_deploy.during_canary = lambda: during.append(list(scene.routed))

    # WHEN the alias moves
    scene.shift()

    # THEN a tenth of the requests went to the new version, and then no weights are left
    assert scene.checked == ["shop-pre-traffic"]
    assert during == [[{AFTER: 0.1}]]
    assert scene.routed == scene.weights == [{AFTER: 0.1}, {}]


def test_the_weights_are_taken_back_after_an_error_during_the_canary() -> None:
    scene = Scene(agrees)

    def alarm() -> None:
        raise RuntimeError("an alarm rings")

    scene.code_deploy.during_canary = alarm

    with pytest.raises(RuntimeError, match="an alarm rings"):
        scene.shift()

    assert scene.routed[-1] == scene.weights[-1] == {}


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda code_deploy, *ids: code_deploy.report_hook(*ids, "Failed"), "the hook reported Failed"),
        (lambda *_: None, "the hook did not report: null"),
        (lambda *_: failure("Runtime.ExitError", "it crashed"), "the hook did not report.*it crashed"),
    ],
    ids=["disagrees", "says nothing", "crashes"],
)
def test_without_the_hooks_agreement_the_alias_stays(hook: Hook, reason: str) -> None:
    scene = Scene(hook)

    with pytest.raises(DeploymentStopped, match=reason):
        scene.shift()

    assert scene.weights == scene.routed == []


def test_a_hook_reports_once_and_for_its_own_execution() -> None:
    refused: list[str] = []

    def insists(code_deploy: CodeDeploy, deployment: str, execution: str) -> None:
        for given, status in (("another", "Succeeded"), (execution, "Failed"), (execution, "Succeeded")):
            try:
                code_deploy.report_hook(deployment, given, status)
            except HookRefused as error:
                refused.append(error.code)

    with pytest.raises(DeploymentStopped, match="Failed"):
        Scene(insists).shift()

    assert refused == ["InvalidLifecycleEventHookExecutionIdException", "LifecycleEventAlreadyCompletedException"]


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (without_action("MoveAlias", "lambda:UpdateAlias"), "lambda:UpdateAlias"),
        (without_action("MoveAlias", "lambda:GetAlias"), "lambda:GetAlias"),
        (without_action("MoveAlias", "lambda:GetProvisionedConcurrencyConfig"), "GetProvisionedConcurrencyConfig"),
        (on_another_function("MoveAlias"), "lambda:GetAlias"),
        (on_another_function("CheckBefore"), "lambda:InvokeFunction"),
        (without_alarm_right, "cloudwatch:DescribeAlarms"),
    ],
    ids=["move", "read", "provisioned", "another function", "another hook", "alarms"],
)
def test_a_role_without_a_right_moves_nothing(plant: Edit, reason: str) -> None:
    scene = Scene(agrees, plant)

    with pytest.raises(DeploymentStopped, match=f"CodeDeploy's role may not .*{reason}"):
        scene.shift()

    assert scene.weights == scene.routed == []


@pytest.mark.slow
def test_a_role_that_codedeploy_cannot_assume() -> None:
    def plant(source: Source) -> None:
        (trust,) = properties(source, "DeploymentRole")["AssumeRolePolicyDocument"]["Statement"]
        trust["Principal"] = {"Service": "lambda.amazonaws.com"}

    with pytest.raises(AccessDenied):
        Scene(agrees, plant).shift()


def test_a_missing_alarm_stops_the_deployment() -> None:
    with pytest.raises(DeploymentStopped, match=r"the alarm .*RollbackSlow.* does not exist"):
        Scene(agrees, missing_alarm="RollbackSlow").shift()


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"group": "another"}, "group another does not exist"), ({"application": "another"}, "does not exist"),
     ({"hook": "another"}, "the hook another does not exist")],
)  # fmt: skip
def test_a_group_or_hook_that_does_not_exist(change: dict[str, str], reason: str) -> None:
    with pytest.raises(DeploymentStopped, match=reason):
        Scene(agrees).shift(**change)


def test_without_a_hook_nothing_is_checked() -> None:
    scene = Scene(agrees)

    scene.shift(hook="")

    assert scene.checked == []
    assert scene.weights == [{AFTER: 0.1}, {}]


def test_a_deployment_is_named_by_its_group() -> None:
    groups: list[str] = []

    def asks(code_deploy: CodeDeploy, deployment: str, execution: str) -> None:
        groups.append(code_deploy.deployment_group(deployment))
        agrees(code_deploy, deployment, execution)

    scene = Scene(asks)
    scene.shift()

    group = scene.deployment.only("AWS::CodeDeploy::DeploymentGroup")
    name = f"deploymentgroup:{group.properties['ApplicationName']}/{group.physical_id}"
    assert groups == [scene.deployment.account.arn("codedeploy", name)]
    with pytest.raises(LookupError):
        scene.code_deploy.deployment_group("d-UNKNOWN00")
