"""S3 behind the door, with the clients of the function (obstore) and of publishers and promoters (boto3)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.cloud.iam.authority import Credentials
from nextitem.aws.object_store import ObstoreReader
from nextitem.errors import RegistryUnavailable
from tests.devstack.cloud.aws_door.connect_proxy import ConnectProxy
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
    REFUSE_PLAIN,
    REGION,
    SmallCloud,
    allow,
    document,
)

GUEST_ACCOUNT = "999999999999"
Reader = Callable[[Credentials], ObstoreReader]


@pytest.fixture
def reader(cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Make the function's own reader with credentials from the environment, as on Lambda."""
    with ExitStack() as resources:
        proxy = resources.enter_context(ConnectProxy(cloud.port_of))

        def make(credentials: Credentials) -> ObstoreReader:
            variables = {
                "HTTPS_PROXY": proxy.url,
                "SSL_CERT_FILE": str(cloud.trusted),
                "AWS_ACCESS_KEY_ID": credentials.access_key_id,
                "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
                "AWS_SESSION_TOKEN": credentials.session_token,
            }
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            return ObstoreReader(BUCKET, region=REGION)

        yield make


# ---- The function reads ----


@pytest.mark.parametrize("in_vpc", [True, False])
@pytest.mark.slow
def test_the_function_reads_lists_and_learns_what_is_missing(
    cloud: SmallCloud, reader: Reader, tmp_path: Path, *, in_vpc: bool
) -> None:
    # GIVEN the rights of the function, inside and outside of the VPC
    cloud.in_vpc = in_vpc
    bucket = reader(cloud.role(READ, LIST, DECRYPT))

    # WHEN it reads, downloads, lists, and reads a key that does not exist
    found = bucket.read("models/a", 1 << 20)
    downloaded = bucket.download("models/a", tmp_path / "a", lambda: 1 << 20)

    # THEN it gets the objects, and "missing" is not an error
    assert found is not None
    assert found.data == b"model a"
    assert downloaded
    assert (tmp_path / "a").read_bytes() == b"model a"
    assert "models/a" in bucket.keys("models/")
    assert bucket.read("models/none", 1 << 20) is None


def test_a_missing_key_is_an_access_denial_without_the_right_to_list(cloud: SmallCloud, reader: Reader) -> None:
    # GIVEN a role that may read every object, and list nothing
    credentials = cloud.role(READ, DECRYPT)

    # WHEN it reads a key that does not exist, with both clients
    code, message = refusal(lambda: get(cloud, credentials, "models/none"))
    with pytest.raises(RegistryUnavailable, match="models/none"):
        reader(credentials).read("models/none", 1 << 20)

    # THEN it is refused the right that would tell
    assert code == "AccessDenied"
    assert f'not authorized to perform: s3:ListBucket on resource: "{MODELS}"' in message
    head = refusal(lambda: cloud.client("s3", credentials).head_object(Bucket=BUCKET, Key="models/none"))
    assert head[0] == "403"
    assert get(cloud, credentials) == b"model a"


# ---- Who, and from where ----


def test_an_action_that_no_policy_allows_is_refused(cloud: SmallCloud) -> None:
    code, message = refusal(lambda: get(cloud, cloud.role(LIST, DECRYPT)))

    assert code == "AccessDenied"
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT.id}:assumed-role/role1/session is not authorized")
    assert message.endswith("because no identity-based policy allows the s3:GetObject action")


def test_a_prefix_of_the_policy_is_compared_with_the_key(cloud: SmallCloud) -> None:
    credentials = cloud.role(allow("s3:GetObject", f"{MODELS}/routes/*"), DECRYPT)

    assert refusal(lambda: get(cloud, credentials))[0] == "AccessDenied"


def test_the_bucket_policy_refuses_plain_http(cloud: SmallCloud) -> None:
    # GIVEN a role that may read
    credentials = cloud.role(READ, DECRYPT)
    client = cloud.client("s3", credentials, secure=False)

    # WHEN it reads over plain HTTP
    code, message = refusal(lambda: client.get_object(Bucket=BUCKET, Key="models/a"))

    # THEN the Deny wins; a bucket without that policy answers
    assert (code, message.endswith("with an explicit deny in a resource-based policy")) == ("AccessDenied", True)
    cloud.change("ModelBucketPolicy", Bucket=OTHER_BUCKET)
    assert client.get_object(Bucket=BUCKET, Key="models/a")["Body"].read() == b"model a"


