"""Secrets Manager's part of a rotation: it invokes the rotation function, if the function's permissions let it.

moto makes the pending version and calls the four steps; each call comes back to this process over HTTP.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import unquote

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.iam.authority import service_principal
from devstack.lambda_runtime.invocation import Outcome
from devstack.processes.children import LOOPBACK
from devstack.processes.errors import StackError

SERVICE = "secretsmanager.amazonaws.com"
SCHEDULE = "AWS::SecretsManager::RotationSchedule"


class RotationFailed(Exception):
    """A step of a rotation was refused or failed; the message says which and why."""


class Rotation:
    """Rotates the secret of a deployment; inside its ``with`` block moto can reach it.

    Attributes:
        url: for moto's server (`devstack.services.moto_server.INVOKE_URL`).
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(self._step))
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, name="rotation", daemon=True)
        self._failure = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def connect(self, catalogue: Catalogue, authorizer: Authorizer, invoke: Callable[[str, bytes], Outcome]) -> None:
        """Set what it works on, once that is deployed.

        Args:
            catalogue: the deployment's resources.
            authorizer: decides whether Secrets Manager may invoke the function.
            invoke: runs a function by its ARN.
        """
        self._catalogue, self._authorizer, self._invoke = catalogue, authorizer, invoke

    def rotate(self, clients: Clients) -> None:
        """Rotate the secret now.

        Raises:
            RotationFailed: a step was refused or failed.
        """
        (schedule,) = self._catalogue.of_type(SCHEDULE)
        self._failure = ""
        try:
            clients.call(
                "secretsmanager",
                "RotateSecret",
                SecretId=schedule.properties["SecretId"],
                RotationLambdaARN=schedule.properties["RotationLambdaARN"],
                RotationRules=schedule.properties["RotationRules"],
            )
        except Exception as error:
            raise RotationFailed(self._failure or str(error)) from error

    def _step(self, arn: str, event: dict[str, Any]) -> bool:
        """Invoke the function for one step; return False, and keep why, if it failed."""
        try:
            return self._invoked(arn, event)
        except (LookupError, ValueError, StackError) as error:
            self._failure = f"{event['Step']}: {error}"
            return False

    def _invoked(self, arn: str, event: dict[str, Any]) -> bool:
        secret = self._catalogue.secret(event["SecretId"])  # moto gives the name
        function, arn = self._catalogue.function(arn, None)
        if secret is None or function is None:
            self._failure = f"there is no secret {event['SecretId']} or no function {arn}"
            return False
        source = {"aws:SourceArn": (secret.physical_id,), "aws:SourceAccount": (self._catalogue.account.id,)}
        caller = Caller(service_principal(SERVICE), None, source)
        if not self._authorizer.decide(caller, Call("lambda", "lambda:InvokeFunction", arn, function)).allowed:
            self._failure = f"{event['Step']}: Secrets Manager may not invoke {arn}"
            return False
        outcome = self._invoke(arn, json.dumps(event | {"SecretId": secret.physical_id}).encode())
        if outcome.failed:
            self._failure = f"{event['Step']}: {outcome.payload.decode(errors='replace')}"
        return not outcome.failed


def _handler(step: Callable[[str, dict[str, Any]], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            done = step(unquote(self.path.removeprefix("/")), json.loads(body))
            self.send_response(HTTPStatus.OK if done else HTTPStatus.BAD_GATEWAY)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
            """Log nothing: the function has a log."""

    return Handler
