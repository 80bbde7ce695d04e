"""What the local cloud itself answers in place of moto."""

from typing import Protocol

from devstack.lambda_runtime.invocation import Outcome


class Services(Protocol):
    """Lambda and CodeDeploy of a local cloud. Methods are called from threads, several at once."""

    def invoke(self, function_arn: str, payload: bytes) -> Outcome:
        """Run a function.

        Args:
            function_arn: with a version or alias, if the caller named one.
            payload: the event, valid JSON.

        Raises:
            LookupError: there is no such function, version or alias.
        """

    def deployment_group(self, deployment_id: str) -> str:
        """Return the ARN of the deployment group of a CodeDeploy deployment.

        Raises:
            LookupError: there is no such deployment.
        """

    def report_hook(self, deployment_id: str, execution_id: str, status: str) -> None:
        """Take the result of a lifecycle event hook (``Succeeded`` or ``Failed``).

        Raises:
            HookRefused: CodeDeploy refuses it.
        """


class HookRefused(Exception):
    """A report that CodeDeploy refuses.

    Args:
        code: such as ``LifecycleEventAlreadyCompletedException``.
        message: CodeDeploy's text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
