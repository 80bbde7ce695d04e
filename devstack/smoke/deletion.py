"""Delete a scratch stack, with the bucket and the key that the template retains."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

STABLE_SECONDS, POLL_SECONDS = 3600.0, 10.0
DELETE_SECONDS = 5400.0
"""Lambda gives its network interfaces back late: a deletion may take most of an hour."""
INTERRUPTIBLE = ("CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
KEY_DAYS = 7
"""KMS's shortest wait before a key is gone; a scheduled key costs nothing."""
ERRORS = (ClientError, BotoCoreError)
_MISSING = ("ValidationError", "NoSuchBucket", "NotFoundException")


@dataclass(frozen=True)
class Retained:
    """A resource that stays when its stack is deleted."""

    kind: str
    name: str


class Deletion:
    """Deletes one stack.

    Args:
        clients: makes a boto3 client of a service.
        region: of the stack.
        stack: the stack's name.
        buckets: further buckets to delete.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        clients: Callable[[str], Any],
        region: str,
        stack: str,
        buckets: tuple[str, ...],
        sleep: Callable[[float], None],
    ) -> None:
        self._clients = clients
        self._formation = clients("cloudformation")
        self._region = f"--region {region}"
        self._stack = stack
        self._buckets = buckets
        self._sleep = sleep
        self._left: list[str] = []

    def run(self) -> list[str]:
        """Delete everything that can be; return a line for each thing that is left, with a command that deletes it."""
        retained: list[Retained] = []
        with self._tried(
            f"the stack {self._stack}", f"aws cloudformation delete-stack --stack-name {self._stack} {self._region}"
        ):
            if self._status():
                retained = self._retained()
                self._delete_stack()
        names = [each.name for each in retained if each.kind == "AWS::S3::Bucket"]
        for bucket in (*names, *self._buckets):
            with self._tried(
                f"the bucket {bucket}",
                f"empty it in the console, with all versions, then aws s3 rb s3://{bucket} {self._region}",
            ):
                self._delete_bucket(bucket)
        for key in (each.name for each in retained if each.kind == "AWS::KMS::Key"):
            command = f"aws kms schedule-key-deletion --key-id {key} --pending-window-in-days {KEY_DAYS} {self._region}"
            with self._tried(f"the key {key}", command):
                self._clients("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS)
        return self._left

    @contextlib.contextmanager
    def _tried(self, name: str, command: str) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            if _code(error) not in _MISSING:
                self._left.append(f"{name} ({error}): {command}")
        except TimeoutError as error:
            self._left.append(f"{name} ({error}): {command}")
        except KeyboardInterrupt:
            self._left.append(f"{name} (interrupted): {command}")

    def _status(self) -> str:
        """Return the stack's status, empty if there is none."""
        try:
            (stack,) = self._formation.describe_stacks(StackName=self._stack)["Stacks"]
        except ClientError as error:
            if _code(error) == "ValidationError":
                return ""
            raise
        return str(stack["StackStatus"])

    def _retained(self) -> list[Retained]:
        pages = self._formation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
        return [
            Retained(resource["ResourceType"], resource["PhysicalResourceId"])
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] in ("AWS::S3::Bucket", "AWS::KMS::Key")
            and resource.get("PhysicalResourceId")
            and resource["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def _delete_stack(self) -> None:
        """End an update, which CloudFormation would not interrupt for a deletion, then delete and wait."""
        if self._status() == "UPDATE_IN_PROGRESS":
            self._formation.cancel_update_stack(StackName=self._stack)
        self._wait(lambda status: status in INTERRUPTIBLE or not status.endswith("_IN_PROGRESS"))
        self._formation.delete_stack(StackName=self._stack)
        self._wait(lambda status: status in ("", "DELETE_COMPLETE", "DELETE_FAILED"), DELETE_SECONDS)
        if self._status() == "DELETE_FAILED":
            raise TimeoutError("CloudFormation could not delete it; its events say why")

    def _wait(self, is_done: Callable[[str], bool], seconds: float = STABLE_SECONDS) -> None:
        for _ in range(int(seconds / POLL_SECONDS)):
            status = self._status()
            if is_done(status):
                return
            self._sleep(POLL_SECONDS)
        raise TimeoutError(f"still {status} after {seconds:.0f} s")

    def _delete_bucket(self, bucket: str) -> None:
        s3 = self._clients("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", ()):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        s3.delete_bucket(Bucket=bucket)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
