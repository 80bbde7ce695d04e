"""A deployment of template.yaml with made-up names, for tests that need its resources and nothing behind them."""

from typing import Any

from devstack.cloud.account import Account
from devstack.cloud.resources import Deployment, Resource
from devstack.template.dependencies import creation_order
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import Edit, Values, deployed

BUCKET = "shop-models"
STORE_HOST, STORE_PORT = "shop-sessions.cache.test", 6379
_NAMED_BY = {"AWS::ApiGatewayV2::Stage": "StageName", "AWS::ElastiCache::UserGroup": "UserGroupId"}
"""Types whose only made-up value is their name: the property that has it."""
_ENDPOINTS = ("Endpoint", "ReaderEndpoint", "PrimaryEndPoint", "ReaderEndPoint")


class Names:
    """Answers references by what exists already."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def ref(self, name: str) -> str:
        account = self._deployment.account
        pseudo = {
            "AWS::Region": account.region,
            "AWS::AccountId": account.id,
            "AWS::Partition": account.partition,
            "AWS::StackName": self._deployment.stack_name,
            "AWS::StackId": account.arn("cloudformation", "stack/shop/1"),
            "AWS::URLSuffix": "amazonaws.com",
        }
        return pseudo[name] if name in pseudo else self._deployment.resources[name].physical_id

    def attribute(self, name: str, attribute: str) -> str:
        return self._deployment.resources[name].attributes.get(attribute, f"{name}.{attribute}")

    def zones(self, region: str) -> list[str]:
        return [f"{region}{letter}" for letter in "abc"]


def simulate(values: Values | None = None, edit: Edit | None = None) -> Deployment:
    """Return a deployment of the template under parameter values, after an edit of its source."""
    stack = deployed(values, edit)
    deployment = Deployment("shop", Account(), stack.values)
    names = Names(deployment)
    for logical_id in creation_order(stack.resources):
        template = stack.resources[logical_id]
        properties: dict[str, Any] = resolve_value(template.get("Properties", {}), names)
        physical_id, attributes = _identify(deployment, logical_id, template["Type"], properties)
        deployment.resources[logical_id] = Resource(logical_id, template["Type"], properties, physical_id, attributes)
    return deployment


def _identify(deployment: Deployment, name: str, kind: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the physical id and the attributes of a resource."""
    account = deployment.account
    physical_id = properties[_NAMED_BY[kind]] if kind in _NAMED_BY else name
    attributes = {"Arn": f"arn:aws:test:::{name}"}
    match kind:
        case "AWS::S3::Bucket":
            physical_id, attributes = BUCKET, {"Arn": f"arn:aws:s3:::{BUCKET}"}
        case "AWS::IAM::Role":
            attributes = {"Arn": account.iam_arn(f"role/{name}")}
        case "AWS::EC2::VPC":
            attributes = {"CidrBlock": properties["CidrBlock"]}
        case "AWS::EC2::SecurityGroup":
            attributes = {"GroupId": name}
        case "AWS::Lambda::Function":
            physical_id = properties["FunctionName"]
            attributes = {"Arn": account.arn("lambda", f"function:{physical_id}")}
        case "AWS::Lambda::Version":
            physical_id = account.arn("lambda", f"function:{properties['FunctionName']}:1")
            attributes = {"FunctionArn": physical_id, "Version": "1"}
        case "AWS::Lambda::Alias":
            physical_id = account.arn("lambda", f"function:{properties['FunctionName']}:{properties['Name']}")
            attributes = {"AliasArn": physical_id}
        case "AWS::Logs::LogGroup":
            physical_id = properties["LogGroupName"]
            attributes = {"Arn": account.arn("logs", f"log-group:{physical_id}:*")}
        case "AWS::SecretsManager::Secret":
            physical_id = account.arn("secretsmanager", f"secret:{name}-abcdef")
        case "AWS::ElastiCache::User":
            physical_id = properties["UserId"]
            attributes = {"Arn": account.arn("elasticache", f"user:{physical_id}")}
        case "AWS::ElastiCache::ServerlessCache" | "AWS::ElastiCache::ReplicationGroup":
            physical_id = properties.get("ServerlessCacheName") or properties["ReplicationGroupId"]
            hosts = {f"{endpoint}.Address": STORE_HOST for endpoint in _ENDPOINTS}
            ports = {f"{endpoint}.Port": str(STORE_PORT) for endpoint in _ENDPOINTS}
            attributes = {"ARN": account.arn("elasticache", f"serverlesscache:{physical_id}"), **hosts, **ports}
    return physical_id, attributes


def recommend(deployment: Deployment) -> Resource:
    """Return the recommend function, on demand or on managed instances."""
    (function,) = [
        resource
        for resource in deployment.of_type("AWS::Lambda::Function")
        if resource.logical_id.endswith("RecommendFunction")
    ]
    return function
