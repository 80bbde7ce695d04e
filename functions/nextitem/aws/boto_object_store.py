"""Read and write the bucket with boto3: for publishers and promoters, never on the request path (boto3 costs 240 ms).

Conditional writes are S3's: ``If-None-Match: *`` creates, ``If-Match`` compares and sets
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html). boto3's own `upload_file` cannot send
them, so the multipart upload is written here.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from nextitem.aws.object_store import StoredObject
from nextitem.errors import ObjectTooLarge, RegistryUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectOutputTypeDef, HeadObjectOutputTypeDef

SINGLE_PUT_BYTES = 100 << 20
"""Larger files are uploaded in parts, as AWS recommends; S3 refuses a single PUT of more than 5 GB."""
PART_BYTES = 64 << 20
"""Size of a part; larger where `MAX_PARTS` of them are too few. S3 takes 5 MiB to 5 GiB."""
MAX_PARTS = 10_000
"""Maximum parts that S3 takes."""
PARTS_AT_ONCE = 4
"""Parts in flight, each held in memory."""

OnProgress = Callable[[str, int, int], None]
"""Called with the key, the bytes uploaded and the size, once for each part of a large file."""

BUSY_SECONDS = (0.2, 0.4, 0.8, 1.6)
"""Pauses before a write is repeated because S3 is busy with another write of the same key."""

_MISSING = {"NoSuchKey", "404"}
_REFUSED = {"PreconditionFailed", "NoSuchKey", "412"}
_BUSY = {"ConditionalRequestConflict", "OperationAborted", "409"}
_ANSWER_ERRORS = (ClientError, BotoCoreError, KeyError, ValueError)
"""boto3's errors. It has no error of its own for an answer without a header, or with an impossible one."""
_READ_ERRORS = (*_ANSWER_ERRORS, OSError)
_WRITE_ID = "write-id"
"""Metadata of each object: the write that made it."""


