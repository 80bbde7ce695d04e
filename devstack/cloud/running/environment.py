"""The environment variables of a worker: those that Lambda sets, the function's own, and no others.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. Values that this page does not have follow the
sources of AWS's runtime interface emulator, which is made from Lambda's own supervisor.
"""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Credentials
from devstack.cloud.running.configuration import Configuration
from devstack.lambda_runtime.function import credentials_provider

RUNTIME_DIRECTORY = Path("/var/runtime")
PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
XRAY_ADDRESS, XRAY_PORT = "169.254.79.129", 2000
"""Of the X-Ray daemon. Nothing listens there in a local cloud: it takes datagrams, and these get lost."""


def lambda_environment(
    configuration: Configuration,
    account: Account,
    runtime_api: str,
    credentials: Credentials,
    *,
    code: Path,
    runtime_path: Path | None,
    is_prepared: bool,
) -> dict[str, str]:
    """Return the variables of one worker.

    Args:
        configuration: of the function's version.
        account: where it runs.
        runtime_api: ``host:port`` of the worker's Runtime API.
        credentials: of the function's role; SnapStart gets the address of a provider instead.
        code: the folder with the code.
        runtime_path: the folder with the runtime client, or None where the interpreter has it.
        is_prepared: whether it is started before an invocation needs it.
    """
    runtime = str(runtime_path or RUNTIME_DIRECTORY)
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": PATH,
        "LD_LIBRARY_PATH": LIBRARY_PATH,
        "PYTHONPATH": runtime,
        "LAMBDA_TASK_ROOT": str(code),
        "LAMBDA_RUNTIME_DIR": runtime,
        "AWS_REGION": account.region,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{XRAY_ADDRESS}:{XRAY_PORT}",
        "_AWS_XRAY_DAEMON_ADDRESS": XRAY_ADDRESS,
        "_AWS_XRAY_DAEMON_PORT": str(XRAY_PORT),
        **configuration.variables,
        "_HANDLER": configuration.handler,
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": _initialization_type(configuration, is_prepared=is_prepared),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        **_logging(configuration),
        **({} if configuration.concurrency is None else {"AWS_LAMBDA_MAX_CONCURRENCY": str(configuration.concurrency)}),
        **(credentials_provider(runtime_api) if configuration.snap_start else _keys(credentials)),
    }


def _initialization_type(configuration: Configuration, *, is_prepared: bool) -> str:
    if configuration.concurrency is not None:
        return "lambda-managed-instances"
    if configuration.snap_start:
        return "snap-start"
    return "provisioned-concurrency" if is_prepared else "on-demand"


def _logging(configuration: Configuration) -> dict[str, str]:
    """Return the variables about logs; a stream in a log group of one's own names its function, too."""
    owner = configuration.name if configuration.has_own_log_group else ""
    stream = f"{datetime.now(UTC):%Y/%m/%d}/{owner}[{configuration.version}]{secrets.token_hex(16)}"
    return {
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": configuration.log_format,
        **({} if configuration.log_level is None else {"AWS_LAMBDA_LOG_LEVEL": configuration.log_level}),
    }


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }
