"""Where the workers of one version run: in its place of the network, with its role's credentials."""

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import AccessDenied, Authority, Credentials, UnknownEntity
from devstack.cloud.network.place import Place
from devstack.cloud.running.configuration import Configuration
from devstack.cloud.running.environment import lambda_environment
from devstack.lambda_runtime.function import credentials_document
from devstack.processes.children import LOOPBACK
from devstack.processes.errors import StackError

LAMBDA = "lambda.amazonaws.com"


class CloudSandbox:
    """A `Sandbox` of a local cloud.

    Args:
        configuration: of the version.
        account: where it runs.
        place: what it can reach.
        authority: issues its role's credentials.
        code: the folder with its code.
        python: interpreter of its workers.
        runtime_path: the folder with the runtime client, or None where the interpreter has it.
    """

    def __init__(
        self,
        configuration: Configuration,
        account: Account,
        place: Place,
        authority: Authority,
        *,
        code: Path,
        python: Path,
        runtime_path: Path | None,
    ) -> None:
        self._configuration = configuration
        self._account = account
        self._place = place
        self._authority = authority
        self._code = code
        self._runtime_path = runtime_path
        prefixes = [sys.prefix, sys.base_prefix] if python == Path(sys.executable) else [python.parent.parent]
        self._kept = [code, *map(Path, prefixes), *([runtime_path] if runtime_path else [])]

    def listen(self) -> socket.socket:
        """See `Sandbox.listen`."""
        return self._place.listen(LOOPBACK, 0)

    def command(self, argv: Sequence[str | Path], scratch: Path) -> Sequence[str | Path]:
        """See `Sandbox.command`."""
        return self._place.command(*argv, scratch=scratch, kept=self._kept)

    def environment(self, runtime_api: str, *, is_prepared: bool) -> dict[str, str]:
        """See `Sandbox.environment`."""
        return lambda_environment(
            self._configuration,
            self._account,
            runtime_api,
            self._assume(),
            code=self._code,
            runtime_path=self._runtime_path,
            is_prepared=is_prepared,
        )

    def credentials(self) -> dict[str, str]:
        """See `Sandbox.credentials`."""
        issued = self._assume()
        return credentials_document(
            issued.access_key_id, issued.secret_access_key, issued.session_token, issued.expires
        )

    def _assume(self) -> Credentials:
        """Assume the role as the Lambda service does.

        Raises:
            StackError: it may not.
        """
        function = self._configuration
        context = {"aws:SourceAccount": (self._account.id,), "aws:SourceArn": (function.arn,)}
        try:
            return self._authority.assume(
                function.role, function.name, by=LAMBDA, source_function_arn=function.arn, context=context
            )
        except (AccessDenied, UnknownEntity) as error:
            raise StackError(f"The role defined for the function cannot be assumed by Lambda: {error}") from error
