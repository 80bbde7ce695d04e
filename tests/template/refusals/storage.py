"""Refusals of S3, Secrets Manager and SNS."""

import json
import re
from typing import Any

from devstack.template.stack import Properties
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, compact, is_true, number_at, value_at

BUCKET, SECRET, ROTATION = "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::SecretsManager::RotationSchedule"
S3 = f"{AWS}/AmazonS3/latest"
SECRETS = f"{AWS}/secretsmanager/latest/apireference"
RULES = "LifecycleConfiguration.Rules"
ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration"
CHARACTERS = ("ExcludeLowercase", "ExcludeUppercase", "ExcludeNumbers", "ExcludePunctuation")


def _lifecycle(bucket: Properties) -> list[Any]:
    rules: list[Any] = value_at(bucket, RULES, [])
    return rules


def _key_without_kms(bucket: Properties, _: Cloud) -> bool:
    defaults = [rule.get("ServerSideEncryptionByDefault", {}) for rule in value_at(bucket, ENCRYPTION, [])]
    return any("KMSMasterKeyID" in default and default["SSEAlgorithm"] == "AES256" for default in defaults)


def _list_with_owner(bucket: Properties, _: Cloud) -> bool:
    owners = [rule.get("ObjectOwnership") for rule in value_at(bucket, "OwnershipControls.Rules", [])]
    return "BucketOwnerEnforced" in owners and bucket.get("AccessControl", "Private") not in {
        "Private",
        "BucketOwnerFullControl",
    }


def _half_generated(secret: Properties, _: Cloud) -> bool:
    generated = secret.get("GenerateSecretString", {})
    if ("SecretStringTemplate" in generated) != ("GenerateStringKey" in generated):
        return True
    try:
        return not isinstance(json.loads(generated.get("SecretStringTemplate", "{}")), dict)
    except json.JSONDecodeError:
        return True


def _impossible_password(secret: Properties, _: Cloud) -> bool:
    generated = secret.get("GenerateSecretString", {})
    kinds = sum(not is_true(generated.get(key)) for key in CHARACTERS)
    shortest = kinds if is_true(generated.get("RequireEachIncludedType", True)) else 1
    return bool(generated) and (kinds == 0 or not shortest <= number_at(generated, "PasswordLength", 32) <= 4096)


STORAGE = (
    Refusal(
        "key-for-another-algorithm",
        (BUCKET,),
        "Only aws:kms and aws:kms:dsse take a KMS key.",
        f"{S3}/API/API_ServerSideEncryptionByDefault.html",
        _key_without_kms,
        Planted("ModelBucket", {f"{ENCRYPTION}.0.ServerSideEncryptionByDefault.SSEAlgorithm": "AES256"}),
    ),
    Refusal(
        "access-list-without-lists",
        (BUCKET,),
        "BucketOwnerEnforced excludes access control lists.",
        f"{S3}/userguide/about-object-ownership.html",
        _list_with_owner,
        Planted("ModelBucket", {"AccessControl": "LogDeliveryWrite"}),
    ),
    Refusal(
        "lifecycle-ids",
        (BUCKET,),
        "Ids of lifecycle rules are unique and have at most 255 characters.",
        f"{S3}/API/API_LifecycleRule.html",
        lambda bucket, _: (
            len({rule.get("Id") for rule in _lifecycle(bucket)}) < len(_lifecycle(bucket))
            or any(len(rule.get("Id", "")) > 255 for rule in _lifecycle(bucket))
        ),
        Planted("ModelBucket", {f"{RULES}.1.Id": "forget-unfinished-uploads"}),
    ),
    Refusal(
        "lifecycle-days",
        (BUCKET,),
        "Objects and noncurrent versions expire after a positive number of days.",
        f"{S3}/API/API_NoncurrentVersionExpiration.html",
        lambda bucket, _: any(
            number_at(rule, days, 1) < 1
            for rule in _lifecycle(bucket)
            for days in ("NoncurrentVersionExpiration.NoncurrentDays", "ExpirationInDays")
        ),
        Planted("ModelBucket", {f"{RULES}.1.NoncurrentVersionExpiration.NoncurrentDays": 0}),
    ),
    Refusal(
        "bucket-policy-length",
        ("AWS::S3::BucketPolicy",),
        "A bucket's policy has at most 20 KB.",
        f"{S3}/userguide/bucket-policies.html",
        lambda policy, _: len(compact(policy["PolicyDocument"]).encode()) > 20 * 1024,
        Planted("ModelBucketPolicy", {"PolicyDocument.Statement.0.Sid": "x" * 20480}),
    ),
    Refusal(
        "secret-template",
        (SECRET,),
        "SecretStringTemplate is a JSON object and comes with GenerateStringKey.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html",
        _half_generated,
        Planted("KeySecret", {"GenerateSecretString.GenerateStringKey": ABSENT}),
    ),
    Refusal(
        "secret-characters",
        (SECRET,),
        "A generated secret has 1 to 4096 characters, enough for each kind of character that it must have.",
        f"{SECRETS}/API_GetRandomPassword.html",
        _impossible_password,
        Planted("KeySecret", {"GenerateSecretString.PasswordLength": 5000}),
    ),
    Refusal(
        "rotation-rules",
        (ROTATION,),
        "A rotation has AutomaticallyAfterDays, of 1 to 1000, or ScheduleExpression.",
        f"{SECRETS}/API_RotationRulesType.html",
        lambda schedule, _: (
            ("AutomaticallyAfterDays" in schedule["RotationRules"])
            == ("ScheduleExpression" in schedule["RotationRules"])
            or not 1 <= number_at(schedule, "RotationRules.AutomaticallyAfterDays", 1) <= 1000
        ),
        Planted("KeyRotation", {"RotationRules.ScheduleExpression": "rate(90 days)"}),
    ),
    Refusal(
        "rotation-window",
        (ROTATION,),
        "A rotation window is a number of hours, such as 3h.",
        f"{SECRETS}/API_RotationRulesType.html",
        lambda schedule, _: not re.fullmatch(r"\d{1,2}h", value_at(schedule, "RotationRules.Duration", "1h")),
        Planted("KeyRotation", {"RotationRules.Duration": "3 hours"}),
    ),
    Refusal(
        "topic-of-policy",
        ("AWS::SNS::TopicPolicy",),
        "A topic policy names its topics by ARN.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topicpolicy.html",
        lambda policy, _: any(topic.count(":") < 5 for topic in policy["Topics"]),
        Planted("Monitoring/PageTopicPolicy", {"Topics.0": "shop-PageTopic"}),
    ),
    Refusal(
        "mail-address",
        ("AWS::SNS::Subscription",),
        "The endpoint of protocol email is a mail address.",
        f"{AWS}/sns/latest/api/API_Subscribe.html",
        lambda subscription, _: (
            subscription["Protocol"] == "email"
            and not re.fullmatch(r"[^@\s]+@[^@\s]+", str(subscription.get("Endpoint")))
        ),
        Planted("Monitoring/PageTopicMail", {"Endpoint": "on-call"}, {"PageEmail": "on-call@example.com"}),
    ),
)
