"""Mistakes in template.yaml, each of which would break or endanger a stack on AWS.

`caught_by` plays the story with one of them; what the story cannot notice is left to the checks of tests/template.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.template.stack import Edit, Values, deployed
from tests.cloud.story import StepFailed, run
from tests.template.checks import CHECKS
from tests.template.edits import (
    Source,
    not_awaited,
    plain_store,
    properties,
    stated,
    statement,
    with_value,
)

NODES: Values = {"StoreKind": "nodes"}
OTHER_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": "210987654321"}}


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        kind: such as ``prefix`` or ``condition``.
        plant: makes it.
        values: of the template's parameters.
    """

    kind: str
    plant: Edit
    values: Values = field(default_factory=dict)


def sub(text: str) -> dict[str, str]:
    """Return a Fn::Sub."""
    return {"Fn::Sub": text}


def models(*prefixes: str) -> list[dict[str, str]]:
    """Return objects of the bucket by prefix, as a statement names them."""
    return [sub(f"${{ModelBucket.Arn}}/{prefix}/*") for prefix in prefixes]


def via(service: str, region: str = "${AWS::Region}") -> dict[str, Any]:
    """Return the condition that a key is used by one service only."""
    return {"StringEquals": {"kms:ViaService": sub(f"{service}.{region}.amazonaws.com")}}


def variable(name: str, value: Any) -> Edit:
    """Set a variable of the recommend function."""

    def plant(source: Source) -> None:
        source["Globals"]["Function"]["Environment"]["Variables"][name] = value

    return plant


def store_url(change: Callable[[str], str]) -> Edit:
    """Change the text of both store URLs."""

    def plant(source: Source) -> None:
        _, *urls = source["Globals"]["Function"]["Environment"]["Variables"]["NEXTITEM_STORE_URL"]["Fn::If"]
        for url in urls:
            url["Fn::Sub"] = change(url["Fn::Sub"])

    return plant


def access(change: Callable[[str], str]) -> Edit:
    """Change the store user's access string."""

    def plant(source: Source) -> None:
        user = properties(source, "StoreUser")
        user["AccessString"] = change(user["AccessString"])

    return plant


def actions(owner: str, sid: str, *dropped: str) -> Edit:
    """Remove actions of a statement."""

    def plant(source: Source) -> None:
        body = statement(source, owner, sid)
        body["Action"] = [action for action in body["Action"] if action not in dropped]

    return plant


def endpoint(name: str, **changes: Any) -> Edit:
    """Change the statement of an endpoint's policy."""

    def plant(source: Source) -> None:
        (body,) = properties(source, name)["PolicyDocument"]["Statement"]
        body |= changes

    return plant


def port(group: str, number: int) -> Edit:
    """Change the port of a security group's ingress rule."""

    def plant(source: Source) -> None:
        (rule,) = properties(source, group)["SecurityGroupIngress"]
        rule |= {"FromPort": number, "ToPort": number}

    return plant


def trusted_by(role: str, service: str) -> Edit:
    """Let another service assume a role."""

    def plant(source: Source) -> None:
        (trust,) = properties(source, role)["AssumeRolePolicyDocument"]["Statement"]
        trust["Principal"] = {"Service": service}

    return plant


def removed(name: str) -> Edit:
    """Remove a resource, and the dependencies on it."""

    def plant(source: Source) -> None:
        del source["Resources"][name]
        for resource in source["Resources"].values():
            waits = resource.get("DependsOn", [])
            if name in waits and not isinstance(waits, str):
                waits.remove(name)
            elif name == waits:
                del resource["DependsOn"]

    return plant


def without_dependency(name: str) -> Edit:
    """Let a resource wait for nothing but what it refers to."""

    def plant(source: Source) -> None:
        del source["Resources"][name]["DependsOn"]

    return plant


def without_retention(name: str) -> Edit:
    """Let a resource go with its stack."""

    def plant(source: Source) -> None:
        source["Resources"][name] |= {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}

    return plant


