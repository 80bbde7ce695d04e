"""Check the AWS credentials, the bucket, and this machine's clock against S3's."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore names it so

from model_export.doctor.finding import Finding
from nextitem import DEFAULT_REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SKEW_WARN_SECONDS = 5.0
"""Ages of events and rotations of the key secret assume clocks that agree."""
SKEW_FAIL_SECONDS = 900.0
"""S3 refuses requests that are signed with a time further away: RequestTimeTooSkewed."""
_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 2})

_RENEW = "Renew the credentials: `aws sso login`, or new keys in the environment or in ~/.aws/credentials."
_REGION = "Set --region (or `region` in nextitem.toml) to the bucket's region."
_MEANINGS = {
    "NoSuchBucket": ("does not exist", "Set --bucket to the stack's output BucketName, and --region to its region."),
    "AccessDenied": (
        "refuses these credentials",
        "Attach the stack's PublisherPolicy or PromoterPolicy to them: they need s3:ListBucket and s3:GetObject.",
    ),
    "InvalidAccessKeyId": ("does not know the access key", _RENEW),
    "SignatureDoesNotMatch": ("does not accept the secret key", _RENEW),
    "ExpiredToken": ("refuses the credentials, which have expired", _RENEW),
    "InvalidToken": ("refuses the session token", _RENEW),
    "RequestTimeTooSkewed": ("refuses the clock of this machine", "Set the clock by NTP."),
    "PermanentRedirect": ("is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("is in another region", _REGION),
}
"""S3's error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""


def check_credentials(region: str | None, endpoint: str | None) -> Finding:
    """Find the credentials, and ask STS whose they are. Another provider's S3 has no STS."""
    try:
        session = boto3.Session()
        found = session.get_credentials()
        if found is None:
            return Finding(
                "credentials",
                "fail",
                "boto3 finds no AWS credentials",
                "Run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        place = found.method
        if endpoint is not None:
            return Finding("credentials", "ok", f"found ({place}); {endpoint} itself checks them below")
        client = session.client("sts", region_name=region or session.region_name or DEFAULT_REGION, config=_CONFIG)
        try:
            identity = client.get_caller_identity()
        finally:
            client.close()
    except (ConnectionError, HTTPClientError) as error:
        detail = f"found ({place}); STS cannot be reached, so only the bucket checks them: {error}"
        return Finding("credentials", "warn", detail, "Check the network, unless this VPC has no way to STS.")
    except ClientError as error:
        return Finding("credentials", "fail", f"AWS refuses them: {_code(error)}", _RENEW)
    except (BotoCoreError, ValueError) as error:
        return Finding("credentials", "fail", f"they cannot be used: {error}", _RENEW)
    return Finding("credentials", "ok", f"{identity['Arn']} ({place})")


def open_client(region: str | None, endpoint: str | None) -> "S3Client":
    """Return an S3 client.

    Raises:
        BotoCoreError, ValueError: the settings make none.
    """
    return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=_CONFIG)


def check_bucket(client: "S3Client", name: str) -> Iterator[Finding]:
    """List the bucket, compare the clocks, and look whether old versions of objects are kept."""
    begun = time.time()
    try:
        answer: Any = client.list_objects_v2(Bucket=name, MaxKeys=1)
    except ClientError as error:
        words, remedy = _MEANINGS.get(_code(error), (f"cannot be listed: {error}", ""))
        yield Finding("bucket", "fail", f"{name} {words}", remedy)
        answer = error.response
    except (BotoCoreError, ValueError) as error:
        remedy = "Check the network, --bucket, --region and --endpoint-url."
        yield Finding("bucket", "fail", f"{name} cannot be reached: {error}", remedy)
        return
    else:
        yield Finding("bucket", "ok", f"{name} can be listed")
        yield _check_versioning(client, name)
    yield check_clock(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date"), begun, time.time())


def check_clock(date: str | None, begun: float, ended: float) -> Finding:
    """Compare the clock with S3's Date header, which has whole seconds.

    Args:
        date: the header.
        begun: when the request was sent, in epoch seconds of this machine.
        ended: when it was answered.
    """
    try:
        server = parsedate_to_datetime(date or "").timestamp() + 0.5
    except ValueError:
        return Finding("clock", "warn", "not checked: S3's answer has no date", "")
    skew = (begun + ended) / 2 - server
    detail = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} S3's"
    if abs(skew) > SKEW_FAIL_SECONDS:
        return Finding("clock", "fail", f"{detail}; S3 refuses more than 15 minutes", "Set the clock by NTP.")
    if abs(skew) > SKEW_WARN_SECONDS + (ended - begun) / 2:
        return Finding("clock", "warn", detail, "Set the clock by NTP.")
    return Finding("clock", "ok", "agrees with S3's")


def _check_versioning(client: "S3Client", name: str) -> Finding:
    try:
        status = client.get_bucket_versioning(Bucket=name).get("Status")
    except (ClientError, BotoCoreError) as error:
        why = _code(error) if isinstance(error, ClientError) else str(error)
        return Finding("versioning", "warn", f"not checked: {why}", "It needs s3:GetBucketVersioning.")
    if status == "Enabled":
        return Finding("versioning", "ok", "deleted and replaced objects can be restored")
    return Finding(
        "versioning",
        "warn",
        "is off: a deleted model cannot be restored",
        f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) or str(error)
