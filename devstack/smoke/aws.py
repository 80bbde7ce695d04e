"""A stack in an AWS account, through SAM and boto3, with the credentials of the caller."""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from devstack.smoke.cloud import Deployment, DeploymentRefused, Release, Response, SmokeFailed
from devstack.smoke.commands import BUILD, ROOT, build_command, deploy_command, event_reason, plant
from devstack.smoke.deletion import Deletion
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import Publisher

ALIAS_SECONDS = 5.0
"""Seconds between two looks at the alias while a release moves."""
ROTATION_SECONDS, POLL_SECONDS = 180.0, 3.0
HTTP_SECONDS = 30
AT_ONCE = 16
_US_EAST_1 = "us-east-1"


class AwsCloud:
    """One scratch stack.

    Args:
        session: with credentials and region.
        stack: the stack's name.
        account: the account's number.
        profile: of the AWS settings, for the SAM CLI; None: the default credentials.
    """

    def __init__(self, session: boto3.Session, stack: str, account: str, profile: str | None = None) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._stack = stack
        self._profile = profile
        self._region = str(session.region_name)
        self._artifacts = f"{stack}-{account}-{self._region}"
        self._http = URLLib3Session(timeout=HTTP_SECONDS, max_pool_connections=AT_ONCE)
        self._outputs: dict[str, str] = {}

    def deploy(self, release: Release) -> Deployment:
        """See `Cloud.deploy`."""
        self._make_bucket()
        _run(build_command(f"{self._stack}-{release.name}"), "make build")
        if release.fault:
            plant(release.fault, BUILD / "RecommendFunction")
        command = deploy_command(self._stack, self._region, self._artifacts, self._profile)
        with self._watched() as shares:
            ended = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - SAM of this project
        status, reason = self._outcome()
        if "ROLLBACK" in status:
            raise DeploymentRefused(reason)
        if ended.returncode or not status.endswith("_COMPLETE"):
            raise SmokeFailed(f"sam deploy ended with {ended.returncode}; the stack is {status}: {reason}")
        self._outputs = self._read_outputs()
        return Deployment(self.live_version(), tuple(shares))

    def live_version(self) -> str:
        """See `Cloud.live_version`."""
        return str(self._alias()["FunctionVersion"])

    def publish(self, artifact: Path) -> str:
        """See `Cloud.publish`."""
        return self._publisher().publish(artifact)

    def promote(self, version: str) -> int:
        """See `Cloud.promote`."""
        with tempfile.TemporaryDirectory() as folder:
            return self._publisher().promote(version, Path(folder)).revision

    def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Cloud.invoke`."""
        try:
            answer = self._client("lambda").invoke(
                FunctionName=self._output("FunctionAliasArn"), Payload=json.dumps(payload).encode()
            )
        except ClientError as error:
            raise SmokeFailed(f"the function cannot be invoked: {error}") from error
        text = answer["Payload"].read().decode("utf-8", "replace")
        if "FunctionError" in answer:
            raise SmokeFailed(f"the function failed: {text}")
        result: Mapping[str, Any] = json.loads(text)
        return result

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        """See `Cloud.send`; signed with SigV4 for execute-api."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data else {}
        request = AWSRequest(method=method, url=self._output("ApiUrl") + path, data=data, headers=headers)
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SmokeFailed("the AWS credentials are gone")
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        began = time.perf_counter()
        try:
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            return Response(0, {"error": str(error)}, (time.perf_counter() - began) * 1000)
        return Response(answer.status_code, _object(answer.content), (time.perf_counter() - began) * 1000)

    def rotate(self) -> float:
        """See `Cloud.rotate`."""
        secret, client = self._output("KeySecretArn"), self._client("secretsmanager")
        before = client.get_secret_value(SecretId=secret)["VersionId"]
        client.rotate_secret(SecretId=secret)
        for _ in range(int(ROTATION_SECONDS / POLL_SECONDS)):
            current = client.get_secret_value(SecretId=secret)
            if current["VersionId"] != before:
                return float(json.loads(current["SecretString"])["rotated_at"])
            self.sleep(POLL_SECONDS)
        raise SmokeFailed(
            f"the secret has no new version after {ROTATION_SECONDS:.0f} s; see the log group's operations"
        )

    def sleep(self, seconds: float) -> None:
        """See `Cloud.sleep`."""
        time.sleep(seconds)

    def delete(self) -> list[str]:
        """See `Cloud.delete`."""
        return Deletion(self._client, self._region, self._stack, (self._artifacts,), self.sleep).run()

    def _client(self, service: str) -> Any:
        with self._lock:  # a session makes clients in one thread at a time
            if service not in self._clients:
                self._clients[service] = self._session.client(service)  # type: ignore[call-overload] # no literal
            return self._clients[service]

    def _publisher(self) -> Publisher:
        return Publisher(BotoObjectStore(self._output("BucketName"), self._client("s3")))

    def _make_bucket(self) -> None:
        """Create the bucket of packages: that of `sam deploy --resolve-s3` would stay in the account."""
        s3 = self._client("s3")
        location = {} if self._region == _US_EAST_1 else {"LocationConstraint": self._region}
        try:
            s3.create_bucket(Bucket=self._artifacts, **({"CreateBucketConfiguration": location} if location else {}))
        except s3.exceptions.BucketAlreadyOwnedByYou:
            return

    @contextmanager
    def _watched(self) -> Iterator[list[float]]:
        """Collect the shares of the newest version while traffic moves."""
        shares: list[float] = []
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(ALIAS_SECONDS):
                weights = self._alias().get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
                shares.extend(weight for weight in weights.values() if weight not in shares)

        thread = threading.Thread(target=watch, name="alias", daemon=True)
        if self._outputs:  # before the first deployment there is no alias
            thread.start()
        try:
            yield shares
        finally:
            ended.set()
            if self._outputs:
                thread.join()

    def _alias(self) -> Mapping[str, Any]:
        function, _, alias = self._output("FunctionAliasArn").rpartition(":")
        answer: Mapping[str, Any] = self._client("lambda").get_alias(FunctionName=function, Name=alias)
        return answer

    def _outcome(self) -> tuple[str, str]:
        """Return the stack's status and the first failure of its latest operation."""
        formation = self._client("cloudformation")
        try:
            (stack,) = formation.describe_stacks(StackName=self._stack)["Stacks"]
            pages = formation.get_paginator("describe_stack_events").paginate(StackName=self._stack)
            reason = event_reason(event for page in pages for event in page["StackEvents"])
        except ClientError as error:
            return "missing", str(error)
        return stack["StackStatus"], reason

    def _read_outputs(self) -> dict[str, str]:
        (stack,) = self._client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}

    def _output(self, name: str) -> str:
        if name not in self._outputs:
            raise SmokeFailed(f"the stack {self._stack} has no output {name}")
        return self._outputs[name]


def _run(command: Sequence[str], name: str) -> None:
    ended = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - a command of this module
    if ended.returncode:
        raise SmokeFailed(f"{name} ended with {ended.returncode}")


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
