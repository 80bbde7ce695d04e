"""Checks: who may do what. Each returns one sentence for each fault that it finds in a stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.template.stack import Stack, listed

ROLE, MANAGED_POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"
JOIN_VPC = (
    "CreateNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "DeleteNetworkInterface",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
)

ON_EVERYTHING = {
    # X-Ray has no resources.
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    # Lambda makes the network interfaces, whose ids are not known; Describe actions have no resource.
    *(f"ec2:{action}" for action in JOIN_VPC),
    # CloudWatch wants it of whoever may see composite alarms.
    "cloudwatch:DescribeAlarms",
}
"""Actions that a role may have on all resources, since AWS offers nothing less."""

PATTERNS = {
    # The bucket's objects, by prefix.
    "${ModelBucket.Arn}/models/*": {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"},
    "${ModelBucket.Arn}/routes/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/availability/*": {"s3:GetObject", "s3:PutObject"},
    # Versions of the one function have numbers that are not known.
    "${Function}:*": {"lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"},
    # The one application's group: CloudFormation ends both names with letters of its own.
    "deploymentgroup:${AWS::StackName}-ServerlessDeploymentApplication-*": {
        "codedeploy:PutLifecycleEventHookExecutionStatus"
    },
}
"""Resources with a pattern in them, by their end, and what may be done with them."""

AWS_POLICIES = {"AWSLambdaManagedEC2ResourceOperator"}
"""AWS's own policies that a role may have: for what AWS alone knows."""

ALLOWED_TO_EVERYBODY = {"AWS::EC2::VPCEndpoint"}
"""Whose policies may name everybody: an endpoint's only narrows what a caller may do, and ours ask for the account."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, and whose it is."""

    owner: str
    owner_type: str
    body: dict[str, Any]

    @property
    def allows(self) -> bool:
        return bool(self.body["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        return listed(self.body["Action"])

    @property
    def resources(self) -> list[str]:
        """As text: ``${Name}`` and ``${Name.Attribute}`` stand for what a deployment knows."""
        return [as_text(one) for one in listed(self.body.get("Resource", []))]


def as_text(value: Any) -> str:
    """Write a reference as Fn::Sub would."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str() as text} | {"Fn::Sub": [str() as text, _]}:
            return text
    raise ValueError(f"no resource is named like {value}")


def statements(stack: Stack) -> Iterator[Statement]:
    """Every statement of every policy in a stack."""
    for name, resource in stack.resources.items():
        for document in _documents(resource.get("Properties", {})):
            for body in listed(document["Statement"]):
                yield Statement(name, resource["Type"], body)


def _documents(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument"):
        if key in properties:
            yield properties[key]
    for policy in properties.get("Policies", []):
        yield policy["PolicyDocument"]


def wide_permissions(stack: Stack) -> list[str]:
    """Wildcards in what roles and managed policies allow, beyond those that are listed above with their reasons."""
    faults = []
    for one in statements(stack):
        if not one.allows or one.owner_type not in {ROLE, MANAGED_POLICY}:
            continue
        faults += [f"{one.owner} may do {action}" for action in one.actions if "*" in action]
        for resource in one.resources:
            known = next((allowed for end, allowed in PATTERNS.items() if resource.endswith(end)), set())
            spare = set(one.actions) - (ON_EVERYTHING if resource == "*" else known)
            if "*" in resource and spare:
                faults.append(f"{one.owner} may do {sorted(spare)} on {resource}")
    for name, role in stack.of_type(ROLE).items():
        named = {as_text(arn).rpartition("/")[2] for arn in role.get("ManagedPolicyArns", [])}
        faults += [f"{name} has {policy}" for policy in sorted(named - AWS_POLICIES)]
    return faults


def open_to_others(stack: Stack) -> list[str]:
    """Policies of resources that admit everybody, or another principal of AWS than the account and services."""
    faults = []
    for one in statements(stack):
        principal = one.body.get("Principal")
        if not one.allows or principal is None:
            continue
        if principal == "*" or "*" in listed(principal.get("AWS", [])):
            asked = one.body.get("Condition", {}).get("StringEquals", {})
            own = asked.get("aws:PrincipalAccount") == {"Ref": "AWS::AccountId"}
            if one.owner_type not in ALLOWED_TO_EVERYBODY or not own:
                faults.append(f"{one.owner} admits everybody")
        elif "AWS" in principal and principal["AWS"] != {
            "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
        }:
            faults.append(f"{one.owner} admits {principal['AWS']}")
    for name, permission in stack.of_type("AWS::Lambda::Permission").items():
        if "SourceArn" not in permission:
            faults.append(f"{name} lets {permission['Principal']} invoke for anybody")
    return faults


def roles_for_more_than_services(stack: Stack) -> list[str]:
    """Roles that somebody else than a service may take."""
    return [
        f"{one.owner} may be taken by {one.body['Principal']}"
        for one in statements(stack)
        if one.owner_type == ROLE and "Principal" in one.body and list(one.body["Principal"]) != ["Service"]
    ]
