"""The whole stack as one context manager: Valkey, bucket, model, function and HTTP API.

Example:
    ``with Stack(artifact=demo_artifact()) as stack: requests.get(f"{stack.url}/v1/health")``
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.gateway import Observe
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.api_gateway.served_function import ServedFunction
from devstack.env import DIRECTORY_PREFIX, marked_as_running, write_exports
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.worker import ColdStart
from devstack.processes.children import Children
from devstack.processes.listener import listen
from devstack.publish import publish, publish_catalogue, publish_only
from devstack.services.brake import Brake
from devstack.services.bucket import ACCESS_KEY, REGION, Bucket, start_bucket
from devstack.services.secret import SECRET_ID, Secret
from devstack.services.valkey import Valkey, restart_valkey, start_valkey, valkey_binary

if TYPE_CHECKING:
    from devstack.lake_collector import LakeCollector

FUNCTIONS_DIRECTORY = Path(__file__).parent.parent / "functions"
BUCKET_NAME = "nextitem-models"
KEY_SECRET = "devstack, no secret"  # noqa: S105 - the store ends with the stack
MAX_WORKERS = 4
SUBJECTS = ("alice", "bob")
"""Of the tokens that a stack with a JWT authorizer makes: two, since a session belongs to one subject."""
TIMEOUT_SECONDS = 10.0
"""Longer than the template's: several cold starts share a laptop's cores."""


class Stack:
    """A running stack inside its ``with`` block, which at its end kills every process and removes every file.

    Attributes:
        url: of the HTTP API, ``http://127.0.0.1:port``; also the Invoke API's endpoint.
        store_url: of Valkey, ``redis://127.0.0.1:port/0``.
        store_brake: makes Valkey slow.
        directory: of the stack: logs and fetched models; removed at the end.
        s3_endpoint: ``http://127.0.0.1:port``.
        bucket: name of the bucket with the models.
        version: of the published model, or None.
        catalogue_version: of the published catalogue, or None.
        lake: the collector of the event lake, or None.
    """

    def __init__(
        self,
        functions_dir: Path = FUNCTIONS_DIRECTORY,
        *,
        artifact: Path | None = None,
        python: Path | None = None,
        runtime_path: Path | None = None,
        handler: str = "recommend.handler",
        max_workers: int = MAX_WORKERS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        port: int = 0,
        snap_start: bool = False,
        concurrency: int | None = None,
        jwt: JwtAuthorizer | None = None,
        cors: Cors | None = None,
        secret: Mapping[str, str | float] | None = None,
        settings: Mapping[str, str] | None = None,
        exclude_seen: bool | None = None,
        pages: Sequence[web.RouteDef] = (),
        observe: Observe | None = None,
        earlier: Path | None = None,
        catalogue: Callable[[Path], object] | None = None,
        lake_buckets: int = 0,
        lake_seconds: float = 1.0,
    ) -> None:
        """Keep the configuration; nothing is started yet.

        Args:
            functions_dir: the function's code, or a built artifact.
            artifact: model to publish and promote, for example ``publish.demo_artifact()``, or None.
            python: interpreter of the workers; by default the one that runs this.
            runtime_path: directory with `awslambdaric`, if the interpreter has none.
            handler: ``module.function``.
            max_workers: how many run at once; further invocations wait.
            timeout_seconds: of the function.
            port: of the HTTP API; 0 takes a free one.
            snap_start: whether workers are restored as from SnapStart's snapshot, see `prepare`.
            concurrency: invocations that run at once in one worker, as on Managed Instances; None: on demand.
            jwt: checks the token of every HTTP request, see `jwt_authorizer`; or None.
            cors: the origins whose pages may call the API; None: no CORS.
            secret: the key secret's JSON, kept in Secrets Manager (see `put_secret`) instead of a variable.
            settings: environment variables of the function; they override those of the stack.
            exclude_seen: whether the route leaves out a session's items; None: as the function's settings say.
            pages: routes of pages for people on the API's port, see `devstack.pages.serving`; AWS serves none.
            observe: sees each HTTP request and its outcome, see `Gateway`.
            earlier: another model to publish; it gets no traffic until somebody promotes it; or None.
            catalogue: writes the catalogue file to publish for the route, at a path; or None.
            lake_buckets: streams of the event lake; 0: no lake.
            lake_seconds: pause between two runs of its collector.
        """
        self._function = Function(
            directory=functions_dir.resolve(),
            handler=handler,
            python=(python or Path(sys.executable)).absolute(),  # to resolve the link would leave its venv
            runtime_path=runtime_path.resolve() if runtime_path else None,
            timeout_seconds=timeout_seconds,
            snap_start=snap_start,
            concurrency=concurrency,
            settings=settings or {},
        )
        self._artifact = artifact
        self._max_workers, self._port = max_workers, port
        self._jwt, self._cors = jwt, cors
        self._secret, self._exclude_seen = secret, exclude_seen
        self._pages, self._observe = pages, observe
        self._earlier = earlier
        self._catalogue = catalogue
        self._lake_buckets, self._lake_seconds = lake_buckets, lake_seconds
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as resources:
            listening = resources.enter_context(listen(self._port))
            directory = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX)))
            resources.enter_context(marked_as_running(directory))
            children = resources.enter_context(Children())
            self._valkey, bucket = _start_servers(children, directory)
            self._bucket, self._children, self.directory = bucket, children, directory
            self.store_url = self._valkey.url
            self.store_brake = Brake(lambda: self._valkey.child)
            resources.callback(self.store_brake.press, 0)
            self.bucket, self.s3_endpoint = bucket.name, bucket.endpoint
            self.version = self._published(bucket, directory / "published")
            self.catalogue_version = self._published_catalogue(bucket, directory)
            if self._secret is not None:
                self.put_secret(self._secret)
            self._served = resources.enter_context(
                ServedFunction(
                    replace(self._function, settings=self.function_settings),
                    children,
                    directory,
                    max_workers=self._max_workers,
                    listening=listening,
                    jwt=self._jwt,
                    cors=self._cors,
                    observe=self._observe,
                    pages=self._pages,
                )
            )
            self.url = self._served.url
            self.lake = self._collector(resources)
            self._write_exports()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def cold_starts(self) -> tuple[ColdStart, ...]:
        """See `ServedFunction.cold_starts`."""
        return self._served.cold_starts

    def log_lines(self) -> list[str]:
        """Read the logs of all workers, see `ServedFunction.log_lines`."""
        return self._served.log_lines()

    def invoke(self, payload: bytes) -> bytes:
        """Invoke the function, see `ServedFunction.invoke`."""
        return self._served.invoke(payload)

    def retire_workers(self) -> None:
        """End the workers without an invocation, so that the next request is a cold start."""
        self._served.retire_workers()

    def prepare(self) -> None:
        """Start a worker before any invocation, see `ServedFunction.prepare`."""
        self._served.prepare()

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """Stop the processes of all workers inside the ``with`` block, see `ServedFunction.frozen`."""
        return self._served.frozen()

    def put_secret(self, value: Mapping[str, str | float]) -> None:
        """Give the key secret another value, as its rotation does; running workers read it later."""
        Secret(self.s3_endpoint).put(value)

    def bucket_log(self) -> str:
        """Read the log of the bucket's endpoint: one line for each request."""
        return "" if self._bucket.child is None else self._bucket.child.log_text()

    def kill_store(self) -> None:
        """End Valkey, and with it every session."""
        self._valkey.child.kill()

    @property
    def store_runs(self) -> bool:
        """True while Valkey runs."""
        return self._valkey.child.exit_code is None

    def restart_store(self) -> None:
        """Start Valkey again on its port, empty.

        Raises:
            StackError: it still runs, or does not start.
        """
        self._valkey = restart_valkey(self._children, self.directory, self._valkey)
        self._write_exports()

    def kill_bucket(self) -> None:
        """End the bucket for good."""
        if self._bucket.child is not None:
            self._bucket.child.kill()

    @property
    def tokens(self) -> dict[str, str]:
        """See `demo_tokens`."""
        return demo_tokens(self._jwt)

    def _published(self, bucket: Bucket, directory: Path) -> str | None:
        if self._artifact is None:
            return None
        if self._earlier is not None:
            publish_only(self._earlier, bucket)
        return publish(self._artifact, bucket, directory, exclude_seen=self._exclude_seen)

    def _published_catalogue(self, bucket: Bucket, directory: Path) -> str | None:
        if self._catalogue is None:
            return None
        path = directory / "catalogue.bin"
        self._catalogue(path)
        return publish_catalogue(path, bucket, directory / "published")

    def _collector(self, resources: contextlib.ExitStack) -> "LakeCollector | None":
        if not self._lake_buckets:
            return None
        from devstack.lake_collector import LakeCollector  # lazily: the demo has no DuckDB

        lake = LakeCollector(self.store_url, self._bucket, self._lake_buckets, self._lake_seconds)
        return resources.enter_context(lake)

    def _write_exports(self) -> None:
        write_exports(self.directory, self._exports(), REGION)

    def _exports(self) -> dict[str, str]:
        return {
            "API_URL": self.url,
            "AWS_ENDPOINT_URL": self.s3_endpoint,
            "AWS_ENDPOINT_URL_LAMBDA": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            **self.tokens,
            "FUNCTION": Function.name,
            "KEY_SECRET_ID": SECRET_ID,
            "NEXTITEM_BUCKET": self.bucket,
            "NEXTITEM_STORE_URL": self.store_url,
            **({"NEXTITEM_LAKE_BUCKETS": str(self._lake_buckets)} if self._lake_buckets else {}),
            "DEVSTACK_PID": str(os.getpid()),
            "DEVSTACK_STORE_PID": str(self._valkey.child.pid),
            "DEVSTACK_STORE_PORT": str(self._valkey.port),
            "DEVSTACK_VALKEY": str(valkey_binary()),
        }

    @property
    def function_settings(self) -> dict[str, str]:
        """The environment variables with which a process answers for this stack."""
        secret = {"NEXTITEM_KEY_SECRET": KEY_SECRET} if self._secret is None else Secret(self.s3_endpoint).settings
        return {
            "AWS_ENDPOINT_URL_S3": self.s3_endpoint,
            "NEXTITEM_BUCKET": self.bucket,
            "NEXTITEM_STORE_URL": self.store_url,
            **({"NEXTITEM_LAKE_BUCKETS": str(self._lake_buckets)} if self._lake_buckets else {}),
            **secret,
            "OPENBLAS_NUM_THREADS": "1",  # 25-60 ms off the import of numpy
            **self._function.settings,
        }


def demo_tokens(jwt: JwtAuthorizer | None) -> dict[str, str]:
    """Return a valid token for each of two subjects, by the variable that `python -m devstack env` exports it as."""
    return {} if jwt is None else {f"TOKEN_{subject.upper()}": jwt.token(sub=subject) for subject in SUBJECTS}


def _start_servers(children: Children, directory: Path) -> tuple[Valkey, Bucket]:
    """Start Valkey and the bucket at the same time: moto takes half a second."""
    with ThreadPoolExecutor(max_workers=2) as threads:
        valkey = threads.submit(start_valkey, children, directory)
        bucket = threads.submit(start_bucket, children, directory, BUCKET_NAME)
        return valkey.result(), bucket.result()
