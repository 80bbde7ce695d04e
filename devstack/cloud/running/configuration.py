"""A function's configuration, parsed from its resolved properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.cloud.resources import Resource

LATEST = "$LATEST"
TIMEOUT_SECONDS, MEMORY_MB = 3, 128
"""Lambda's defaults."""
CONCURRENCY_PER_VCPU = 16
"""Default of managed instances for Python, https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-python-runtime.html."""
RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}
"""Variables that no function may set, https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""


@dataclass(frozen=True)
class Configuration:
    """What Lambda keeps of a function in one version.

    Attributes:
        version: a number, or `LATEST`.
        log_level: of the application's logs; None with the format Text, which has none.
        has_own_log_group: whether the template names the log group.
        snap_start: whether environments are restored from a snapshot.
        concurrency: requests at once in one environment of managed instances; None: not on managed instances.
        variables: the function's own.
        properties: all of the function's properties.
    """

    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    role: str
    memory_mb: int
    timeout_seconds: int
    log_group: str
    has_own_log_group: bool
    log_format: str
    log_level: str | None
    snap_start: bool
    concurrency: int | None
    variables: Mapping[str, str]
    properties: Mapping[str, Any]


def parse_configuration(function: Resource, version: str = LATEST) -> Configuration:
    """Parse a function's properties.

    Raises:
        ValueError: it sets a variable that Lambda reserves.
    """
    properties = function.properties
    variables = {name: str(value) for name, value in properties.get("Environment", {}).get("Variables", {}).items()}
    if reserved := sorted(variables.keys() & RESERVED):
        raise ValueError(f"{function.logical_id}: Lambda reserves {', '.join(reserved)}; remove them from Environment")
    logging = properties.get("LoggingConfig", {})
    log_format = logging.get("LogFormat", "Text")
    return Configuration(
        name=function.physical_id,
        arn=function.attributes["Arn"],
        version=version,
        handler=properties["Handler"],
        runtime=properties["Runtime"],
        role=properties["Role"],
        memory_mb=int(properties.get("MemorySize", MEMORY_MB)),
        timeout_seconds=int(properties.get("Timeout", TIMEOUT_SECONDS)),
        log_group=logging.get("LogGroup", f"/aws/lambda/{function.physical_id}"),
        has_own_log_group="LogGroup" in logging,
        log_format=log_format,
        log_level=logging.get("ApplicationLogLevel", "INFO") if log_format == "JSON" else None,
        snap_start=properties.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions" and version != LATEST,
        concurrency=_concurrency(properties),
        variables=variables,
        properties=properties,
    )


def _concurrency(properties: Mapping[str, Any]) -> int | None:
    managed = properties.get("CapacityProviderConfig", {}).get("LambdaManagedInstancesCapacityProviderConfig")
    if managed is None:
        return None
    if (own := managed.get("PerExecutionEnvironmentMaxConcurrency")) is not None:
        return int(own)
    gigabytes_per_vcpu = float(managed.get("ExecutionEnvironmentMemoryGiBPerVCpu", 2))
    vcpus = int(properties.get("MemorySize", MEMORY_MB)) / 1024 / gigabytes_per_vcpu
    return max(1, int(vcpus * CONCURRENCY_PER_VCPU))
