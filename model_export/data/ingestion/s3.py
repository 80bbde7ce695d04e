"""Copy files from and to S3. boto3 reads the endpoint, region and credentials from its usual places."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from model_export.data.ingestion.sources import SCHEME, data_files
from nextitem.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def fetch(address: str, folder: Path) -> Path:
    """Copy an object, or the objects under a prefix that hold data, to a folder.

    Returns:
        The file; for a prefix, the folder.

    Raises:
        InputError: nothing is there, or it cannot be read.
    """
    bucket, key = _parts(address)
    with _client(address) as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        if key in keys:
            target = folder / key.rpartition("/")[2]
            client.download_file(bucket, key, str(target))
            return target
        prefix = f"{key.rstrip('/')}/" if key else ""
        inside = [key for key in keys if key.startswith(prefix) and not key.endswith("/")]
        if not inside:
            raise InputError(f"{address}: no such object or prefix")
        for place in data_files(address, [key.removeprefix(prefix) for key in inside]):
            key, target = f"{prefix}{place}", folder.joinpath(*place.split("/"))
            if not target.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{address}: the key {key!r} leads out of its prefix")
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(target))
    return folder


def refuse_taken(address: str, name: str) -> None:
    """Check that a prefix has no object of a name yet.

    Raises:
        InputError: it has, or cannot be listed.
    """
    bucket, key = _parts(address)
    with _client(address) as client:
        listing = client.list_objects_v2(Bucket=bucket, Prefix=_under(key, name), MaxKeys=1)
        if listing.get("KeyCount", 0):
            raise InputError(f"{address} has a {name} already; name another prefix or remove it")


def send(folder: Path, address: str, last: str) -> None:
    """Copy a folder's files under a prefix.

    Args:
        folder: a folder without folders.
        address: the prefix.
        last: name of the file that is written last: where it exists, all files do.

    Raises:
        InputError: a file cannot be written.
    """
    bucket, key = _parts(address)
    with _client(address) as client:
        for file in sorted(folder.iterdir(), key=lambda file: (file.name == last, file.name)):
            client.upload_file(str(file), bucket, _under(key, file.name))


def _under(key: str, name: str) -> str:
    return f"{key.rstrip('/')}/{name}".lstrip("/")


def _parts(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise InputError(f"{address} names no bucket")
    return bucket, key


@contextmanager
def _client(address: str) -> Iterator["S3Client"]:
    try:
        client = boto3.client("s3")
        try:
            yield client
        finally:
            client.close()
    except (BotoCoreError, ClientError, boto3.exceptions.Boto3Error) as error:
        raise InputError(f"{address} cannot be used: {error}") from error
