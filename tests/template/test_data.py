"""What holds data: the model bucket and the session store; and what the stack tells about itself."""

from typing import Any

from tests.template.stack import Stack


def bucket(stack: Stack) -> dict[str, Any]:
    (resource,) = [one for one in stack.resources.values() if one["Type"] == "AWS::S3::Bucket"]
    return resource


def test_no_bucket_can_become_public(stack: Stack) -> None:
    # GIVEN the buckets WHEN their public access block is read THEN all four doors are shut
    for properties in stack.of_type("AWS::S3::Bucket").values():
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert "AccessControl" not in properties
        assert "WebsiteConfiguration" not in properties


def test_no_bucket_policy_gives_anything_to_anybody(stack: Stack) -> None:
    # GIVEN the bucket's policy
    policy = stack.only("AWS::S3::BucketPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]

    # WHEN read THEN it only refuses, and what it refuses is plain HTTP
    assert policy["Bucket"] == {"Ref": "ModelBucket"}
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["ModelBucket", "Arn"]},
        {"Fn::Sub": "${ModelBucket.Arn}/*"},
    ]


def test_models_outlive_the_stack_and_mistakes(stack: Stack) -> None:
    # GIVEN the model bucket WHEN its keeping is read THEN it is retained, versioned and encrypted
    resource = bucket(stack)
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert resource["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert resource["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]


def test_no_lifecycle_rule_deletes_a_model(stack: Stack) -> None:
    # GIVEN the bucket's rules
    rules = bucket(stack)["Properties"]["LifecycleConfiguration"]["Rules"]

    # WHEN read THEN none expires anything but unfinished uploads
    for rule in rules:
        assert rule.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}


def test_the_store_is_one_encrypted_valkey_shard_that_survives_a_node(stack: Stack) -> None:
    # GIVEN the store WHEN its settings are read THEN they fit a client that speaks to one primary by TLS
    store = stack.only("AWS::ElastiCache::ReplicationGroup")
    assert store["Engine"] == "valkey"
    assert store["TransitEncryptionEnabled"] is True
    assert store["AtRestEncryptionEnabled"] is True
    assert store["AutomaticFailoverEnabled"] is True
    assert store["NumCacheClusters"] == 2
    assert "NumNodeGroups" not in store
    assert ".cluster.on" not in store["CacheParameterGroupName"]


def test_the_stack_tells_what_its_users_need(stack: Stack) -> None:
    # GIVEN the stack's outputs WHEN listed THEN URL, bucket, alias and store are among them
    assert set(stack.outputs) == {"ApiUrl", "BucketName", "FunctionAliasArn", "StoreEndpoint"}
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    assert stack.outputs["FunctionAliasArn"]["Value"] == {"Ref": alias}
    assert stack.outputs["BucketName"]["Value"] == {"Ref": "ModelBucket"}
