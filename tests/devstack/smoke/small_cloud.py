"""A cloud for planted troubles in the steps of `make smoke`: devstack's store, bucket and workers, up in a second.

It has neither policies nor CloudFormation; `guarded_cloud` has, and takes ten seconds.
"""

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import boto3

from devstack.api_gateway.served_function import ServedFunction
from devstack.lambda_runtime.function import Function
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.listener import listen
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.services.secret import Secret
from devstack.smoke.cloud import Deployment, DeploymentRefused, Release, Response, SmokeFailed
from devstack.smoke.commands import plant
from devstack.stack import FUNCTIONS_DIRECTORY, Stack
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import Publisher

SECRETS = ("the first secret of this cloud", "the second secret of this cloud")


class SmallCloud:
    """A cloud inside its ``with`` block. Waiting takes no time: its clock is put forward.

    Each release is a function of its own on the same store and bucket. Traffic moves at once, and a share is reported
    as CodeDeploy's canary would have it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = Stack(secret={"current": SECRETS[0]})
        self._resources = ExitStack()
        self._live: tuple[str, ServedFunction] | None = None
        self._waited = 0.0
        self.deleted = 0

    def __enter__(self) -> Self:
        self._resources.enter_context(self._stack)
        self._children = self._resources.enter_context(Children())
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def now(self) -> float:
        return time.time() + self._waited

    def deploy(self, release: Release) -> Deployment:
        directory = self._folder / release.name
        shutil.copytree(FUNCTIONS_DIRECTORY, directory / "code")
        if release.fault:
            plant(release.fault, directory / "code")
        served = ServedFunction(
            Function(directory / "code", settings=self._settings()),
            self._children,
            directory,
            max_workers=2,
            listening=self._resources.enter_context(listen(0)),
        )
        self._resources.enter_context(served)
        if self._live is not None:
            self._check(served)
        self._live = release.name, served
        return Deployment(release.name, (0.1,))

    def _check(self, served: ServedFunction) -> None:
        try:
            served.invoke(b'{"operation": "verify"}')
        except FunctionFailed as error:
            raise DeploymentRefused(str(error)) from error

    def live_version(self) -> str:
        assert self._live is not None
        return self._live[0]

    def publish(self, artifact: Path) -> str:
        return self._publisher().publish(artifact)

    def promote(self, version: str) -> int:
        return self._publisher().promote(version, self._folder / "promoted").revision

    def _publisher(self) -> Publisher:
        client: Any = boto3.client(
            "s3",
            endpoint_url=self._stack.s3_endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
        )
        return Publisher(BotoObjectStore(self._stack.bucket, client))

    def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self._live is not None
        try:
            answer: Mapping[str, Any] = json.loads(self._live[1].invoke(json.dumps(payload).encode()))
        except FunctionFailed as error:
            raise SmokeFailed(str(error)) from error
        return answer

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        assert self._live is not None
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data else {}
        request = urllib.request.Request(self._live[1].url + path, data, headers, method=method)  # noqa: S310 - loopback
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        return Response(status, json.loads(content or b"{}"), (time.perf_counter() - began) * 1000)

    def rotate(self) -> float:
        """Rotate as `functions/operations/rotate_secret.py` does, to take effect at once for new workers."""
        assert self._live is not None
        self._stack.put_secret({"current": SECRETS[1], "previous": SECRETS[0], "rotated_at": time.time() - 1})
        self._live[1].retire_workers()
        return self.now()

    def sleep(self, seconds: float) -> None:
        self._waited += seconds

    def delete(self) -> list[str]:
        self.deleted += 1
        return []

    def _settings(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self._stack.s3_endpoint,
            "NEXTITEM_BUCKET": self._stack.bucket,
            "NEXTITEM_STORE_URL": self._stack.store_url,
            **Secret(self._stack.s3_endpoint).settings,
            "POWERTOOLS_SERVICE_NAME": "nextitem",
            "POWERTOOLS_METRICS_NAMESPACE": "nextitem",
            "NEXTITEM_DEADLINE_MS": "5000",
            "NEXTITEM_STORE_TIMEOUT_MS": "2000",
        }
