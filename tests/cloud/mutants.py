"""Mistakes in template.yaml, each of which would break or endanger a stack on AWS.

`caught_by` plays the story with one of them; what the story cannot notice is left to the checks of tests/template.
"""

from pathlib import Path

from devstack.template.stack import deployed
from tests.cloud.matrix import TOKENS
from tests.cloud.mistakes import (
    MANAGED,
    NODES,
    OTHER_ACCOUNT,
    Mutant,
    access,
    actions,
    cors,
    endpoint,
    models,
    output,
    port,
    removed,
    store_url,
    sub,
    trusted_by,
    variable,
    via,
    without_dependency,
    without_retention,
)
from tests.cloud.playing import StepFailed, run
from tests.template.checks import CHECKS
from tests.template.edits import not_awaited, plain_store, stated, with_value
from tests.template.refusals.cloud import concrete
from tests.template.refusals.table import refused

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
    "a stage that is not deployed": Mutant("API", with_value("HttpApiStage", "AutoDeploy", False)),
    "a stage under a path": Mutant("API", with_value("HttpApiStage", "StageName", "prod")),
    "a route with a scope of nobody": Mutant(
        "API", with_value("AppendEventsRoute", "AuthorizationScopes", ["admin"]), TOKENS
    ),
    "a token in another header": Mutant(
        "API", with_value("TokenAuthorizer", "IdentitySource", ["$request.header.X-Token"]), TOKENS
    ),
    "pages that may not send a token": Mutant("API", cors("AllowHeaders", ["content-type"]), TOKENS),
    "pages that may not delete": Mutant("API", cors("AllowMethods", ["GET", "POST"]), TOKENS),
    "a preflight request that needs a token": Mutant("API", removed("PreflightRoute"), TOKENS),
    "no patience for the function": Mutant("timeout", with_value("HttpApiToFunction", "TimeoutInMillis", 50)),
    "a hook that cannot log": Mutant(
        "action", stated("PreTrafficRole", "WriteLogs", Action=["logs:DescribeLogStreams"])
    ),
    "a rotation that logs for another": Mutant(
        "resource", stated("RotateSecretRole", "WriteLogs", Resource={"Fn::GetAtt": ["RecommendLogs", "Arn"]})
    ),
    "a hook that cannot trace": Mutant(
        "service", stated("PreTrafficRole", "SendTraces", Action=["xray:PutTelemetryRecords"])
    ),
    "an operator that starts no instances": Mutant(
        "service", with_value("InstancesRole", "ManagedPolicyArns", []), MANAGED
    ),
    "a hook that is switched off": Mutant(
        "service", with_value("PreTrafficFunction", "ReservedConcurrentExecutions", 0)
    ),
    "a hook that is the rotation": Mutant(
        "service", with_value("PreTrafficFunction", "Handler", "rotate_secret.handler")
    ),
    "nodes in cluster mode": Mutant(
        "service", with_value("NodeCache", "CacheParameterGroupName", "default.valkey8.cluster.on"), NODES
    ),
    "nodes of another version": Mutant("service", with_value("NodeCache", "EngineVersion", "7.2"), NODES),
    "nodes behind another port": Mutant("service", with_value("NodeCache", "Port", 6380), NODES),
    "a key that only signs": Mutant("service", with_value("Key", "KeyUsage", "GENERATE_VERIFY_MAC")),
    "another URL in the outputs": Mutant("API", output("ApiUrl", sub("https://${HttpApi}.example.com"))),
}
"""By their names."""


def caught_by(mutant: Mutant, folder: Path) -> str | None:
    """Return the step of the story that fails, or the check or refusal of tests/template that finds it, or None."""
    try:
        run(mutant.values, folder, edit=mutant.plant)
    except StepFailed as error:
        return f"story: {error.step}"
    stack = deployed(mutant.values, mutant.plant)
    found = [f"check: {check.__name__}" for check in CHECKS if check(stack)]
    found += [f"refusal: {fault}" for fault in refused(concrete(stack))]
    return next(iter(found), None)
