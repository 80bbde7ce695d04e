"""The `Bucket` by boto3, for publishers and promoters. Never imported on the request path: boto3 costs 240 ms there.

Conditional writes are S3's: ``If-None-Match: *`` creates, ``If-Match`` compares and sets
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html).
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from nextitem.aws.object_store import Stored
from nextitem.errors import RegistryUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_OBJECT = 5 * 1024**3
"""The largest object that one PUT takes, in bytes (an S3 limit)."""

_MISSING = {"NoSuchKey", "404"}
_LOST_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"}


class BotoBucket:
    """A `Bucket` on S3.

    Args:
        name: the bucket's name.
        client: an S3 client; by default one from the usual AWS settings.

    Raises:
        RegistryUnavailable: those settings make no client.
    """

    def __init__(self, name: str, client: "S3Client | None" = None) -> None:
        self._name = name
        config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3})
        try:
            self._s3: S3Client = client if client is not None else boto3.client("s3", config=config)
        except (BotoCoreError, ValueError) as error:
            raise RegistryUnavailable(f"bucket {name} cannot be used with these AWS settings: {error}") from error

    def read(self, key: str) -> Stored | None:
        """See `ReadBucket.read`."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=key)
            with closing(found["Body"]) as body:
                return Stored(body.read(), found["ETag"])
        except (ClientError, BotoCoreError, OSError) as error:
            if _code(error) in _MISSING:
                return None
            raise self._unavailable(error, key) from error

    def download(self, key: str, path: Path) -> bool:
        """See `ReadBucket.download`."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=key)
            with closing(found["Body"]) as body, path.open("wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
        except (ClientError, BotoCoreError, OSError) as error:
            if _code(error) in _MISSING:
                return False
            raise self._unavailable(error, key) from error
        return True

    def create(self, key: str, data: bytes | Path) -> bool:
        """See `Bucket.create`."""
        with ExitStack() as stack:
            body: bytes | IO[bytes] = data if isinstance(data, bytes) else stack.enter_context(data.open("rb"))
            return self._put(key, Body=body, IfNoneMatch="*", ChecksumAlgorithm="SHA256")

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """See `Bucket.replace`."""
        return self._put(key, Body=data, IfMatch=etag, ChecksumAlgorithm="SHA256")

    def keys(self, prefix: str) -> list[str]:
        """See `Bucket.keys`."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
            return sorted(found["Key"] for page in pages for found in page.get("Contents", ()))
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(error, prefix) from error

    def _put(self, key: str, **arguments: Any) -> bool:
        try:
            self._s3.put_object(Bucket=self._name, Key=key, **arguments)
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _LOST_RACE:
                return False
            raise self._unavailable(error, key) from error
        return True

    def _unavailable(self, error: Exception, key: str) -> RegistryUnavailable:
        return RegistryUnavailable(f"bucket {self._name} cannot be used at {key}: {error}")


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
