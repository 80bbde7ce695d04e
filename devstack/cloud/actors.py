"""Those who use a deployed stack: each has credentials of a role with its own policy, and calls from the internet.

They know of the stack what its outputs say.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.network.place import Place
from devstack.cloud.resources import Deployment
from devstack.processes.errors import StackError
from devstack.template.stack import ROOT

PUBLISHER, PROMOTER = "PublisherPolicy", "PromoterPolicy"
SHOP, STOCK = "CataloguePolicy", "AvailabilityPolicy"
"""Managed policies of the template, by logical id; the outputs with their ARNs have the same names and `Arn`."""
COMMAND_SECONDS = 120.0
HTTP_SECONDS = 30.0
_OK = range(200, 300)
"""Statuses of a preflight response that browsers take."""


class ActorFailed(StackError):
    """A command of an actor failed; the message has its output."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response; names of headers are in small letters."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Actors:
    """The actors of one deployment.

    Args:
        deployment: with the managed policies.
        authority: issues credentials.
        internet: where they call from.
        directory: for their files.
        url: of the HTTP API.
    """

    def __init__(
        self, deployment: Deployment, authority: Authority, internet: Place, directory: Path, url: str
    ) -> None:
        self._deployment, self._authority, self._place = deployment, authority, internet
        self._directory = directory
        self._url = url
        self._roles: set[str] = set()

    def credentials(self, policy: str) -> Credentials:
        """Return credentials of a role with one managed policy of the template, given by its logical id."""
        arn = self._deployment.outputs[f"{policy}Arn"]
        self._roles.add(self._deployment.account.iam_arn(f"role/{policy}"))
        return self._authority.assume_with_policy_arns(policy, [arn])

    def dismiss(self) -> None:
        """Delete the roles that have the template's managed policies: a policy that a role has cannot be deleted."""
        while self._roles:
            self._authority.delete_role(self._roles.pop())

    def backend(self, *, statements: list[dict[str, Any]] | None = None) -> Credentials:
        """Return credentials of a mobile backend: it may call the API and invoke the alias.

        Args:
            statements: of its policy, or None for those of docs/api.md.
        """
        account = self._deployment.account
        api = self._deployment.only("AWS::ApiGatewayV2::Api").physical_id
        alias = self._deployment.outputs["FunctionAliasArn"]
        allowed = statements or [
            {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": account.arn("execute-api", f"{api}/*")},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": alias},
        ]
        role = account.iam_arn("role/backend")
        owner = account.iam_arn("root")
        trust = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "sts:AssumeRole"}
        version = "2012-10-17"
        document = {"Version": version, "Statement": allowed}
        self._authority.put_role(role, {"Version": version, "Statement": [trust]}, {"backend": document})
        return self._authority.assume(role, "backend", by=owner)

    def nextitem(self, who: Credentials, *arguments: str | Path) -> str:
        """Run a command of `nextitem` and return its standard output.

        Raises:
            ActorFailed: it did not exit with 0.
        """
        return self.python(who, "-m", "model_export.cli", *arguments)

    def invoke(self, who: Credentials, function_arn: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function by boto3, as a backend does, and return its answer.

        Raises:
            ActorFailed: Lambda refused it, or the function failed.
        """
        program = (
            "import boto3, json, sys\n"
            "answer = boto3.client('lambda').invoke(FunctionName=sys.argv[1], Payload=sys.argv[2].encode())\n"
            "payload = answer['Payload'].read().decode()\n"
            "sys.exit(payload) if 'FunctionError' in answer else print(payload)\n"
        )
        return json.loads(self.python(who, "-c", program, function_arn, json.dumps(event)))

    def python(self, who: Credentials, *arguments: str | Path) -> str:
        """Run Python with an actor's credentials and return its standard output.

        Raises:
            ActorFailed: it did not exit with 0.
        """
        done = subprocess.run(  # noqa: S603 - our own program
            self._place.command(sys.executable, *arguments),
            cwd=self._directory,
            env=self._environment(who),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ActorFailed(f"{' '.join(map(str, arguments[:4]))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def request(self, who: Credentials | str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send a request to the HTTP API.

        Args:
            who: credentials that sign it, or a token.
            method: of HTTP.
            path: with the query.
            body: becomes JSON.
        """
        content = b"" if body is None else json.dumps(body).encode()
        headers = self.headers(who, method, path, content)
        return self._send(method, path, content, headers)

    def may_call(self, origin: str, method: str, path: str, headers: set[str]) -> bool:
        """Ask as a browser does before a page's request, and return whether it would then send that.

        Args:
            origin: of the page.
            method: of the request.
            path: of the request.
            headers: that the page sets, in small letters.
        """
        asked = {
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": ",".join(sorted(headers)),
        }
        answer = self._send("OPTIONS", path, b"", asked)
        allowed = {
            name: {value.strip() for value in answer.headers.get(f"access-control-allow-{name}", "").split(",")}
            for name in ("origin", "methods", "headers")
        }
        return (
            answer.status in _OK
            and allowed["origin"] == {origin}
            and method in allowed["methods"]
            and headers <= {name.lower() for name in allowed["headers"]}
        )

    def _send(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=HTTP_SECONDS)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if text else None, received)

    def headers(self, who: Credentials | str, method: str, path: str, content: bytes) -> dict[str, str]:
        """Return the headers of a request to the HTTP API, with a signature or a token; see `request`."""
        headers = {"content-type": "application/json"} if content else {}
        if isinstance(who, str):
            return {**headers, "authorization": f"Bearer {who}"}
        request = AWSRequest(method, f"{self._url}{path}", headers, content)
        signer = SigningCredentials(who.access_key_id, who.secret_access_key, who.session_token)
        SigV4Auth(signer, "execute-api", self._deployment.account.region).add_auth(request)
        return dict(request.headers.items())

    def command(self, *argv: str | Path) -> list[str | Path]:
        """Return a command that runs another one where the actors call from; see `Place.command`."""
        return self._place.command(*argv)

    def _environment(self, who: Credentials) -> dict[str, str]:
        region = self._deployment.account.region
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._directory),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}",
            "AWS_ACCESS_KEY_ID": who.access_key_id,
            "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
            "AWS_SESSION_TOKEN": who.session_token,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "NEXTITEM_BUCKET": self._deployment.outputs["BucketName"],
            "COLUMNS": "200",
        }
