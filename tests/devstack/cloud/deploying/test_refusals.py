"""What AWS refuses when it creates a resource is refused here, by name, and leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete
from devstack.cloud.resources import Deployment
from tests.devstack.cloud.deploying.small import (
    Small,
    alarm,
    function,
    key,
    role,
    serverless_cache,
    small,
    user,
    user_group,
)

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Deploy = Callable[..., Deployment]
VPC = small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23", EnableDnsSupport=True, EnableDnsHostnames=True)
PRIVATE = small(
    "AWS::EC2::VPCEndpoint",
    VpcEndpointType="Interface",
    VpcId={"Ref": "Vpc"},
    ServiceName="com.amazonaws.eu-central-1.secretsmanager",
    PrivateDnsEnabled=True,
)
JOIN_VPC = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]
IN_VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
NODES = {
    "ReplicationGroupId": "r-sessions",
    "ReplicationGroupDescription": "Sessions",
    "Engine": "valkey",
    "CacheNodeType": "cache.t4g.small",
    "NumCacheClusters": 2,
    "AutomaticFailoverEnabled": True,
    "MultiAZEnabled": True,
    "TransitEncryptionEnabled": True,
    "UserGroupIds": [{"Ref": "Users"}],
}
STORE = {"User": user("r-user"), "Users": user_group("r-users")}


def group(name: str, key_id: Any = None) -> Small:
    return small("AWS::Logs::LogGroup", LogGroupName=name, KmsKeyId=key_id)


def policy(action: str, principal: Any, resource: Any = "*") -> dict[str, Any]:
    named = {} if principal is None else {"Principal": principal}
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **named}
    return {"Version": "2012-10-17", "Statement": [statement]}


def bucket(document: dict[str, Any]) -> dict[str, Small]:
    return {
        "Bucket": small("AWS::S3::Bucket", PublicAccessBlockConfiguration={"BlockPublicPolicy": True}),
        "Policy": small("AWS::S3::BucketPolicy", Bucket={"Ref": "Bucket"}, PolicyDocument=document),
    }


def deployment_group(**properties: Any) -> dict[str, Small]:
    whole = {
        "ApplicationName": {"Ref": "Application"},
        "ServiceRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DeploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce",
        **properties,
    }
    return {
        "Application": small("AWS::CodeDeploy::Application", ComputePlatform="Lambda"),
        "Role": role(service="codedeploy.amazonaws.com"),
        "Group": small("AWS::CodeDeploy::DeploymentGroup", **whole),
    }


ACCEPTED: dict[str, dict[str, Small]] = {
    "function in the VPC": {"Role": role(JOIN_VPC), "Function": function("r-function", VpcConfig=IN_VPC)},
    "log group": {"Key": key(), "Group": group("r-logs", {"Fn::GetAtt": ["Key", "Arn"]})},
    "endpoint": {"Vpc": VPC, "Endpoint": PRIVATE},
    "store": {**STORE, "Cache": serverless_cache("r-sessions")},
    "nodes": {**STORE, "Cache": small("AWS::ElastiCache::ReplicationGroup", **NODES)},
    "deployment group": deployment_group(),
    "rotation": {
        "Role": role(),
        "Function": function("r-rotate"),
        "Secret": small("AWS::SecretsManager::Secret", GenerateSecretString={"PasswordLength": "32"}),
        "Permission": small(
            "AWS::Lambda::Permission",
            FunctionName={"Ref": "Function"},
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
            SourceArn={"Ref": "Secret"},
        ),
        "Rotation": small(
            "AWS::SecretsManager::RotationSchedule",
            SecretId={"Ref": "Secret"},
            RotationLambdaARN={"Fn::GetAtt": ["Function", "Arn"]},
            RotationRules={"AutomaticallyAfterDays": {"Fn::Sub": "90"}},
        ),
    },
}
ROTATION = ACCEPTED["rotation"]
REFUSED: dict[str, tuple[dict[str, Small], str]] = {
    "type": ({"Queue": small("AWS::SQS::Queue")}, r"Queue: the type AWS::SQS::Queue is not modelled"),
    "property": (
        {"Group": small("AWS::Logs::LogGroup", Retention=3)},
        r"Group \(AWS::Logs::LogGroup\): the property Retention is not modelled",
    ),
    "nested property": (
        {"Role": role(), "Function": function("r-function", Environment={"Variable": {}})},
        r"Function \(AWS::Lambda::Function\): refused: Environment\.Variable is unknown",
    ),
    "enumeration": (
        {"Role": role(), "Function": function("r-function", Runtime="python3.99")},
        r"Runtime: 'python3.99' is not one of",
    ),
    "maximum": ({"Role": role(), "Function": function("r-function", MemorySize="40000")}, "MemorySize: 40000"),
    "pattern": ({"User": user("9-begins-with-a-digit")}, "UserId: .* does not match"),
    "required by the API": ({"Vpc": small("AWS::EC2::Subnet", CidrBlock="10.0.0.0/24")}, "VpcId is missing"),
    "required by CloudFormation": ({"Key": small("AWS::KMS::Key")}, "'KeyPolicy' is missing"),
    "attribute": (
        {"Vpc": VPC, "Routes": small("AWS::EC2::RouteTable", VpcId={"Fn::GetAtt": ["Vpc", "Name"]})},
        r"Routes .*: Fn::GetAtt Vpc.Name: there is no such resource or attribute",
    ),
    "role of another service": (
        {"Role": role(service="ec2.amazonaws.com"), "Function": function("r-function")},
        "lambda.amazonaws.com is not authorized",
    ),
    "role that cannot join the VPC": (
        {"Role": role(JOIN_VPC[:2]), "Function": function("r-function", VpcConfig=IN_VPC)},
        "ec2:DeleteNetworkInterface",
    ),
    "policy that IAM does not take": ({"Role": role(["s3.GetObject"])}, "MalformedPolicyDocument"),
    "key of another service": (
        {"Key": key("s3.eu-central-1.amazonaws.com"), "Group": group("r-logs", {"Fn::GetAtt": ["Key", "Arn"]})},
        "does not allow logs.eu-central-1.amazonaws.com to kms:Encrypt",
    ),
    "key that its account could not change": (
        {"Key": small("AWS::KMS::Key", KeyPolicy=policy("kms:*", {"Service": "logs.eu-central-1.amazonaws.com"}))},
        "kms:PutKeyPolicy",
    ),
    "policy of an endpoint without principals": (
        {"Vpc": VPC, "Endpoint": (PRIVATE[0], {**PRIVATE[1], "PolicyDocument": policy("s3:*", None)})},
        "Principal",
    ),
    "policy of another bucket": (
        bucket(policy("s3:GetObject", "*", "arn:aws:s3:::other/*")),
        "arn:aws:s3:::other/. is not in arn:aws:s3:::",
    ),
    "policy of a bucket about another service": (
        bucket(policy("sqs:SendMessage", "*", {"Fn::GetAtt": ["Bucket", "Arn"]})),
        "sqs:SendMessage is no action of S3",
    ),
    "public policy of a private bucket": (
        bucket(policy("s3:ListBucket", "*", {"Fn::GetAtt": ["Bucket", "Arn"]})),
        "BlockPublicPolicy",
    ),
    "no such key": ({"Group": group("r-logs", "arn:aws:kms:eu-central-1:123456789012:key/none")}, "there is no key"),
    "VPC without names": (
        {"Vpc": small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23"), "Endpoint": PRIVATE},
        "EnableDnsHostnames",
    ),
    "VPC without DNS": (
        {"Vpc": (VPC[0], {**VPC[1], "EnableDnsSupport": "false"}), "Endpoint": PRIVATE},
        "EnableDnsSupport",
    ),
    "endpoint of no service": (
        {"Vpc": VPC, "Endpoint": (PRIVATE[0], {**PRIVATE[1], "ServiceName": "com.amazonaws.eu-central-1.secrets"})},
        "there is no service com.amazonaws.eu-central-1.secrets",
    ),
    "endpoint of another region": (
        {"Vpc": VPC, "Endpoint": (PRIVATE[0], {**PRIVATE[1], "ServiceName": "com.amazonaws.eu-west-1.s3"})},
        "there is no service com.amazonaws.eu-west-1.s3",
    ),
    "user by IAM with two names": ({"User": user("r-user", UserName="other")}, "must equal UserId"),
    "group of no user": ({"Users": user_group("r-users", UserIds=["nobody"])}, "there is no user nobody"),
    "group of another engine": (
        {"User": user("r-user", Engine="redis"), "Users": user_group("r-users")},
        "the engine of r-user is redis, not valkey",
    ),
    "store of another engine": (
        {**STORE, "Cache": serverless_cache("r-sessions", Engine="redis")},
        "the engine of the user group r-users is valkey",
    ),
    "second user of one name": ({"User": user("r-user"), "Other": user("r-user")}, "r-user already exists"),
    "users without TLS": (
        {**STORE, "Cache": small("AWS::ElastiCache::ReplicationGroup", **NODES | {"TransitEncryptionEnabled": False})},
        "access control needs TransitEncryptionEnabled",
    ),
    "zones without failover": (
        {**STORE, "Cache": small("AWS::ElastiCache::ReplicationGroup", **NODES | {"AutomaticFailoverEnabled": False})},
        "MultiAZEnabled needs AutomaticFailoverEnabled",
    ),
    "failover without a replica": (
        {**STORE, "Cache": small("AWS::ElastiCache::ReplicationGroup", **NODES | {"NumCacheClusters": 1})},
        "NumCacheClusters of at least 2",
    ),
    "role that CodeDeploy cannot assume": (
        deployment_group() | {"Role": role()},
        "codedeploy.amazonaws.com is not authorized",
    ),
    "no such way to deploy": (
        deployment_group(DeploymentConfigName="CodeDeployDefault.LambdaCanary50Percent5Minutes"),
        "there is no configuration CodeDeployDefault.LambdaCanary50Percent5Minutes",
    ),
    "no such alarm": (
        deployment_group(AlarmConfiguration={"Enabled": True, "Alarms": [{"Name": "silent"}]}),
        "there is no alarm silent",
    ),
    "alarm of no alarm": (
        {"All": small("AWS::CloudWatch::CompositeAlarm", AlarmName="r-all", AlarmRule='ALARM("silent")')},
        "there is no alarm silent",
    ),
    "alarm for no topic": (
        {"Alarm": alarm("r-alarm", AlarmActions=["arn:aws:sns:eu-central-1:123456789012:none"])},
        "there is no topic",
    ),
    "rotation that may not be invoked": (
        {name: resource for name, resource in ROTATION.items() if name != "Permission"},
        "Secrets Manager cannot invoke",
    ),
    "scaling of no alias": (
        {
            "Target": small(
                "AWS::ApplicationAutoScaling::ScalableTarget",
                ServiceNamespace="lambda",
                ScalableDimension="lambda:function:ProvisionedConcurrency",
                ResourceId="function:r-function:live",
                MinCapacity="1",
                MaxCapacity="2",
            )
        },
        "there is no alias live of r-function",
    ),
    "second version of the same code": (
        {
            "Role": role(),
            "Function": function("r-function"),
            "First": small("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
            "Second": small("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
        },
        "a version for this function exists",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_refusals_are_variants_of_is_accepted(site: Site, deploy_small: Deploy, name: str) -> None:
    deployment = deploy_small(**ACCEPTED[name])
    assert deployment.resources.keys() == ACCEPTED[name].keys()
    delete(site, deployment)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_resource_is_named_and_nothing_is_left(site: Site, deploy_small: Deploy, name: str) -> None:
    # GIVEN resources of which AWS refuses one
    resources, reason = REFUSED[name]

    # WHEN they are deployed
    # THEN the error names the resource and says why, and nothing exists
    with pytest.raises(DeploymentFailed, match=reason):
        deploy_small(**resources)
    assert not site.stacks
    assert not site.live


def test_a_resource_whose_second_call_is_refused_is_deleted(site: Site, deploy_small: Deploy) -> None:
    # GIVEN a bucket that S3 creates, and whose settings it refuses
    bucket = small("AWS::S3::Bucket", VersioningConfiguration={"Status": "On"})

    # WHEN it is deployed
    # THEN the bucket is deleted, too
    with pytest.raises(DeploymentFailed, match=r"VersioningConfiguration\.Status: 'On' is not one of"):
        deploy_small(Bucket=bucket)
    assert not site.live


def test_a_stack_is_created_once(site: Site, deploy_small: Deploy) -> None:
    deployment = deploy_small(User=user("r-user"))
    with pytest.raises(DeploymentFailed, match="exists already"):
        deploy_small(User=user("r-other"))
    delete(site, deployment)
