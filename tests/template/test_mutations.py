"""Each check finds the mistakes in template.yaml that it is meant for."""

from collections.abc import Callable

import pytest

from devstack.template.stack import Values, deployed
from tests.template import ordering, permissions, running, safety, write_once
from tests.template.checks import CHECKS, Check
from tests.template.combinations import LEARNING
from tests.template.edits import (
    Source,
    not_awaited,
    plain_store,
    properties,
    stated,
    statement,
    with_value,
    without,
    without_statement,
)


def both_cures(source: Source) -> None:
    properties(source, "RecommendFunction")["SnapStart"] = {"ApplyOn": "PublishedVersions"}


def unguarded_release(source: Source) -> None:
    del source["Globals"]["Function"]["DeploymentPreference"]["Hooks"]


def without_alarms(source: Source) -> None:
    del source["Globals"]["Function"]["DeploymentPreference"]["Alarms"]


def seen_together(source: Source) -> None:
    preference = source["Globals"]["Function"]["DeploymentPreference"]
    preference["Alarms"] = preference["Alarms"][:2]


def mistyped_handler(source: Source) -> None:
    source["Globals"]["Function"]["Handler"] = "recommend.handle"


def mistyped_module(source: Source) -> None:
    properties(source, "PreTrafficFunction")["Handler"] = "pretraffic.handler"


def node_store_always(source: Source) -> None:
    source["Conditions"]["NodeStore"] = {"Fn::Equals": ["1", "2"]}


