"""A deployment of template.yaml with made-up names, for tests that need its resources and nothing behind them."""

from typing import Any

from devstack.cloud.account import Account
from devstack.cloud.resources import Deployment, Resource
from devstack.template.dependencies import creation_order
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import Edit, Values, deployed

BUCKET = "shop-models"
STORE_HOST = "shop-sessions.cache.test"
_ENDPOINTS = ("Endpoint", "ReaderEndpoint", "PrimaryEndPoint", "ReaderEndPoint")


class Names:
    """Answers references: each resource is named by its logical id."""

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
        physical_id = BUCKET if template["Type"] == "AWS::S3::Bucket" else logical_id
        attributes = {"Arn": f"arn:{logical_id}", "CidrBlock": properties.get("CidrBlock", "")}
        if template["Type"] == "AWS::EC2::SecurityGroup":
            attributes["GroupId"] = physical_id
        if template["Type"].startswith("AWS::ElastiCache::"):
            attributes |= {f"{kind}.Address": STORE_HOST for kind in _ENDPOINTS}
            attributes |= {f"{kind}.Port": "6379" for kind in _ENDPOINTS}
        deployment.resources[logical_id] = Resource(
            logical_id, template["Type"], properties, physical_id, {k: v for k, v in attributes.items() if v}
        )
    return deployment


def recommend(deployment: Deployment) -> Resource:
    """Return the recommend function, on demand or on managed instances."""
    (function,) = [
        resource
        for resource in deployment.of_type("AWS::Lambda::Function")
        if resource.logical_id.endswith("RecommendFunction")
    ]
    return function
