"""Checks of encryption, public access and retention. Each returns one sentence for each fault."""

from typing import Any

from devstack.template.stack import Stack, listed

KEY = {"Fn::GetAtt": ["Key", "Arn"]}
CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
OWNED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
MASKED = {"EmailAddress", "IpAddress", "AwsSecretKey", "CreditCardNumber"}
KEYED = {
    "AWS::ElastiCache::ServerlessCache": "KmsKeyId",
    "AWS::ElastiCache::ReplicationGroup": "KmsKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::Lambda::CapacityProvider": "KmsKeyArn",
}
"""The property that names the key, by type of resource."""


def public_buckets(stack: Stack) -> list[str]:
    """Find buckets that could become public."""
    faults = []
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        if bucket.get("PublicAccessBlockConfiguration") != CLOSED:
            faults.append(f"{name} does not block public access")
        if bucket.get("OwnershipControls") != OWNED:
            faults.append(f"{name} takes access control lists")
        faults += [f"{name} has {key}" for key in ("AccessControl", "WebsiteConfiguration") if key in bucket]
    return faults


def names_that_outlive_their_stack(stack: Stack) -> list[str]:
    """Find retained resources with a name of their own: a second stack of the same name could not create them."""
    return [
        f"{name} stays, and has the {key} of the next one"
        for name, resource in stack.resources.items()
        for key in ("BucketName", "AliasName")
        if resource.get("DeletionPolicy") == "Retain" and key in resource.get("Properties", {})
    ]


def unencrypted_at_rest(stack: Stack) -> list[str]:
    """Find resources whose data is not encrypted with the stack's key."""
    faults = [
        f"{name} is not encrypted with the stack's key"
        for kind, key in KEYED.items()
        for name, properties in stack.of_type(kind).items()
        if properties.get(key) != KEY
    ]
    for name, group in stack.of_type("AWS::ElastiCache::ReplicationGroup").items():
        if group.get("AtRestEncryptionEnabled") is not True:
            faults.append(f"{name} is not encrypted at rest")
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        rules = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
        if [rule["ServerSideEncryptionByDefault"] for rule in rules] != [encryption]:
            faults.append(f"{name} is not encrypted with the stack's key")
    for name, key in stack.of_type("AWS::KMS::Key").items():
        if key.get("EnableKeyRotation") is not True:
            faults.append(f"{name} is never rotated")
    return faults


def unencrypted_in_transit(stack: Stack) -> list[str]:
    """Find connections to data without TLS."""
    faults = []
    function, properties = stack.recommend
    url = properties["Environment"]["Variables"]["NEXTITEM_STORE_URL"]
    if not url.get("Fn::Sub", "").startswith("rediss"):
        faults.append(f"{function} reaches the store without TLS")
    for name, group in stack.of_type("AWS::ElastiCache::ReplicationGroup").items():
        if (group.get("TransitEncryptionEnabled"), group.get("TransitEncryptionMode")) != (True, "required"):
            faults.append(f"{name} takes connections without TLS")
    guarded = {
        str(policy["Bucket"]) for policy in stack.of_type("AWS::S3::BucketPolicy").values() if _needs_tls(policy)
    }
    faults += [
        f"{name} takes requests without TLS"
        for name in stack.of_type("AWS::S3::Bucket")
        if str({"Ref": name}) not in guarded
    ]
    for name, domain in stack.of_type("AWS::ApiGatewayV2::DomainName").items():
        if any(
            configuration.get("SecurityPolicy") != "TLS_1_2" for configuration in domain["DomainNameConfigurations"]
        ):
            faults.append(f"{name} takes old TLS")
    return faults


def _needs_tls(policy: dict[str, Any]) -> bool:
    bucket = policy["Bucket"]["Ref"]
    everything = [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] == "s3:*"
        and listed(statement["Resource"]) == everything
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["PolicyDocument"]["Statement"]
    )


def unprotected_logs(stack: Stack) -> list[str]:
    """Find log groups without retention or masking, and functions and APIs that do not log to such a group."""
    faults = []
    groups = stack.of_type("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if group.get("RetentionInDays") != stack.values["LogRetentionDays"]:
            faults.append(f"{name} does not forget after LogRetentionDays")
        if not _masks(group.get("DataProtectionPolicy", {})):
            faults.append(f"{name} does not mask {sorted(MASKED)}")
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            faults.append(f"{name} logs to a group that Lambda would make, without retention")
    for name, stage in stack.of_type("AWS::ApiGatewayV2::Stage").items():
        target = stage.get("AccessLogSettings", {}).get("DestinationArn", {}).get("Fn::GetAtt", [None])[0]
        if target not in groups:
            faults.append(f"{name} has no access log in a group of the stack")
    return faults


def _masks(policy: dict[str, Any]) -> bool:
    identifiers = [
        {as_sub["Fn::Sub"].rpartition("/")[2] for as_sub in statement["DataIdentifier"]}
        for statement in policy.get("Statement", [])
    ]
    operations = [list(statement["Operation"]) for statement in policy.get("Statement", [])]
    return operations == [["Audit"], ["Deidentify"]] and identifiers == [MASKED, MASKED]
