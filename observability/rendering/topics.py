"""The two encrypted topics that alarms notify, and their e-mail subscriptions."""

from typing import Any

from observability.alarms.types import Topic

SUBSCRIPTIONS: dict[Topic, tuple[str, str]] = {
    "page": ("HasPageEmail", "PageEmail"),
    "ticket": ("HasTicketEmail", "TicketEmail"),
}
"""Condition and parameter of each topic's e-mail address."""


def topic_id(topic: Topic) -> str:
    """Return a topic's logical id."""
    return f"{topic.capitalize()}Topic"


def topic_resources() -> dict[str, Any]:
    """Return the topics with their key, their policy and their subscriptions."""
    resources: dict[str, Any] = {"TopicKey": _key()}
    for topic, (condition, parameter) in SUBSCRIPTIONS.items():
        name = topic_id(topic)
        resources[name] = {
            "Type": "AWS::SNS::Topic",
            "Properties": {"KmsMasterKeyId": {"Ref": "TopicKey"}},
        }
        resources[f"{name}Policy"] = {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [{"Ref": name}], "PolicyDocument": _topic_policy(name)},
        }
        resources[f"{name}Mail"] = {
            "Type": "AWS::SNS::Subscription",
            "Condition": condition,
            "Properties": {"TopicArn": {"Ref": name}, "Protocol": "email", "Endpoint": {"Ref": parameter}},
        }
    return resources


def _key() -> dict[str, Any]:
    """Return a key of our own: alarms cannot publish to a topic that is encrypted with AWS's key for SNS.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return {
        "Type": "AWS::KMS::Key",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "Description": "Encrypts the notifications of alarms",
            "EnableKeyRotation": True,
            "PendingWindowInDays": 7,
            "KeyPolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OwnedByTheAccount",
                        "Effect": "Allow",
                        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "UsedByAlarms",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                        "Resource": "*",
                        "Condition": _this_account(),
                    },
                ],
            },
        },
    }


def _topic_policy(name: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PublishedToByAlarms",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": {"Ref": name},
                "Condition": _this_account(),
            }
        ],
    }


def _this_account() -> dict[str, Any]:
    return {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