MUTANTS: dict[str, Mutant] = {
    "models under another prefix": Mutant(
        "prefix", stated("RecommendRole", "ReadModels", Resource=models("model", "routes", "availability"))
    ),
    "no routes for the function": Mutant(
        "prefix", stated("RecommendRole", "ReadModels", Resource=models("models", "availability"))
    ),
    "no availability for the function": Mutant(
        "prefix", stated("RecommendRole", "ReadModels", Resource=models("models", "routes"))
    ),
    "a publisher of something else": Mutant(
        "prefix", stated("PublisherPolicy", "CreateVersions", Resource=models("artifacts"))
    ),
    "a promoter without models": Mutant(
        "prefix", stated("PromoterPolicy", "ReadModelsAndRoutes", Resource=models("routes"))
    ),
    "a function that reads old versions only": Mutant(
        "action", stated("RecommendRole", "ReadModels", Action="s3:GetObjectVersion")
    ),
    "a promoter who tags": Mutant("action", stated("PromoterPolicy", "ChangeRoutes", Action="s3:PutObjectTagging")),
    "a stock system that only reads": Mutant(
        "action", stated("AvailabilityPolicy", "ChangeAvailability", Action=["s3:GetObject"])
    ),
    "a hook that cannot report": Mutant(
        "action", stated("PreTrafficRole", "TellCodeDeploy", Action="codedeploy:GetDeployment")
    ),
    "a deployment that cannot move the alias": Mutant(
        "action", actions("DeploymentRole", "MoveAlias", "lambda:UpdateAlias")
    ),
    "a rotation that cannot finish": Mutant(
        "action", actions("RotateSecretRole", "RotateKeySecret", "secretsmanager:UpdateSecretVersionStage")
    ),
    "a rotation that cannot write": Mutant(
        "action", actions("RotateSecretRole", "RotateKeySecret", "secretsmanager:PutSecretValue")
    ),
    "another secret": Mutant(
        "resource",
        stated(
            "RecommendRole",
            "ReadKeySecret",
            Resource=sub("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:other-??????"),
        ),
    ),
    "the cache without its user": Mutant(
        "resource", stated("RecommendRole", "ConnectToStore", Resource=[{"Fn::GetAtt": ["ServerlessCache", "ARN"]}])
    ),
    "the user without its cache": Mutant(
        "resource", stated("RecommendRole", "ConnectToStore", Resource=[{"Fn::GetAtt": ["StoreUser", "Arn"]}]), NODES
    ),
    "a hook for the function without its versions": Mutant(
        "resource",
        stated("PreTrafficRole", "CheckNewVersion", Resource={"Fn::GetAtt": ["RecommendFunction", "Arn"]}),
    ),
    "a deployment that may check another function": Mutant(
        "resource",
        stated("DeploymentRole", "CheckBefore", Resource={"Fn::GetAtt": ["RotateSecretFunction", "Arn"]}),
    ),
    "a key for S3 only": Mutant("condition", stated("RecommendRole", "DecryptWhatItReads", Condition=via("s3"))),
    "a key for secrets only": Mutant(
        "condition", stated("RecommendRole", "DecryptWhatItReads", Condition=via("secretsmanager"))
    ),
    "a publisher's key in another region": Mutant(
        "condition", stated("PublisherPolicy", "UseKey", Condition=via("s3", "us-west-2"))
    ),
    "a publisher who may only overwrite": Mutant(
        "condition", stated("PublisherPolicy", "CreateVersions", Condition={"Null": {"s3:if-none-match": "true"}})
    ),
    "a bucket that refuses TLS": Mutant(
        "condition",
        stated("ModelBucketPolicy", "RefuseUnencryptedTransport", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    ),
    "an API permission for another API": Mutant(
        "condition",
        with_value(
            "HttpApiMayInvoke",
            "SourceArn",
            sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:other/*"),
        ),
    ),
    "a rotation permission for another secret": Mutant(
        "condition",
        with_value(
            "SecretsManagerMayRotate",
            "SourceArn",
            sub("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:other-abcdef"),
        ),
    ),
    "an S3 endpoint without objects": Mutant(
        "endpoint policy", endpoint("S3Endpoint", Resource=[{"Fn::GetAtt": ["ModelBucket", "Arn"]}])
    ),
    "an S3 endpoint for another account": Mutant("endpoint policy", endpoint("S3Endpoint", Condition=OTHER_ACCOUNT)),
    "a secret endpoint that only describes": Mutant(
        "endpoint policy", endpoint("SecretsManagerEndpoint", Action="secretsmanager:DescribeSecret")
    ),
    "one subnet without a route to S3": Mutant("missing endpoint", removed("PrivateRoutesOfA")),
    "no endpoint for secrets": Mutant("missing endpoint", removed("SecretsManagerEndpoint")),
    "a secret endpoint without private names": Mutant(
        "missing endpoint", with_value("SecretsManagerEndpoint", "PrivateDnsEnabled", False)
    ),
    "endpoints behind another port": Mutant("missing endpoint", port("EndpointSecurityGroup", 80)),
    "a store behind another port": Mutant("missing endpoint", port("StoreSecurityGroup", 6380)),
    "no way out to the store": Mutant("missing endpoint", removed("FunctionToStore"), NODES),
    "a store without HMGET": Mutant("ACL right", access(lambda text: text.replace("+hmget ", ""))),
    "a store without EVALSHA": Mutant("ACL right", access(lambda text: text.replace("+evalsha ", ""))),
    "a store for other keys": Mutant("ACL right", access(lambda text: text.replace("~nextitem:*", "~sessions:*"))),
    "a user who is off": Mutant("ACL right", access(lambda text: text.replace("on ~", "off ~")), NODES),
    "a store reached without TLS": Mutant("TLS", plain_store),
    "nodes without TLS": Mutant("TLS", with_value("NodeCache", "TransitEncryptionEnabled", False), NODES),
    "another user": Mutant("user", store_url(lambda text: text.replace("${StoreUser}", "visitor"))),
    "a user in no group": Mutant("user", with_value("StoreUsers", "UserIds", [])),
    "a user whose name is not its id": Mutant("user", with_value("StoreUser", "UserName", "visitor")),
    "no bucket": Mutant("variable", variable("NEXTITEM_BUCKET", "")),
    "no secret": Mutant("variable", variable("NEXTITEM_KEY_SECRET_ID", "")),
    "a password instead of a token": Mutant("variable", store_url(lambda text: text.replace("iam=", "name=")), NODES),
    "a token for nodes": Mutant("variable", store_url(lambda text: text.replace("&serverless=true", ""))),
    "no time for the store": Mutant("timeout", variable("NEXTITEM_STORE_TIMEOUT_MS", "0")),
    "no time for the check of a version": Mutant("timeout", with_value("PreTrafficFunction", "Timeout", 1)),
    "a version before the S3 endpoint": Mutant("dependency", not_awaited("RecommendFunction", "S3Endpoint")),
    "a version before the rule to the store": Mutant("dependency", not_awaited("RecommendFunction", "FunctionToStore")),
    "an integration before its permission": Mutant("dependency", without_dependency("HttpApiToFunction")),
    "a role for EC2": Mutant("trust", trusted_by("RecommendRole", "ec2.amazonaws.com")),
    "a deployment role for Lambda": Mutant("trust", trusted_by("DeploymentRole", "lambda.amazonaws.com")),
    "no route for events": Mutant("API", removed("AppendEventsRoute")),
    "an API that may not invoke": Mutant("API", removed("HttpApiMayInvoke")),
    "a bucket that is deleted": Mutant("retention", without_retention("ModelBucket")),
}
"""By their names."""


def caught_by(mutant: Mutant, folder: Path) -> str | None:
    """Return the step of the story that fails, or the check of tests/template that finds it; None if nothing does."""
    try:
        run(mutant.values, folder, edit=mutant.plant)
    except StepFailed as error:
        return f"story: {error.step}"
    stack = deployed(mutant.values, mutant.plant)
    return next((f"check: {check.__name__}" for check in CHECKS if check(stack)), None)
