"""Checks of permissions. Each returns one sentence for each fault in a stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devstack.template.stack import Stack, listed

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
    # CloudWatch requires it to read composite alarms.
    "cloudwatch:DescribeAlarms",
    # CloudWatch has no resources for reading metrics, ECR none for a login.
    "cloudwatch:GetMetricData",
    "ecr:GetAuthorizationToken",
}
"""Actions that a role may have on all resources, since AWS offers no narrower choice."""

PATTERNS = {
    # The bucket's objects, by prefix.
    "${ModelBucket.Arn}/models/*": {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"},
    "${ModelBucket.Arn}/routes/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/availability/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/catalogues/*": {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"},
    "${ModelBucket.Arn}/catalogues/routes/*": {"s3:PutObject"},
    "${ModelBucket.Arn}/catalogues/*/models/*": {"s3:PutObject", "s3:AbortMultipartUpload"},
    # The lake's files, by prefix.
    "${ModelBucket.Arn}/lake/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
    "${ModelBucket.Arn}/lake-deletions/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
    "${ModelBucket.Arn}/lake-state/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/audit/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/experiments/*": {"s3:GetObject"},
    "${ModelBucket.Arn}/experiments/*/record.json": {"s3:PutObject"},
    "${ModelBucket.Arn}/experiments/*/decisions/*": {"s3:PutObject"},
    "${ModelBucket.Arn}/drift/*": {"s3:GetObject", "s3:PutObject"},
    "${ModelBucket.Arn}/retraining/*": {"s3:GetObject"},
    "${ModelBucket.Arn}/retraining/*.json": {"s3:PutObject"},
    "${ModelBucket.Arn}/retraining/output/*": {"s3:PutObject"},
    "${ModelBucket.Arn}/models/*/verdict.json": {"s3:PutObject"},
    # Each training job has a name of its own, which begins with the stack's.
    ":training-job/${AWS::StackName}-*": {
        f"sagemaker:{action}" for action in ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "ListTags")
    },
    # The image is a parameter, in any repository of the account.
    ":repository/*": {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"},
    # SageMaker names the streams of a job's log, in a group of its own.
    ":log-group:/aws/sagemaker/TrainingJobs:*": {
        f"logs:{action}" for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents", "DescribeLogStreams")
    },
    # The numbers of the function's versions are not known.
    "${Function}:*": {
        "lambda:GetAlias",
        "lambda:UpdateAlias",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:InvokeFunction",
    },
    # CloudFormation adds letters to the names of the application and its group.
    "deploymentgroup:${AWS::StackName}-ServerlessDeploymentApplication-*": {
        "codedeploy:PutLifecycleEventHookExecutionStatus"
    },
}
"""Ends of resources with a wildcard, and the actions that are allowed on them."""

FAMILIES = {"kms:GenerateDataKey*"}
"""Patterns of actions that a role may have where another service calls them for it, which may call any of them."""

AWS_POLICIES = {"AWSLambdaManagedEC2ResourceOperator"}
"""AWS-managed policies that a role may have."""

ALLOWED_TO_EVERYBODY = {"AWS::EC2::VPCEndpoint"}
"""Types whose policy may name everybody: an endpoint's policy only narrows permissions; ours require the account."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with the resource that has the policy."""

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
        """The resources as text; ``${Name}`` and ``${Name.Attribute}`` stand for what only a deployment knows."""
        return [as_text(resource) for resource in listed(self.body.get("Resource", []))]


def as_text(value: Any) -> str:
    """Return a reference as text, as Fn::Sub writes it."""
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
    """Yield every statement of every policy in a stack."""
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
    """Find wildcards in what roles and managed policies allow, except those listed above."""
    faults = []
    for statement in statements(stack):
        if not statement.allows or statement.owner_type not in {ROLE, MANAGED_POLICY}:
            continue
        faults += [
            f"{statement.owner} may do {action}"
            for action in statement.actions
            if "*" in action and not (action in FAMILIES and "kms:ViaService" in str(statement.body.get("Condition")))
        ]
        for resource in statement.resources:
            known = next((allowed for end, allowed in PATTERNS.items() if resource.endswith(end)), set())
            spare = set(statement.actions) - (ON_EVERYTHING if resource == "*" else known)
            if "*" in resource and spare:
                faults.append(f"{statement.owner} may do {sorted(spare)} on {resource}")
    for name, role in stack.of_type(ROLE).items():
        named = {as_text(arn).rpartition("/")[2] for arn in role.get("ManagedPolicyArns", [])}
        faults += [f"{name} has {policy}" for policy in sorted(named - AWS_POLICIES)]
    return faults


def open_to_others(stack: Stack) -> list[str]:
    """Find policies of resources that admit everybody or another AWS account."""
    faults = []
    for statement in statements(stack):
        principal = statement.body.get("Principal")
        if not statement.allows or principal is None:
            continue
        if principal == "*" or "*" in listed(principal.get("AWS", [])):
            required = statement.body.get("Condition", {}).get("StringEquals", {})
            own = required.get("aws:PrincipalAccount") == {"Ref": "AWS::AccountId"}
            if statement.owner_type not in ALLOWED_TO_EVERYBODY or not own:
                faults.append(f"{statement.owner} admits everybody")
        elif "AWS" in principal and principal["AWS"] != {
            "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
        }:
            faults.append(f"{statement.owner} admits {principal['AWS']}")
    for name, permission in stack.of_type("AWS::Lambda::Permission").items():
        if "SourceArn" not in permission:
            faults.append(f"{name} lets {permission['Principal']} invoke for anybody")
    return faults


def roles_for_others(stack: Stack) -> list[str]:
    """Find roles that can be assumed by more than services."""
    return [
        f"{statement.owner} may be taken by {statement.body['Principal']}"
        for statement in statements(stack)
        if statement.owner_type == ROLE
        and "Principal" in statement.body
        and list(statement.body["Principal"]) != ["Service"]
    ]
