"""Small resources for tests: types and properties."""

import copy
from typing import Any

Small = tuple[str, dict[str, Any]]

LAMBDA_MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def small(resource_type: str, **properties: Any) -> Small:
    """Return a resource; properties of the value None are left out."""
    return resource_type, {name: value for name, value in properties.items() if value is not None}


def role(actions: list[str] | None = None, service: str = "lambda.amazonaws.com") -> Small:
    """Return a role that a service may assume, with some actions allowed."""
    trust: dict[str, Any] = copy.deepcopy(LAMBDA_MAY_ASSUME)
    trust["Statement"][0]["Principal"]["Service"] = service
    policies = [
        {
            "PolicyName": "own",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Sid": "Act", "Effect": "Allow", "Action": actions, "Resource": "*"}],
            },
        }
    ]
    return small("AWS::IAM::Role", AssumeRolePolicyDocument=trust, Policies=policies if actions else None)


def function(name: str, **properties: Any) -> Small:
    """Return a function with the role `Role`, whose code is packaged."""
    whole = {
        "FunctionName": name,
        "Code": {"S3Bucket": "bucket", "S3Key": "function.zip"},
        "Handler": "toy.handler",
        "Runtime": "python3.13",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "MemorySize": "512",
        **properties,
    }
    return small("AWS::Lambda::Function", **whole)


def user(name: str, **properties: Any) -> Small:
    """Return a user of the store who logs in by IAM."""
    whole = {
        "Engine": "valkey",
        "UserId": name,
        "UserName": name,
        "AuthenticationMode": {"Type": "iam"},
        "AccessString": "on ~* +@all",
        **properties,
    }
    return small("AWS::ElastiCache::User", **whole)


def user_group(name: str, **properties: Any) -> Small:
    """Return a group of the user `User`."""
    whole = {"Engine": "valkey", "UserGroupId": name, "UserIds": [{"Ref": "User"}], **properties}
    return small("AWS::ElastiCache::UserGroup", **whole)


def serverless_cache(name: str, **properties: Any) -> Small:
    """Return a serverless cache of the group `Users`."""
    whole = {"ServerlessCacheName": name, "Engine": "valkey", "UserGroupId": {"Ref": "Users"}, **properties}
    return small("AWS::ElastiCache::ServerlessCache", **whole)


def alarm(name: str, **properties: Any) -> Small:
    """Return an alarm of one metric."""
    whole = {
        "AlarmName": name,
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        **properties,
    }
    return small("AWS::CloudWatch::Alarm", **whole)


def key(service: str = "logs.eu-central-1.amazonaws.com") -> Small:
    """Return a KMS key that a service may use."""
    statements = [
        {
            "Sid": "Owned",
            "Effect": "Allow",
            "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Used",
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
        },
    ]
    return small("AWS::KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": statements})
