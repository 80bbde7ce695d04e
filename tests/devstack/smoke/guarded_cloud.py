"""The local cloud as `make smoke` uses a cloud: template.yaml deployed, each actor under its own policy."""

import json
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from devstack.build.release import release_of
from devstack.cloud.actors import PROMOTER, PUBLISHER, ActorFailed
from devstack.cloud.cloud import CODE, FUNCTIONS, LocalCloud
from devstack.cloud.iam.authority import Credentials
from devstack.cloud.services.code_deploy import DeploymentStopped
from devstack.smoke.cloud import Deployment, DeploymentRefused, Release, Response, SmokeFailed
from devstack.smoke.commands import plant
from devstack.template.stack import TEMPLATE, Edit
from tests.cloud.story import LEFT_OVER, RETAINED

FUNCTION = "RecommendFunction"
PATIENT = {
    "NEXTITEM_DEADLINE_MS": "5000",
    "NEXTITEM_STORE_TIMEOUT_MS": "2000",
    "NEXTITEM_STORE_CONNECT_TIMEOUT_MS": "2000",
}
"""The template's limits are too short for a machine that runs other tests."""


class GuardedCloud:
    """A cloud inside its ``with`` block. Waiting takes no time: its clock is put forward.

    Attributes:
        deleted: how often the stack was deleted.
        log: of the functions, when it was deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._resources = ExitStack()
        self._running: LocalCloud | None = None
        self._waited = 0.0
        self._effect: float | None = None
        self.deleted = 0
        self.log = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def now(self) -> float:
        return time.time() + self._waited

    def deploy(self, release: Release) -> Deployment:
        code = self._folder / release.name
        shutil.copytree(FUNCTIONS, code)
        if release.fault:
            plant(release.fault, code)
        edit = _released(code, release_of(code, [TEMPLATE], release.name))
        shares: list[float] = []
        if self._running is None:
            local = LocalCloud(edit=edit, code={**CODE, FUNCTION: code})
            self._running = self._resources.enter_context(local)
        else:
            self._cloud.code_deploy.during_canary = lambda: shares.extend(self._weights().values())
            try:
                self._cloud.release(edit=edit, code={FUNCTION: code})
            except DeploymentStopped as error:
                raise DeploymentRefused(str(error)) from error
        return Deployment(self.live_version(), tuple(shares))

    def live_version(self) -> str:
        return self._cloud.functions.version(self._cloud.alias_arn)

    def publish(self, artifact: Path) -> str:
        actors = self._cloud.actors
        return actors.nextitem(actors.credentials(PUBLISHER), "publish", artifact).strip()

    def promote(self, version: str) -> int:
        actors = self._cloud.actors
        route = actors.nextitem(actors.credentials(PROMOTER), "promote", version, "--json")
        return int(json.loads(route)["revision"])

    def invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self._cloud.actors.invoke(self._backend, self._cloud.alias_arn, payload)
        except ActorFailed as error:
            raise SmokeFailed(str(error)) from error
        return answer

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        began = time.perf_counter()
        answer = self._cloud.actors.request(self._backend, method, path, body)
        return Response(answer.status, answer.body or {}, (time.perf_counter() - began) * 1000)

    def rotate(self) -> float:
        self._cloud.rotate()
        self._effect = float(self._secret()["rotated_at"])
        return self._effect

    def sleep(self, seconds: float) -> None:
        """Put the clock forward; for the functions, whose clock is the machine's, the rotation moves back instead."""
        self._waited += seconds
        if self._effect is not None and self.now() >= self._effect:
            value = self._secret() | {"rotated_at": self._effect - self._waited}
            self._secrets("PutSecretValue", SecretString=json.dumps(value))
            self._cloud.functions.retire_workers()

    def delete(self) -> list[str]:
        self.deleted += 1
        self.log = "\n".join(self._cloud.functions.log_lines())
        self._cloud.actors.dismiss()
        stayed = {resource.logical_id for resource in self._cloud.delete()} - RETAINED
        return [*stayed, *(f"{kind} {name}" for kind, name in self._cloud.left_over() if kind not in LEFT_OVER)]

    @property
    def _cloud(self) -> LocalCloud:
        assert self._running is not None
        return self._running

    @cached_property
    def _backend(self) -> Credentials:
        return self._cloud.actors.backend()

    def _weights(self) -> Mapping[str, float]:
        """Return the shares of other versions than the alias's own."""
        function, _, alias = self._cloud.alias_arn.rpartition(":")
        answer = self._cloud.site.clients.call("lambda", "GetAlias", FunctionName=function, Name=alias)
        weights: Mapping[str, float] = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return weights

    def _secret(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._secrets("GetSecretValue")["SecretString"])
        return value

    def _secrets(self, operation: str, **arguments: str) -> Any:
        secret = self._cloud.deployment.only("AWS::SecretsManager::Secret").physical_id
        return self._cloud.site.clients.call("secretsmanager", operation, SecretId=secret, **arguments)


def _released(code: Path, release: str) -> Edit:
    """Return what `make build` writes into the template, and longer limits."""

    def edit(template: dict[str, Any]) -> None:
        template["Globals"]["Function"]["Environment"]["Variables"] |= PATIENT
        template["Resources"][FUNCTION]["Properties"] |= {"CodeUri": str(code), "AutoPublishCodeSha256": release}

    return edit
