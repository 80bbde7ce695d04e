"""The whole local cloud as one context manager: template.yaml deployed, its functions running behind the doors.

Example:
    ``with LocalCloud({"StoreKind": "nodes"}) as cloud: cloud.call(cloud.backend(), "GET", "/v1/health")``
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devstack.api_gateway.gateway import Gateway
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.cloud.account import Account
from devstack.cloud.actors import Actors
from devstack.cloud.aws_door.authorization import AccessDecision
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.door import AwsDoor
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.deploying.inventory import inventory
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete, deploy, update
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.network.network import Network
from devstack.cloud.network.routes import STORE
from devstack.cloud.resources import Resource
from devstack.cloud.running.functions import CloudFunctions
from devstack.cloud.services.code_deploy import CodeDeploy
from devstack.cloud.services.http_api import HttpApi
from devstack.cloud.services.rotation import Rotation
from devstack.cloud.services.schedules import Schedules
from devstack.cloud.services.state_machines import StateMachines
from devstack.cloud.services.telemetry import undelivered
from devstack.cloud.store_door.door import StoreDoor
from devstack.cloud.store_door.server import server_options
from devstack.env import DIRECTORY_PREFIX, marked_as_running
from devstack.lambda_runtime.invocation import Outcome
from devstack.processes.children import Children
from devstack.processes.listener import listen
from devstack.processes.loop_thread import LoopThread
from devstack.services.bucket import start_moto
from devstack.services.valkey import start_valkey
from devstack.template.stack import ROOT, Edit, Values, deployed

FUNCTIONS = ROOT / "functions"
STACK_NAME = "shop"
CODE = {
    "RecommendFunction": FUNCTIONS,
    "ManagedRecommendFunction": FUNCTIONS,
    "PreTrafficFunction": FUNCTIONS / "operations",
    "RotateSecretFunction": FUNCTIONS / "operations",
}
"""The folder of each function's code, by logical id; those of the learning loop get `learning_sources`."""
LEARNING = ("CollectFunction", "CompactFunction", "DecideFunction", "DriftFunction", "StartCanaryFunction")


@dataclass(frozen=True)
class _Services:
    """Lambda and CodeDeploy for the door of AWS services."""

    functions: CloudFunctions
    code_deploy: CodeDeploy

    def invoke(self, function_arn: str, payload: bytes) -> Outcome:
        return self.functions.invoke(function_arn, payload)

    def deployment_group(self, deployment_id: str) -> str:
        return self.code_deploy.deployment_group(deployment_id)

    def report_hook(self, deployment_id: str, execution_id: str, status: str) -> None:
        self.code_deploy.report_hook(deployment_id, execution_id, status)


