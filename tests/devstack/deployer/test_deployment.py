"""A deployment of the template makes only calls that the deployer's policy grants, on the names that it covers."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from devstack.cloud.account import Account
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete, deploy
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.policy import Context, Decision, Principal, Request, Statement, evaluate, parse_policy
from devstack.cloud.resources import Resource
from devstack.deployer.__main__ import POLICY
from devstack.processes.children import Children
from devstack.services.bucket import start_moto
from devstack.template.stack import deployed
from tests.template.combinations import AUTH, COLD, MORE, STORE

pytestmark = pytest.mark.slow

THROUGH = {"aws:CalledVia": ("cloudformation.amazonaws.com",)}
STACK = "trial"
VERBS = {"Create": "POST", "Update": "PATCH", "Delete": "DELETE", "Get": "GET"}
"""API Gateway has HTTP's methods for actions."""
S3_ACTIONS = {
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""Operations of S3 whose action has another name."""
CREATED_BY = {
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch:PutCompositeAlarm",
    "AWS::CodeDeploy::Application": "codedeploy:CreateApplication",
    "AWS::ElastiCache::ReplicationGroup": "elasticache:CreateReplicationGroup",
    "AWS::ElastiCache::ServerlessCache": "elasticache:CreateServerlessCache",
    "AWS::ElastiCache::User": "elasticache:CreateUser",
    "AWS::ElastiCache::UserGroup": "elasticache:CreateUserGroup",
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy",
    "AWS::IAM::Role": "iam:CreateRole",
    "AWS::Lambda::CapacityProvider": "lambda:CreateCapacityProvider",
    "AWS::Lambda::Function": "lambda:CreateFunction",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::S3::Bucket": "s3:CreateBucket",
    "AWS::SNS::Topic": "sns:CreateTopic",
    "AWS::SecretsManager::Secret": "secretsmanager:CreateSecret",
}
"""The action that creates a resource, for types that can be limited to names."""
UNLIMITED = {"lambda:CreateCapacityProvider"}
"""AWS does not document the name of a capacity provider without one, so the policy covers all."""


class RecordingClients(Clients):
    """Keeps the actions of all calls."""

    actions: set[str]

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.actions.add(action_of(service, operation))
        return super().call(service, operation, **parameters)

    def check(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.actions.add(action_of(service, operation))
        return super().check(service, operation, **parameters)


def action_of(service: str, operation: str) -> str:
    """Return the IAM action of an API's operation."""
    if service == "apigatewayv2":
        (verb,) = [verb for prefix, verb in VERBS.items() if operation.startswith(prefix)]
        return f"apigateway:{verb}"
    if service == "stepfunctions":  # boto3's name
        return f"states:{operation}"
    return f"{service}:{S3_ACTIONS.get(operation, operation) if service == 's3' else operation}"


@pytest.fixture(scope="module", autouse=True)
def region() -> Iterator[None]:
    """Set a region: the SAM transform derives the partition from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", Account().region)
        yield


@pytest.fixture(scope="module")
def statements() -> tuple[Statement, ...]:
    """The deployer's statements for the stack, with the condition that it works through CloudFormation."""

    def concrete(value: Any) -> Any:
        match value:
            case {"Fn::Sub": str() as text}:
                for name, known in {
                    "AWS::Partition": "aws",
                    "AWS::Region": Account().region,
                    "AWS::AccountId": Account().id,
                    "StackName": STACK,
                    "ArtifactBucket": "packages",
                }.items():
                    text = text.replace(f"${{{name}}}", known)
                return text.replace("${AWS::URLSuffix}", "amazonaws.com")
            case {"Fn::If": [_, then, _]}:
                return concrete(then)
            case dict():
                return {key: concrete(item) for key, item in value.items()}
            case list():
                return [concrete(item) for item in value]
        return value

    policies = yaml.safe_load(POLICY.read_text())["Resources"].values()
    return tuple(
        statement for policy in policies for statement in parse_policy(concrete(policy["Properties"]["PolicyDocument"]))
    )


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingClients]:
    with Children() as children:
        endpoint, _ = start_moto(children, tmp_path_factory.mktemp("moto"))
        clients = RecordingClients(endpoint, Account())
        yield clients
        clients.close()


@pytest.mark.parametrize("store", STORE)
@pytest.mark.parametrize("cold", COLD)
def test_the_deployer_may_make_every_call_of_a_deployment(
    cold: str, store: str, clients: RecordingClients, statements: tuple[Statement, ...]
) -> None:
    # GIVEN a deployment with every option that adds resources, and its deletion
    values = {**COLD[cold], **STORE[store], **AUTH["token"], **MORE["domain-learning"], "PageEmail": "ops@example.com"}
    clients.actions = set()
    account = Account()
    site = Site(account, clients, Authority(account))
    deployment = deploy(site, deployed(values), STACK)
    arns = [
        (CREATED_BY[resource.type], arn_of(resource, account))
        for part in (deployment, *deployment.nested.values())
        for resource in part.resources.values()
        if resource.type in CREATED_BY
    ]
    retained = delete(site, deployment)
    clean(clients, retained)

    # THEN the policy grants each call
    assert len(clients.actions) > 60
    granted = {pattern.text.lower() for statement in statements for pattern in statement.actions}
    assert {action for action in clients.actions if action.lower() not in granted} == set()

    # AND each name, through CloudFormation only, and no name of another stack
    assert len(arns) > 30
    for action, arn in arns:
        assert decide(statements, action, arn, THROUGH) is Decision.ALLOW, (action, arn)
        assert decide(statements, action, arn, {}) is Decision.IMPLICIT_DENY, (action, arn)
        other = arn.replace(STACK, "another")
        if other != arn and action not in UNLIMITED:
            assert decide(statements, action, other, THROUGH) is Decision.IMPLICIT_DENY, (action, other)


def decide(statements: tuple[Statement, ...], action: str, arn: str, context: Context) -> Decision:
    return evaluate(statements, Request(action, arn, context, Principal()))


def arn_of(resource: Resource, account: Account) -> str:
    """Return a resource's ARN: an attribute, its physical id, or made of it."""
    for value in (*(resource.attributes.get(name, "") for name in ("Arn", "ARN")), resource.physical_id):
        if value.startswith("arn:"):
            return re.sub(r":\*$", "", value)
    name = resource.physical_id
    made = {
        "AWS::CloudWatch::Alarm": account.arn("cloudwatch", f"alarm:{name}"),
        "AWS::CloudWatch::CompositeAlarm": account.arn("cloudwatch", f"alarm:{name}"),
        "AWS::CodeDeploy::Application": account.arn("codedeploy", f"application:{name}"),
        "AWS::ElastiCache::ReplicationGroup": account.arn("elasticache", f"replicationgroup:{name}"),
    }
    return made[resource.type]


def clean(clients: Clients, retained: Iterable[Resource]) -> None:
    """Delete the buckets that the template retains: they would be there in the next test."""
    for resource in retained:
        if resource.type == "AWS::S3::Bucket":
            clients.client("s3").delete_bucket(Bucket=resource.physical_id)
