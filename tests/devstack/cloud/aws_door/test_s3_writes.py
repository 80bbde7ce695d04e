"""Writes to S3 behind the door, and the key that encrypts the bucket: publishers and promoters with boto3."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devstack.template.stack import source
from nextitem.aws import boto_object_store
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import RegistryUnavailable
from nextitem.registry.route import history_key, route_key
from tests.devstack.cloud.aws_door.requests import get, refusal
from tests.devstack.cloud.aws_door.small_cloud import (
    ACCOUNT,
    BUCKET,
    DECRYPT,
    ENCRYPT,
    KEY_ARN,
    LIST,
    MODELS,
    OTHER_BUCKET,
    READ,
    VIA_SECRETS,
    SmallCloud,
    allow,
    document,
)

PUBLISH = (
    allow("s3:PutObject", f"{MODELS}/models/*", "Create", Condition={"Null": {"s3:if-none-match": "false"}}),
    allow("s3:PutObject", f"{MODELS}/models/*", "Parts", Condition={"Bool": {"s3:ObjectCreationOperation": "false"}}),
    allow("s3:AbortMultipartUpload", f"{MODELS}/models/*", "Abort"),
    READ,
    LIST,
    ENCRYPT,
)


# ---- Publishers and promoters write ----


def test_a_publisher_creates_an_object_once(cloud: SmallCloud) -> None:
    # GIVEN a publisher, who may write only with If-None-Match
    client = cloud.client("s3", cloud.role(*PUBLISH))
    store = BotoObjectStore(BUCKET, client)

    # WHEN it creates an object twice, and overwrites it without the condition
    created = store.create("models/once", b"first")
    again = store.create("models/once", b"second")
    overwriting = refusal(lambda: client.put_object(Bucket=BUCKET, Key="models/once", Body=b"third"))
    if_match = refusal(lambda: client.put_object(Bucket=BUCKET, Key="models/once", Body=b"third", IfMatch='"x"'))

    # THEN only the first write is made
    assert (created, again) == (True, False)
    assert overwriting[0] == if_match[0] == "AccessDenied"
    assert client.get_object(Bucket=BUCKET, Key="models/once")["Body"].read() == b"first"


def test_a_publisher_creates_a_large_object_in_parts(
    cloud: SmallCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a file of two parts
    monkeypatch.setattr(boto_object_store, "SINGLE_PUT_BYTES", 1 << 20)
    monkeypatch.setattr(boto_object_store, "PART_BYTES", 5 << 20)
    content = bytes(range(256)) * (6 << 12)
    (tmp_path / "large").write_bytes(content)
    client = cloud.client("s3", cloud.role(*PUBLISH))

    # WHEN it is published
    created = BotoObjectStore(BUCKET, client).create("models/large", tmp_path / "large")

    # THEN the parts are allowed without the condition, and the object is whole
    assert created
    assert client.get_object(Bucket=BUCKET, Key="models/large")["Body"].read() == content
    statements = {sid for decision in cloud.door.decisions for _, sid in decision.statements}
    assert {"Create", "Parts"} <= statements

    # AND without the condition the upload can be begun, but not completed
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="models/large")["UploadId"]
    where: Any = {"Bucket": BUCKET, "Key": "models/large", "UploadId": upload}
    part = client.upload_part(**where, PartNumber=1, Body=b"other")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert refusal(lambda: client.complete_multipart_upload(**where, MultipartUpload=parts))[0] == "AccessDenied"
    client.abort_multipart_upload(**where)


def test_a_promoter_replaces_a_route_by_its_tag(cloud: SmallCloud) -> None:
    # GIVEN a promoter and a route
    rights = (allow(["s3:PutObject", "s3:GetObject"], f"{MODELS}/routes/*"), LIST, ENCRYPT)
    store = BotoObjectStore(BUCKET, cloud.client("s3", cloud.role(*rights)))
    assert store.create("routes/live.json", b"one")
    first = store.read("routes/live.json", 100)
    assert first is not None

    # WHEN it replaces the route with the right tag, and once more with the old one
    outcomes = [store.replace("routes/live.json", text, first.etag) for text in (b"two", b"three")]

    # THEN the second finds that the route has changed, and a model cannot be written
    assert outcomes == [True, False]
    with pytest.raises(RegistryUnavailable, match="s3:PutObject"):
        store.create("models/b", b"model")


def put(client: Any, key: str, way: dict[str, Any]) -> object:
    return client.put_object(Bucket=BUCKET, Key=key, Body=b"b", **way)


def test_a_bucket_keeps_its_past_from_those_who_may_write_all_routes(cloud: SmallCloud) -> None:
    # GIVEN a promoter whose right covers the folder of revisions, too, and the policy of template.yaml's bucket
    template = source()["Resources"]["ModelBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (statement,) = [each for each in template if each.get("Sid") == "RefuseToReplaceHistory"]
    resources = [each["Fn::Sub"].replace("${ModelBucket.Arn}", MODELS) for each in statement["Resource"]]
    cloud.change("ModelBucketPolicy", PolicyDocument=document({**statement, "Resource": resources}))
    rights = (allow(["s3:PutObject", "s3:GetObject"], f"{MODELS}/routes/*"), LIST, ENCRYPT)
    client = cloud.client("s3", cloud.role(*rights))
    key = history_key("live", 1)

    # WHEN it creates a revision, and writes it again in all ways
    created = BotoObjectStore(BUCKET, client).create(key, b"first")
    ways: list[dict[str, str]] = [{}, {"IfMatch": client.head_object(Bucket=BUCKET, Key=key)["ETag"]}]
    refusals = [refusal(partial(put, client, key, way)) for way in ways]

    # THEN the first write stays, and the route itself may be changed
    assert created
    assert all("explicit deny in a resource-based policy" in message for _, message in refusals)
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"first"
    client.put_object(Bucket=BUCKET, Key=route_key("live"), Body=b"route")


# ---- The bucket's key ----


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        ([], "because no identity-based policy allows the kms:Decrypt action"),
        (
            [allow("kms:Decrypt", KEY_ARN, Condition=VIA_SECRETS)],
            "because no identity-based policy allows the kms:Decrypt action",
        ),
    ],
    ids=["no right", "through another service"],
)
def test_an_encrypted_object_needs_its_key(cloud: SmallCloud, rights: list[dict[str, Any]], why: str) -> None:
    # GIVEN a role that may read the object, and not use its key by S3
    credentials = cloud.role(READ, LIST, *rights)

    # WHEN it reads, and asks for the headers
    code, message = refusal(lambda: get(cloud, credentials))
    size = cloud.client("s3", credentials).head_object(Bucket=BUCKET, Key="models/a")["ContentLength"]

    # THEN the content is refused, and the size is not; a bucket without encryption needs no key
    assert (code, message.endswith(why)) == ("AccessDenied", True)
    assert size == len(b"model a")
    other = cloud.role(allow("s3:GetObject", "*"))
    assert get(cloud, other, bucket=OTHER_BUCKET) == b"another"


def test_the_key_must_leave_the_decision_to_the_account(cloud: SmallCloud) -> None:
    # GIVEN a key whose policy names another role only
    cloud.change("Key", KeyPolicy=document(allow("kms:*", "*", Principal={"AWS": ACCOUNT.iam_arn("role/admin")})))

    # THEN the identity's own right is not enough
    message = refusal(lambda: get(cloud, cloud.role(READ, DECRYPT)))[1]
    assert message.endswith("because no resource-based policy allows the kms:Decrypt action")


def test_writing_needs_a_data_key(cloud: SmallCloud) -> None:
    # GIVEN a role that may write, and only decrypt
    client = cloud.client("s3", cloud.role(allow("s3:*", [MODELS, f"{MODELS}/*"]), DECRYPT))

    # WHEN it writes
    message = refusal(lambda: client.put_object(Bucket=BUCKET, Key="models/w", Body=b"w"))[1]

    # THEN it is refused before anything is stored
    assert "kms:GenerateDataKey" in message
    assert refusal(lambda: client.head_object(Bucket=BUCKET, Key="models/w"))[0] == "404"


def test_an_upload_in_parts_needs_to_decrypt(cloud: SmallCloud) -> None:
    rights = (allow("s3:*", [MODELS, f"{MODELS}/*"]), allow("kms:GenerateDataKey", KEY_ARN))
    client = cloud.client("s3", cloud.role(*rights))

    client.put_object(Bucket=BUCKET, Key="models/single", Body=b"w")
    message = refusal(lambda: client.create_multipart_upload(Bucket=BUCKET, Key="models/parts"))[1]

    assert "kms:Decrypt" in message