class BotoObjectStore:
    """An `ObjectStore` on S3.

    Args:
        name: the bucket's name.
        client: an S3 client; by default one from the usual AWS settings.
        on_progress: called while large files are uploaded.
        region: the bucket's region, without a client; by default that of the AWS settings.
        endpoint: an S3 endpoint other than AWS's, without a client; by default that of the AWS settings.

    Raises:
        RegistryUnavailable: the AWS settings make no client.
    """

    def __init__(
        self,
        name: str,
        client: "S3Client | None" = None,
        on_progress: OnProgress = lambda _key, _sent, _size: None,
        *,
        region: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self._name = name
        self._on_progress = on_progress
        config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3})
        try:
            self._s3: S3Client = (
                client
                if client is not None
                else boto3.client("s3", config=config, region_name=region, endpoint_url=endpoint)
            )
        except (BotoCoreError, ValueError) as error:
            raise RegistryUnavailable(f"bucket {name} cannot be used with these AWS settings: {error}") from error

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        """See `ObjectReader.read`."""
        try:
            response = self._s3.get_object(Bucket=self._name, Key=key)
            with closing(response["Body"]):
                return StoredObject(b"".join(_chunks(response, key, max_bytes)), response["ETag"])
        except _READ_ERRORS as error:
            if _code(error) in _MISSING:
                return None
            raise self._unavailable(error, key) from error

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """See `ObjectReader.download`."""
        try:
            response = self._s3.get_object(Bucket=self._name, Key=key)
            with closing(response["Body"]):
                chunks = _chunks(response, key, max_bytes())
                with path.open("wb") as file:
                    file.writelines(chunks)
        except _READ_ERRORS as error:
            if _code(error) in _MISSING:
                return False
            raise self._unavailable(error, key) from error
        return True

    def create(self, key: str, data: bytes | Path) -> bool:
        """See `ObjectStore.create`. A failed upload in parts leaves no parts behind."""
        if isinstance(data, bytes):
            return self._write(key, lambda metadata: self._put(key, Body=data, IfNoneMatch="*", Metadata=metadata))
        if data.stat().st_size > SINGLE_PUT_BYTES:
            # S3 would say that the key is taken only after the last part
            return not self._exists(key) and self._write(key, lambda metadata: self._upload_parts(key, data, metadata))

        def put_file(metadata: dict[str, str]) -> None:
            with data.open("rb") as file:
                self._put(key, Body=file, IfNoneMatch="*", Metadata=metadata)

        return self._write(key, put_file)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """See `ObjectStore.replace`."""
        return self._write(key, lambda metadata: self._put(key, Body=data, IfMatch=etag, Metadata=metadata), etag)

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        try:
            self._s3.delete_object(Bucket=self._name, Key=key)
        except _ANSWER_ERRORS as error:
            raise self._unavailable(error, key) from error

    def keys(self, prefix: str) -> list[str]:
        """See `ObjectReader.keys`."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
            return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))
        except _READ_ERRORS as error:
            raise self._unavailable(error, prefix) from error

    def _put(self, key: str, **arguments: Any) -> None:
        self._s3.put_object(Bucket=self._name, Key=key, ChecksumAlgorithm="SHA256", **arguments)

    def _upload_parts(self, key: str, path: Path, metadata: dict[str, str]) -> None:
        """Upload a file in parts; S3 checks each part's SHA-256 and refuses the whole if the key is taken."""
        upload = self._s3.create_multipart_upload(
            Bucket=self._name, Key=key, ChecksumAlgorithm="SHA256", Metadata=metadata
        )
        upload_id = upload["UploadId"]
        try:
            parts = list(self._uploaded_parts(key, path, upload_id))
            self._s3.complete_multipart_upload(
                Bucket=self._name, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):  # the bucket's lifecycle rule removes them otherwise
                self._s3.abort_multipart_upload(Bucket=self._name, Key=key, UploadId=upload_id)
            raise

    def _uploaded_parts(self, key: str, path: Path, upload_id: str) -> "Iterable[CompletedPartTypeDef]":
        """Upload the parts, `PARTS_AT_ONCE` at a time, and yield them in their order."""
        size = path.stat().st_size
        part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
        with path.open("rb") as file, ThreadPoolExecutor(PARTS_AT_ONCE) as pool:

            def upload(number: int) -> "CompletedPartTypeDef":
                part = self._s3.upload_part(
                    Bucket=self._name,
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=os.pread(file.fileno(), part_bytes, (number - 1) * part_bytes),
                    ChecksumAlgorithm="SHA256",
                )
                return {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}

            # if a part fails, `map` cancels the parts that have not started
            for part in pool.map(upload, range(1, -(-size // part_bytes) + 1)):
                self._on_progress(key, min(part["PartNumber"] * part_bytes, size), size)
                yield part

    def _exists(self, key: str) -> bool:
        try:
            return self._head(key) is not None
        except _ANSWER_ERRORS as error:
            raise self._unavailable(error, key) from error

    def _head(self, key: str) -> "HeadObjectOutputTypeDef | None":
        """Return an object's headers, or None if there is no such key."""
        try:
            return self._s3.head_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise

    def _write(self, key: str, write: Callable[[dict[str, str]], None], etag: str | None = None) -> bool:
        """Make a conditional write with an id of its own; return False if its condition does not hold.

        If an answer is lost, boto3 repeats the write, and S3 refuses that because the object has changed already. So
        after each error the object says whether this write made it.

        Args:
            key: the object's key.
            write: writes the object with the metadata that it is called with.
            etag: the entity tag that the object must have before; None if there must be no object.
        """
        write_id = secrets.token_hex(16)
        for pause in (*BUSY_SECONDS, None):
            try:
                write({_WRITE_ID: write_id})
            except _ANSWER_ERRORS as error:
                head = self._head_after(error, key)
                if head is not None and head["Metadata"].get(_WRITE_ID) == write_id:
                    return True
                if _code(error) in _REFUSED or (head and head["ETag"]) != etag:
                    return False
                if _code(error) not in _BUSY or pause is None:
                    raise self._unavailable(error, key) from error
                time.sleep(pause)  # S3 is busy with another write of this key; only publishers wait here
            else:
                break
        return True

    def _head_after(self, error: Exception, key: str) -> "HeadObjectOutputTypeDef | None":
        """Return an object's headers after a write of it failed with an error."""
        try:
            return self._head(key)
        except _ANSWER_ERRORS:
            raise RegistryUnavailable(
                f"{self._unavailable(error, key)}; whether it was written is unknown: read it before you try again"
            ) from error

    def _unavailable(self, error: Exception, key: str) -> RegistryUnavailable:
        return RegistryUnavailable(f"bucket {self._name} cannot be used at {key}: {error}")


def _chunks(response: "GetObjectOutputTypeDef", key: str, max_bytes: int) -> Iterator[bytes]:
    """Check an object's size, then return its content in pieces.

    Raises:
        ObjectTooLarge: it is larger than its limit.
    """
    size = response["ContentLength"]  # urllib3 reads no more than this
    if size > max_bytes:
        raise ObjectTooLarge(key, size, max_bytes)
    return response["Body"].iter_chunks(1 << 20)


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