def test_the_endpoint_policy_lets_one_bucket_through(cloud: SmallCloud) -> None:
    # GIVEN a role that may read every bucket, and write
    credentials = cloud.role(allow("s3:*", "*"), ENCRYPT)
    assert get(cloud, credentials, bucket=OTHER_BUCKET) == b"another"

    # WHEN it asks through the VPC endpoint
    cloud.in_vpc = True
    code, message = refusal(lambda: get(cloud, credentials, bucket=OTHER_BUCKET))
    writing = refusal(lambda: cloud.client("s3", credentials).put_object(Bucket=BUCKET, Key="models/x", Body=b""))

    # THEN only what its policy names is possible
    assert (code, message.endswith("because no VPC endpoint policy allows the s3:GetObject action")) == (
        "AccessDenied",
        True,
    )
    assert writing[1].endswith("because no VPC endpoint policy allows the s3:PutObject action")
    assert get(cloud, credentials) == b"model a"

    # AND an endpoint without a policy lets everything through
    cloud.change("S3Endpoint", PolicyDocument=None)
    assert get(cloud, credentials, bucket=OTHER_BUCKET) == b"another"


def test_the_endpoint_policy_lets_one_account_through(cloud: SmallCloud) -> None:
    # GIVEN a caller from another account, which bucket and key allow by their own policies
    guest = cloud.role(READ, allow("kms:*", "*"), account=GUEST_ACCOUNT)
    assert refusal(lambda: get(cloud, guest))[1].endswith(
        "because no resource-based policy allows the s3:GetObject action"
    )
    named = {"AWS": GUEST_ACCOUNT}
    policy = document(REFUSE_PLAIN, allow("s3:GetObject", f"{MODELS}/*", Principal=named))
    cloud.change("ModelBucketPolicy", PolicyDocument=policy)
    cloud.change("Key", KeyPolicy=document(allow("kms:Decrypt", "*", Principal=named)))
    assert get(cloud, guest) == b"model a"

    # WHEN it asks through the VPC endpoint
    cloud.in_vpc = True

    # THEN the endpoint's condition refuses it
    assert refusal(lambda: get(cloud, guest))[1].endswith(
        "because no VPC endpoint policy allows the s3:GetObject action"
    )


def test_a_policy_may_ask_for_the_endpoint(cloud: SmallCloud) -> None:
    # GIVEN a role that may read only through one VPC endpoint
    credentials = cloud.role({**READ, "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}, DECRYPT)

    # THEN its place decides
    assert refusal(lambda: get(cloud, credentials))[0] == "AccessDenied"
    cloud.in_vpc = True
    assert get(cloud, credentials) == b"model a"


def test_a_wrong_session_token_is_refused(cloud: SmallCloud) -> None:
    client = cloud.client("s3", cloud.role(READ, DECRYPT), token="another")  # noqa: S106 - no secret

    assert refusal(lambda: client.get_object(Bucket=BUCKET, Key="models/a"))[0] == "InvalidToken"
    assert cloud.door.decisions == []


# ---- The record, and the limits ----


def test_decisions_name_the_statements_that_decided(cloud: SmallCloud) -> None:
    # GIVEN a role in the VPC
    cloud.in_vpc = True
    credentials = cloud.role(READ, DECRYPT)

    # WHEN it reads an object, and one that does not exist
    get(cloud, credentials)
    refusal(lambda: get(cloud, credentials, "models/none"))

    # THEN every action is recorded, with the statements of all policies that allowed it
    summary = [
        (decision.action, decision.resource, decision.allowed, set(decision.statements))
        for decision in cloud.door.decisions
    ]
    endpoint = ("S3Endpoint", "Models")
    assert summary == [
        ("s3:GetObject", f"{MODELS}/models/a", True, {("role1/policy", "Read"), endpoint}),
        ("kms:Decrypt", KEY_ARN, True, {("role1/policy", "Decrypt"), ("Key", "Owned")}),
        ("s3:GetObject", f"{MODELS}/models/none", True, {("role1/policy", "Read"), endpoint}),
        ("s3:ListBucket", MODELS, False, set()),
    ]
    assert cloud.door.decisions[-1].reason == "because no identity-based policy allows the s3:ListBucket action"


def test_other_buckets_and_other_requests_are_refused(cloud: SmallCloud) -> None:
    client = cloud.client("s3", cloud.role(allow("s3:*", "*")))

    assert refusal(lambda: client.get_object(Bucket="missing-bucket", Key="a"))[0] == "NoSuchBucket"
    assert refusal(lambda: client.put_bucket_acl(Bucket=BUCKET, ACL="private"))[0] == "NotImplemented"
    copy = {"Bucket": BUCKET, "Key": "models/a"}
    assert refusal(lambda: client.copy_object(Bucket=BUCKET, Key="b", CopySource=copy))[0] == "NotImplemented"


def test_a_policy_that_is_not_modelled_allows_nothing(cloud: SmallCloud) -> None:
    cloud.change(
        "ModelBucketPolicy", PolicyDocument=document({**REFUSE_PLAIN, "Condition": {"StringFoo": {"a:b": "c"}}})
    )

    code, message = refusal(lambda: get(cloud, cloud.role(READ, DECRYPT)))

    assert (code, "StringFoo" in message) == ("NotImplemented", True)
