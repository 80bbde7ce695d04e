"""The Lambda functions of a deployment: each version has its own workers, reached by the ARN of version or alias."""

import random
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from devstack.cloud.iam.authority import Authority
from devstack.cloud.network.network import Network
from devstack.cloud.network.security_groups import ids
from devstack.cloud.resources import Deployment, Resource
from devstack.cloud.running.configuration import LATEST, Configuration, parse_configuration
from devstack.cloud.running.sandbox import CloudSandbox
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.invocation import Outcome, failure
from devstack.lambda_runtime.runtime_api import RuntimeApi
from devstack.lambda_runtime.worker import ColdStart
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.loop_thread import LoopThread

FUNCTION, VERSION, ALIAS = (f"AWS::Lambda::{kind}" for kind in ("Function", "Version", "Alias"))
MAX_WORKERS = 4


class CloudFunction:
    """One version of a function with its workers; lives in the event loop of `CloudFunctions`."""

    def __init__(self, configuration: Configuration, function: Function, runtime: RuntimeApi) -> None:
        self.configuration = configuration
        self.function = function
        self.runtime = runtime
        self.prepared = 0
        """Number of workers that were started before an invocation needed them."""


class CloudFunctions:
    """The functions of a deployment, inside its ``with`` block. Its methods may be called by any thread.

    Example:
        ``functions.invoke("arn:aws:lambda:eu-central-1:123456789012:function:shop-recommend:live", b"{}")``
    """

    def __init__(
        self,
        deployment: Deployment,
        network: Network,
        authority: Authority,
        children: Children,
        directory: Path,
        code: Mapping[str, Path],
        *,
        python: Path = Path(sys.executable),
        runtime_path: Path | None = None,
        max_workers: int = MAX_WORKERS,
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            deployment: its functions, versions and aliases count as they are at each call.
            network: with a place for each function.
            authority: issues the credentials of the functions' roles.
            children: owner of the workers.
            directory: an existing folder for logs and temporary files of the workers.
            code: the folder of each function's code, by logical id. A version keeps the folder that it was published
                with.
            python: interpreter of the workers.
            runtime_path: the folder with the runtime client, or None where the interpreter has it.
            max_workers: of one version; further invocations wait, where Lambda would throttle.
        """
        self._deployment = deployment
        self._network = network
        self._authority = authority
        self._children = children
        self._directory = directory
        self._code = code
        self._python, self._runtime_path = python, runtime_path
        self._max_workers = max_workers
        self._loop = LoopThread("functions")
        self._units: dict[tuple[str, str], CloudFunction] = {}
        self._lock = threading.Lock()
        self._started = 0
        self._weights: dict[str, Mapping[str, float]] = {}

    def __enter__(self) -> Self:
        self._loop.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for unit in self._units.values():
            self._loop.run(unit.runtime.stop())
        self._loop.__exit__()

    def publish(self) -> None:
        """Freeze the configuration and code of every new version, and start what its strategy starts in advance.

        Under SnapStart that is the environment that the snapshot is taken of; with provisioned concurrency as many as
        an alias wants; on managed instances one (Lambda: three at least).

        Raises:
            FunctionFailed: the init of an environment failed.
        """
        for version in self._deployment.of_type(VERSION):
            function = self._function(version.properties["FunctionName"])
            number = version.attributes["Version"]
            if (function.physical_id, number) not in self._units:
                unit = self._start(function, number)
                if unit.configuration.snap_start or unit.configuration.concurrency is not None:
                    self._prepare(unit, 1)
        for alias in self._deployment.of_type(ALIAS):
            if provisioned := alias.properties.get("ProvisionedConcurrencyConfig"):
                function = self._function(alias.properties["FunctionName"])
                unit = self._units[function.physical_id, alias.properties["FunctionVersion"]]
                self._prepare(unit, int(provisioned["ProvisionedConcurrentExecutions"]))

    def route(self, alias_arn: str, weights: Mapping[str, float]) -> None:
        """Let other versions than the alias's own answer a share of its invocations, as a canary does.

        Args:
            alias_arn: of the alias.
            weights: shares from 0 to 1, by version; empty: none.
        """
        self._weights[alias_arn] = dict(weights)

    def invoke(self, function_arn: str, payload: bytes) -> Outcome:
        """Run a function on one event (JSON).

        Args:
            function_arn: with a version or alias; without, `LATEST` runs. A name may stand for the ARN.
            payload: the event.

        Raises:
            LookupError: there is no such function, version or alias.
        """
        name, qualifier = _parse(function_arn)
        if str(self._function(name).properties.get("ReservedConcurrentExecutions")) == "0":
            return failure("TooManyRequestsException", "Rate Exceeded.")  # a reservation of 0 turns a function off
        unit = self._unit(function_arn)
        arn = f"{unit.configuration.arn}:{qualifier}" if qualifier else unit.configuration.arn
        return self._loop.run(unit.runtime.pool.invoke(payload, arn))

    def version(self, function_arn: str) -> str:
        """Return the version that answers an invocation; with weights it is drawn by lot.

        Raises:
            LookupError: there is no such function, version or alias.
        """
        return self._unit(function_arn).configuration.version

    def cold_starts(self, function_arn: str) -> tuple[ColdStart, ...]:
        """Return the cold start of each worker of a version that has answered, in the order of their first answers."""
        return tuple(self._unit(function_arn).runtime.pool.cold_starts)

    def retire_workers(self) -> None:
        """End the workers without an invocation, so that next requests are cold starts."""
        for unit in self._units.values():
            self._loop.run(unit.runtime.pool.retire())

    def log_lines(self) -> Iterator[str]:
        """Read the logs of all workers of all versions, one after the other."""
        for unit in list(self._units.values()):
            for log in unit.runtime.pool.logs:
                with log.open(encoding="utf-8", errors="replace", newline="\n") as text:
                    yield from (line.removesuffix("\n") for line in text)

    def _unit(self, function_arn: str) -> CloudFunction:
        name, qualifier = _parse(function_arn)
        function = self._function(name)
        if qualifier == LATEST or not qualifier:
            with self._lock:
                return self._latest(function)
        number = qualifier if qualifier.isdecimal() else self._routed(function, qualifier)
        try:
            return self._units[function.physical_id, number]
        except KeyError:
            raise LookupError(f"Function not found: {function.attributes['Arn']}:{qualifier}") from None

    def _latest(self, function: Resource) -> CloudFunction:
        """Return the unpublished version, with new workers after a change of its configuration or code."""
        key = function.physical_id, LATEST
        unit = self._units.get(key)
        is_current = (
            unit is not None
            and unit.configuration == parse_configuration(function)
            and unit.function.directory == self._code[function.logical_id]
        )
        if unit is not None and not is_current:
            self._loop.run(unit.runtime.stop())
        return unit if unit is not None and is_current else self._start(function, LATEST)

    def _routed(self, function: Resource, alias_name: str) -> str:
        for alias in self._deployment.of_type(ALIAS):
            if alias.properties["Name"] == alias_name and alias.properties["FunctionName"] in ids(function):
                weights = self._weights.get(f"{function.attributes['Arn']}:{alias_name}", {})
                own = str(alias.properties["FunctionVersion"])
                shares = {**weights, own: 1 - sum(weights.values())}
                return random.choices(list(shares), list(shares.values()))[0]  # noqa: S311 - a share, not a secret
        raise LookupError(f"Cannot find alias arn: {function.attributes['Arn']}:{alias_name}")

    def _function(self, name: Any) -> Resource:
        for function in self._deployment.of_type(FUNCTION):
            if name in ids(function):
                return function
        raise LookupError(f"Function not found: {name}")

    def _start(self, resource: Resource, version: str) -> CloudFunction:
        configuration = parse_configuration(resource, version)
        code = self._code[resource.logical_id]
        sandbox = CloudSandbox(
            configuration,
            self._deployment.account,
            self._network.place_of(resource.properties),
            self._authority,
            code=code,
            python=self._python,
            runtime_path=self._runtime_path,
        )
        function = Function(
            code,
            configuration.handler,
            configuration.name,
            self._python,
            self._runtime_path,
            configuration.timeout_seconds,
            configuration.snap_start,
            configuration.concurrency,
            configuration.memory_mb,
            sandbox=sandbox,
        )
        self._started += 1
        directory = self._directory / f"{configuration.name}-{version.removeprefix('$')}-{self._started}"
        directory.mkdir()
        unit = self._loop.run(self._serve(configuration, function, directory))
        self._units[resource.physical_id, version] = unit
        return unit

    async def _serve(self, configuration: Configuration, function: Function, directory: Path) -> CloudFunction:
        runtime = RuntimeApi(function, self._children, directory, self._max_workers)
        await runtime.start()
        return CloudFunction(configuration, function, runtime)

    def _prepare(self, unit: CloudFunction, count: int) -> None:
        while unit.prepared < min(count, self._max_workers):
            if (error := self._loop.run(unit.runtime.pool.prepare())) is not None:
                raise FunctionFailed(error.payload)
            unit.prepared += 1


def _parse(function_arn: str) -> tuple[str, str]:
    """Return a function's name and the version or alias, from its ARN or from its name alone."""
    name, _, qualifier = (function_arn.partition(":function:")[2] or function_arn).partition(":")
    return name, qualifier