def taken_by_an_account(source: Source) -> None:
    (trust,) = properties(source, "PreTrafficRole")["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}


def store_as_text(source: Source) -> None:
    """Leave nothing that refers to the cache: CloudFormation may then create it last."""
    source["Globals"]["Function"]["Environment"]["Variables"]["NEXTITEM_STORE_URL"] = "rediss://sessions.example:6379/0"
    statement(source, "RecommendRole", "ConnectToStore")["Resource"] = "*"


def policy_apart(source: Source) -> None:
    (policy,) = properties(source, "RecommendRole").pop("Policies")
    source["Resources"]["RecommendPolicy"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": policy | {"Roles": [{"Ref": "RecommendRole"}]},
    }


def plain_http(source: Source) -> None:
    del source["Resources"]["ModelBucketPolicy"]


NODES: Values = {"StoreKind": "nodes"}
PROVISIONED: Values = {"ColdStartStrategy": "provisioned"}
SNAPSTART: Values = {"ColdStartStrategy": "snapstart"}
MANAGED: Values = {"ColdStartStrategy": "managed-instances"}
DOMAIN: Values = {"DomainName": "a.example", "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0"}

MUTATIONS: dict[str, tuple[Callable[[Source], object], Values, Check]] = {
    "a role for everything": (stated("RecommendRole", "ReadModels", Resource="*"), {}, permissions.wide_permissions),
    "a role for every bucket": (
        stated("RecommendRole", "ReadModels", Resource="arn:aws:s3:::*"),
        {},
        permissions.wide_permissions,
    ),
    "every action": (stated("RecommendRole", "ReadModels", Action="s3:*"), {}, permissions.wide_permissions),
    "every secret": (stated("RotateSecretRole", "RotateKeySecret", Resource="*"), {}, permissions.wide_permissions),
    "a publisher who writes anywhere": (
        stated("PublisherPolicy", "CreateVersions", Resource={"Fn::Sub": "${ModelBucket.Arn}/*"}),
        {},
        permissions.wide_permissions,
    ),
    "an administrator": (
        with_value("RecommendRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        {},
        permissions.wide_permissions,
    ),
    "a key for everybody": (stated("Key", "UsedByLogs", Principal="*"), {}, permissions.open_to_others),
    "a key for another account": (
        stated("Key", "OwnedByTheAccount", Principal={"AWS": "arn:aws:iam::210987654321:root"}),
        {},
        permissions.open_to_others,
    ),
    "a bucket for everybody": (
        stated("ModelBucketPolicy", "RefuseUnencryptedTransport", Effect="Allow"),
        {},
        permissions.open_to_others,
    ),
    "an API that anybody's gateway invokes": (
        without("HttpApiMayInvoke", "SourceArn"),
        {},
        permissions.open_to_others,
    ),
    "a role that people take": (taken_by_an_account, {}, permissions.roles_for_others),
    "a promoter who may write another past": (
        without_statement("ModelBucketPolicy", "RefuseToReplaceHistory"),
        {},
        write_once.overwritable_objects,
    ),
    "a past that may be replaced if it is as it was read": (
        stated(
            "ModelBucketPolicy",
            "RefuseToReplaceHistory",
            Condition={"Null": {"s3:if-none-match": "true", "s3:if-match": "true"}},
        ),
        {},
        write_once.overwritable_objects,
    ),
    "a training job that may replace versions": (
        stated("TrainingRole", "CreateVersions", Condition={}),
        LEARNING,
        write_once.overwritable_objects,
    ),
    "a compaction that replaces what it has not read": (
        stated("CompactRole", "RewriteFiles", Condition={}),
        LEARNING,
        write_once.overwritable_objects,
    ),
    "a public bucket": (without("ModelBucket", "PublicAccessBlockConfiguration"), {}, safety.public_buckets),
    "a bucket that may be public by its policy": (
        lambda source: properties(source, "ModelBucket")["PublicAccessBlockConfiguration"].update(
            BlockPublicPolicy=False
        ),
        {},
        safety.public_buckets,
    ),
    "a bucket of access control lists": (
        with_value("ModelBucket", "OwnershipControls", {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
        {},
        safety.public_buckets,
    ),
    "a bucket that the next stack cannot create": (
        with_value("ModelBucket", "BucketName", {"Fn::Sub": "${AWS::StackName}-models"}),
        {},
        safety.names_that_outlive_their_stack,
    ),
    "a readable bucket": (with_value("ModelBucket", "AccessControl", "PublicRead"), {}, safety.public_buckets),
    "a bucket in plain": (without("ModelBucket", "BucketEncryption"), {}, safety.unencrypted_at_rest),
    "a cache under AWS's key": (without("ServerlessCache", "KmsKeyId"), {}, safety.unencrypted_at_rest),
    "nodes in plain": (with_value("NodeCache", "AtRestEncryptionEnabled", False), NODES, safety.unencrypted_at_rest),
    "a secret under AWS's key": (without("KeySecret", "KmsKeyId"), {}, safety.unencrypted_at_rest),
    "a key for ever": (with_value("Key", "EnableKeyRotation", False), {}, safety.unencrypted_at_rest),
    "a store without TLS": (plain_store, {}, safety.unencrypted_in_transit),
    "nodes reached without TLS": (plain_store, NODES, safety.unencrypted_in_transit),
    "nodes without TLS": (
        with_value("NodeCache", "TransitEncryptionEnabled", False),
        NODES,
        safety.unencrypted_in_transit,
    ),
    "nodes that prefer TLS": (
        with_value("NodeCache", "TransitEncryptionMode", "preferred"),
        NODES,
        safety.unencrypted_in_transit,
    ),
    "a bucket without TLS": (plain_http, {}, safety.unencrypted_in_transit),
    "logs for ever": (without("RecommendLogs", "RetentionInDays"), {}, safety.unprotected_logs),
    "access logs for ever": (without("HttpApiLogs", "RetentionInDays"), {}, safety.unprotected_logs),
    "logs of Lambda's own making": (without("PreTrafficFunction", "LoggingConfig"), {}, safety.unprotected_logs),
    "logs unmasked": (without("OperationsLogs", "DataProtectionPolicy"), {}, safety.unprotected_logs),
    "no access log": (without("HttpApiStage", "AccessLogSettings"), {}, safety.unprotected_logs),
    "SnapStart with provisioned concurrency": (both_cures, PROVISIONED, running.cold_start_conflicts),
    "reserved concurrency on managed instances": (
        with_value("ManagedRecommendFunction", "ReservedConcurrentExecutions", 5),
        MANAGED,
        running.cold_start_conflicts,
    ),
    "text logs on managed instances": (
        with_value("ManagedRecommendFunction", "LoggingConfig", {"LogFormat": "Text"}),
        MANAGED,
        running.cold_start_conflicts,
    ),
    "a handler with a typo": (mistyped_handler, {}, running.missing_handlers),
    "a handler with a typo on managed instances": (mistyped_handler, MANAGED, running.missing_handlers),
    "a module with a typo": (mistyped_module, {}, running.missing_handlers),
    "a release without a check": (unguarded_release, {}, running.releases_without_checks),
    "a release without alarms": (without_alarms, {}, running.releases_without_checks),
    "a canary that is seen among all others": (seen_together, {}, running.versions_without_alarms),
    "alarms on what is not released": (
        lambda source: properties(source, "Monitoring")["Parameters"].update(ExecutedVersion="$LATEST"),
        {},
        running.versions_without_alarms,
    ),
    "alarms on the other form of the function": (
        lambda source: properties(source, "Monitoring")["Parameters"].update(
            ExecutedVersion={"Fn::GetAtt": ["RecommendFunction.Version", "Version"]}
        ),
        MANAGED,
        running.versions_without_alarms,
    ),
    "a reference to what is not there": (node_store_always, NODES, running.dangling_references),
    "a version before the S3 endpoint": (
        not_awaited("RecommendFunction", "S3Endpoint"),
        {},
        ordering.versions_without_a_way_out,
    ),
    "a version before the secret's endpoint": (
        not_awaited("RecommendFunction", "SecretsManagerEndpoint"),
        PROVISIONED,
        ordering.versions_without_a_way_out,
    ),
    "a version before the routes of its first subnet": (
        not_awaited("RecommendFunction", "PrivateRoutesOfA"),
        NODES,
        ordering.versions_without_a_way_out,
    ),
    "a version before the routes of its second subnet": (
        not_awaited("RecommendFunction", "PrivateRoutesOfB"),
        {},
        ordering.versions_without_a_way_out,
    ),
    "a version before the rule to the store": (
        not_awaited("RecommendFunction", "FunctionToStore"),
        SNAPSTART,
        ordering.versions_without_a_way_out,
    ),
    "a version before the endpoint of logs": (
        not_awaited("ManagedRecommendFunction", "LogsEndpoint"),
        MANAGED,
        ordering.versions_without_a_way_out,
    ),
    "a version before the endpoint of traces": (
        not_awaited("ManagedRecommendFunction", "TracesEndpoint"),
        MANAGED,
        ordering.versions_without_a_way_out,
    ),
    "a version before its policy": (policy_apart, {}, ordering.versions_without_a_way_out),
    "a version that names the store as text": (store_as_text, {}, ordering.versions_without_a_way_out),
    "an API before its permission": (
        not_awaited("HttpApiToFunction", "HttpApiMayInvoke"),
        {},
        ordering.invocations_without_permission,
    ),
    "a rotation before its permission": (
        not_awaited("KeyRotation", "SecretsManagerMayRotate"),
        {},
        ordering.invocations_without_permission,
    ),
    "scaling before its alias": (
        not_awaited("WarmEnvironments", "RecommendFunctionAliaslive"),
        PROVISIONED,
        ordering.scaling_without_its_target,
    ),
    "an open route": (with_value("AppendEventsRoute", "AuthorizationType", "NONE"), {}, running.open_routes),
    "old TLS on the domain": (
        lambda source: properties(source, "HttpApiDomain")["DomainNameConfigurations"][0].update(
            SecurityPolicy="TLS_1_0"
        ),
        DOMAIN,
        safety.unencrypted_in_transit,
    ),
}


@pytest.mark.parametrize(("plant", "values", "check"), MUTATIONS.values(), ids=MUTATIONS.keys())
@pytest.mark.slow
def test_a_mistake_is_found(plant: Callable[[Source], object], values: Values, check: Check) -> None:
    assert check(deployed(values)) == []

    assert check(deployed(values, plant)) != []


def test_every_check_has_a_mistake_that_it_finds() -> None:
    assert {check.__name__ for check in CHECKS} == {check.__name__ for _, _, check in MUTATIONS.values()}
