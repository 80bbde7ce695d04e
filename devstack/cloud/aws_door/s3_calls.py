"""S3's requests as IAM actions.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

from devstack.cloud.aws_door.call import Call, HttpRequest, KeyUse
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import Refused, not_modelled
from devstack.cloud.aws_door.hosts import service_host
from devstack.cloud.resources import Resource

_SUBRESOURCES = ("uploads", "uploadId", "location", "versioning", "versions", "encryption", "lifecycle", "policy")
_PARAMETERS = {
    *(
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "list-type",
        "marker",
        "max-keys",
        "max-parts",
    ),
    *("key-marker", "part-number-marker", "partNumber", "prefix", "start-after", "version-id-marker", "versionId"),
    *("x-id", "upload-id-marker", "max-uploads"),
}
"""Parameters that change no action; `x-id` names the SDK's operation."""
_BUCKET_ACTIONS = {
    ("GET", ""): "ListBucket",
    ("HEAD", ""): "ListBucket",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListBucketVersions",
    ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "encryption"): "GetEncryptionConfiguration",
    ("GET", "lifecycle"): "GetLifecycleConfiguration",
    ("GET", "policy"): "GetBucketPolicy",
}
_OBJECT_ACTIONS = {
    ("GET", ""): "GetObject",
    ("HEAD", ""): "GetObject",
    ("PUT", ""): "PutObject",
    ("DELETE", ""): "DeleteObject",
    ("PUT", "uploadId"): "PutObject",
    ("POST", "uploads"): "PutObject",
    ("POST", "uploadId"): "PutObject",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploadId"): "ListMultipartUploadParts",
}
_VERSIONED = {"GetObject", "DeleteObject"}
_CREATING = {("PUT", ""), ("POST", "uploadId")}
"""Requests that create an object; the others under s3:PutObject are parts of an upload."""
_CONDITION_PARAMETERS = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
_CONDITION_HEADERS = {
    "if-none-match": "s3:if-none-match",
    "if-match": "s3:if-match",
    **{
        name: f"s3:{name}"
        for name in (
            "x-amz-acl",
            "x-amz-content-sha256",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-storage-class",
        )
    },
}


@dataclass(frozen=True)
class S3Request:
    """A request to S3.

    Attributes:
        call: the action.
        bucket: the bucket.
        key: the object's key, or None for a request about the bucket.
        target: path and query in moto's path style, percent-encoded.
    """

    call: Call
    bucket: Resource
    key: str | None
    target: str


def parse_s3(request: HttpRequest, bucket_name: str | None, catalogue: Catalogue) -> S3Request:
    """Parse a request.

    Args:
        request: as it came.
        bucket_name: the bucket in the host, or None if the path begins with it.
        catalogue: the deployment's resources.

    Raises:
        Refused: the bucket does not exist, or the local cloud does not model the request.
    """
    path = request.path.removeprefix("/")
    if bucket_name is None:
        bucket_name, _, path = path.partition("/")
        if not bucket_name:
            raise not_modelled("s3", "requests without a bucket")
    bucket = catalogue.bucket(unquote(bucket_name))
    if bucket is None:
        raise Refused("NoSuchBucket", "The specified bucket does not exist", HTTPStatus.NOT_FOUND)
    key = unquote(path) or None
    method, parameters = request.method, request.parameters
    subresource = next((name for name in _SUBRESOURCES if name in parameters), "")
    unknown = sorted(name for name in parameters.keys() - _PARAMETERS - {subresource} if not name.startswith("X-Amz-"))
    name = (_BUCKET_ACTIONS if key is None else _OBJECT_ACTIONS).get((method, subresource))
    if name is None or unknown or "x-amz-copy-source" in request.headers:
        about = "an object" if key else "a bucket"
        raise not_modelled("s3", f"{method} of {about} with {', '.join(sorted(parameters)) or 'its headers'}")
    if name in _VERSIONED and "versionId" in parameters:
        name += "Version"
    arn = _bucket_arn(bucket, catalogue)
    call = Call(
        "s3",
        f"s3:{name}",
        f"{arn}/{key}" if key else arn,
        bucket,
        _context(request, name, (method, subresource), parameters),
        _uses_for_writing(request, name, bucket, key, catalogue),
    )
    target = f"/{bucket_name}/{path}{f'?{request.query}' if request.query else ''}"
    return S3Request(call, bucket, key, target)


def listing_of(request: S3Request, catalogue: Catalogue) -> Call:
    """Return the right that turns a refusal of a missing key (403) into "not found" (404)."""
    return Call("s3", "s3:ListBucket", _bucket_arn(request.bucket, catalogue), request.bucket)


def use_for_reading(request: S3Request, key_id: str, catalogue: Catalogue) -> KeyUse:
    """Return the use of the key that an object is encrypted under."""
    return _use("kms:Decrypt", key_id, request.bucket, request.key, catalogue)


def _context(
    request: HttpRequest, name: str, operation: tuple[str, str], parameters: dict[str, str]
) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {
        condition: (request.headers[header],)
        for header, condition in _CONDITION_HEADERS.items()
        if header in request.headers
    }
    if name.startswith("ListBucket"):
        context |= {
            condition: (parameters[parameter],)
            for parameter, condition in _CONDITION_PARAMETERS.items()
            if parameter in parameters
        }
    if name == "PutObject":
        context["s3:ObjectCreationOperation"] = ("true" if operation in _CREATING else "false",)
    if "versionId" in parameters:
        context["s3:VersionId"] = (parameters["versionId"],)
    return context


def _uses_for_writing(
    request: HttpRequest, name: str, bucket: Resource, key: str | None, catalogue: Catalogue
) -> tuple[KeyUse, ...]:
    """Return the uses of the key that a new object or part is encrypted under.

    An upload in parts also decrypts, because S3 reads the parts when it completes the upload:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
    """
    algorithm = request.headers.get("x-amz-server-side-encryption")
    if name != "PutObject" or algorithm == "AES256":
        return ()
    key_id = request.headers.get("x-amz-server-side-encryption-aws-kms-key-id") or catalogue.bucket_key(bucket)
    if key_id is None:
        return ()
    actions = ["kms:GenerateDataKey"]
    if "uploads" in request.parameters or "uploadId" in request.parameters:
        actions.append("kms:Decrypt")
    return tuple(_use(action, key_id, bucket, key, catalogue) for action in actions)


def _use(action: str, key_id: str, bucket: Resource, key: str | None, catalogue: Catalogue) -> KeyUse:
    kms_key = catalogue.key(key_id)
    if kms_key is None:
        raise Refused("KMS.NotFoundException", f"Key '{key_id}' does not exist", HTTPStatus.BAD_REQUEST)
    # With a bucket key the encryption context names the bucket, otherwise the object.
    arn = _bucket_arn(bucket, catalogue) + ("" if catalogue.has_bucket_key(bucket) else f"/{key}")
    context = {"aws:s3:arn": arn}
    return KeyUse(action, kms_key.attributes["Arn"], service_host(catalogue.account, "s3"), context)


def _bucket_arn(bucket: Resource, catalogue: Catalogue) -> str:
    return f"arn:{catalogue.account.partition}:s3:::{bucket.physical_id}"