class LocalCloud:
    """A deployed stack, inside its ``with`` block.

    Attributes:
        deployment: its resources.
        directory: of its files while it runs; `devstack.env` finds it.
        url: of the HTTP API, ``http://127.0.0.1:port``.
        actors: those who call the stack, each under its own policy.
        functions: the running functions.
        code_deploy: moves the alias of a release.
        schedules: fires the rules of the learning loop.
        machines: runs tasks of the state machine.
        values: of the template's parameters.
        edit: see below.
    """

    def __init__(
        self,
        values: Values | None = None,
        *,
        edit: Edit | None = None,
        stack_name: str = STACK_NAME,
        code: Mapping[str, Path] = CODE,
        python: Path = Path(sys.executable),
        runtime_path: Path | None = None,
        port: int = 0,
        account: Account = Account(),  # noqa: B008 - immutable
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            values: of the template's parameters.
            edit: changes the template before it is deployed.
            stack_name: of the stack.
            code: see `CODE`.
            python: interpreter of the functions.
            runtime_path: the folder with the runtime client for it, or None where it has that.
            port: of the HTTP API; 0 takes a free one.
            account: where it pretends to be.
        """
        self.values, self.edit = dict(values or {}), edit
        self._stack_name, self._account = stack_name, account
        self._code, self._python, self._runtime_path = dict(code), python, runtime_path
        self._port = port
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as running:
            listening = running.enter_context(listen(self._port))
            directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX)))
            running.enter_context(marked_as_running(directory))
            self.directory = directory
            children = running.enter_context(Children())
            self._rotation = running.enter_context(Rotation())
            endpoint, _ = start_moto(children, directory, self._rotation.url)
            clients = Clients(endpoint, self._account)
            running.callback(clients.close)
            authority = Authority(self._account)
            self.site = Site(self._account, clients, authority)
            self._before = inventory(self.site)
            self.deployment = deploy(self.site, deployed(self.values, self.edit), self._stack_name)
            serverless = any(self.deployment.of_type("AWS::ElastiCache::ServerlessCache"))
            if any(name in self.deployment.resources for name in LEARNING):
                learning = learning_sources(_folder(directory, "learning"))
                self._code = {**dict.fromkeys(LEARNING, learning), **self._code}
            valkey = start_valkey(children, directory, *server_options(serverless=serverless))
            network = running.enter_context(
                Network(self.deployment, children, _folder(directory, "network"), pythons=[self._python])
            )
            self.functions = running.enter_context(
                CloudFunctions(
                    self.deployment,
                    network,
                    authority,
                    children,
                    _folder(directory, "functions"),
                    self._code,
                    python=self._python,
                    runtime_path=self._runtime_path,
                )
            )
            catalogue = Catalogue(self.deployment)
            code_deploy = CodeDeploy(self.site, catalogue, self.functions)
            self.code_deploy = code_deploy
            door = AwsDoor(self.deployment, authority, endpoint, _Services(self.functions, code_deploy))
            self._door = running.enter_context(door)
            self._store_door = running.enter_context(StoreDoor(self.deployment, authority, valkey.port))
            for entrance in network.entrances:
                route = entrance.route
                if route.service == STORE:
                    self._store_door.open(entrance.listening, entrance.tls)
                else:
                    via = None if route.endpoint is None else route.endpoint.logical_id
                    door.open(entrance.listening, tls=entrance.tls, via=via)
            code_deploy.connect(door.authorizer)
            self._rotation.connect(catalogue, door.authorizer, self.functions.invoke)
            invoke = self.functions.invoke
            self.machines = StateMachines(catalogue, authority, door.authorizer, invoke)
            self.schedules = Schedules(catalogue, authority, door.authorizer, invoke, self.machines)
            self.functions.publish()
            self._api = HttpApi(catalogue, authority, door.authorizer, self.functions.invoke)
            self.url = running.enter_context(_served(self._api, listening))
            actors = _folder(directory, "actors")
            self.actors = Actors(self.deployment, authority, network.internet, actors, self.url)
            self._resources = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def alias_arn(self) -> str:
        """The ARN of the alias that takes traffic."""
        return self.deployment.outputs["FunctionAliasArn"]

    @property
    def api_endpoint(self) -> str:
        """The URL that AWS would give the HTTP API; `url` stands for it."""
        return self.deployment.only("AWS::ApiGatewayV2::Api").attributes["ApiEndpoint"]

    @property
    def jwt(self) -> JwtAuthorizer | None:
        """Makes tokens for the API; None if requests are signed."""
        return self._api.jwt

    def caller(self) -> Credentials | str:
        """Return what a backend's requests to the API carry: credentials that sign them, or a token."""
        return self.actors.backend() if self.jwt is None else self.jwt.token(sub="backend")

    @property
    def decisions(self) -> list[AccessDecision]:
        """Every decision about a permission up to now; they name the statements that decided."""
        return [*self._door.decisions, *self._store_door.decisions]

    def undelivered(self) -> list[str]:
        """Return a sentence for each log or trace that AWS would drop, because a role may not send it."""
        return undelivered(self._door.catalogue, self.site.authority, self._door.authorizer)

    def release(
        self, values: Values | None = None, *, edit: Edit | None = None, code: Mapping[str, Path] | None = None
    ) -> None:
        """Deploy again under other values, after another edit, or with other code; CodeDeploy moves the alias.

        Args:
            values: of parameters that change.
            edit: instead of the first one.
            code: new folders of functions, see `CODE`, for the versions that the edit makes SAM publish.

        Raises:
            DeploymentStopped: it did not; the stack is as before.
            DeploymentFailed: a resource was refused; likewise.
        """
        before = dict(self._code)
        self._code.update(code or {})
        try:
            update(
                self.site,
                self.deployment,
                deployed({**self.values, **(values or {})}, edit or self.edit),
                shift=self.code_deploy.shift,
            )
        except BaseException:
            self._code.update(before)
            raise

    def rotate(self) -> None:
        """Rotate the key secret now.

        Raises:
            RotationFailed: a step was refused or failed.
        """
        self._rotation.rotate(self.site.clients)

    def delete(self) -> list[Resource]:
        """Delete the stack and return the retained resources; `left_over` says what else is left.

        Raises:
            DeploymentFailed: AWS would refuse to delete a resource.
        """
        return delete(self.site, self.deployment)

    def left_over(self) -> set[tuple[str, str]]:
        """Return everything that was not in the account before the deployment: kind, and name or id."""
        return inventory(self.site) - self._before


@contextlib.contextmanager
def _served(api: HttpApi, listening: socket.socket) -> Iterator[str]:
    """Serve the HTTP API and yield its URL."""
    with LoopThread("http-api") as loop:
        gateway = Gateway(api.invoke, listening, keys=api.keys, authorize=api.authorize, cors=api.cors)
        url = loop.run(gateway.start())
        try:
            yield url
        finally:
            loop.run(gateway.stop())


def learning_sources(folder: Path) -> Path:
    """Copy the code of the learning loop's functions, and nothing else of the project, into an existing folder."""
    makefile = str(FUNCTIONS / "Makefile")
    command = ["make", "--silent", "--file", makefile, "learning-sources", f"ARTIFACTS_DIR={folder}"]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command
    return folder


def _folder(directory: Path, name: str) -> Path:
    folder = directory / name
    folder.mkdir()
    return folder
