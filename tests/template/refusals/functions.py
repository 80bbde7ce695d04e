"""Refusals of Lambda."""

import re

from devstack.template.stack import Properties, Values
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.types import AWS, Planted, Refusal, number_at, value_at

FUNCTION, ALIAS, PROVIDER = "AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::CapacityProvider"
LAMBDA = f"{AWS}/lambda/latest"
SAM = f"{AWS}/serverless-application-model/latest/developerguide"
MANAGED: Values = {"ColdStartStrategy": "managed-instances"}
PROVISIONED: Values = {"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10}
SNAPSTART: Values = {"ColdStartStrategy": "snapstart"}
LOG_LEVELS = {"ApplicationLogLevel", "SystemLogLevel"}
RATIO = "CapacityProviderConfig.LambdaManagedInstancesCapacityProviderConfig.ExecutionEnvironmentMemoryGiBPerVCpu"


def _is_managed(function: Properties) -> bool:
    return "CapacityProviderConfig" in function


def _is_snapshot(function: Properties) -> bool:
    return bool(value_at(function, "SnapStart.ApplyOn") == "PublishedVersions")


def _python_version(function: Properties) -> tuple[int, ...]:
    return tuple(map(int, function["Runtime"].removeprefix("python").split(".")))


def _variables(function: Properties) -> dict[str, str]:
    variables: dict[str, str] = value_at(function, "Environment.Variables", {})
    return variables


def _too_few_vcpus(function: Properties, _: Cloud) -> bool:
    memory, ratio = number_at(function, "MemorySize", 128), number_at(function, RATIO, 2)
    return _is_managed(function) and (memory < 2048 or memory / 1024 < ratio)


def _other_processor(function: Properties, cloud: Cloud) -> bool:
    providers = [properties for _, properties in cloud.of_type(PROVIDER)]
    offered = [value_at(provider, "InstanceRequirements.Architectures") for provider in providers]
    return _is_managed(function) and function.get("Architectures", ["x86_64"]) not in offered


def _beyond_reserved(function: Properties, cloud: Cloud) -> bool:
    reserved = number_at(function, "ReservedConcurrentExecutions", float("inf"))
    aliases = [
        number_at(alias, "ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions", 0)
        for _, alias in cloud.of_type(ALIAS)
        if alias["FunctionName"] == function["FunctionName"]
    ]
    return sum(aliases) > reserved


FUNCTIONS = (
    Refusal(
        "function-name-length",
        (FUNCTION,),
        "A function name has at most 64 characters.",
        f"{LAMBDA}/api/API_CreateFunction.html",
        lambda function, _: len(function["FunctionName"]) > 64,
        Planted("RotateSecretFunction", {"FunctionName": "x" * 65}),
    ),
    Refusal(
        "memory-on-demand",
        (FUNCTION,),
        "Only managed instances have more than 10240 MB of memory.",
        f"{LAMBDA}/dg/gettingstarted-limits.html",
        lambda function, _: not _is_managed(function) and number_at(function, "MemorySize", 128) > 10240,
        Planted("RecommendFunction", {"MemorySize": 16384}),
    ),
    Refusal(
        "timeout-on-demand",
        (FUNCTION,),
        "Only managed instances may run for more than 900 s.",
        f"{LAMBDA}/api/API_CreateFunction.html",
        lambda function, _: not _is_managed(function) and number_at(function, "Timeout", 3) > 900,
        Planted("RotateSecretFunction", {"Timeout": 901}),
    ),
    Refusal(
        "managed-instances-log-json",
        (FUNCTION,),
        "Managed instances log in JSON only.",
        f"{LAMBDA}/dg/monitoring-cloudwatchlogs-logformat.html",
        lambda function, _: _is_managed(function) and value_at(function, "LoggingConfig.LogFormat", "JSON") != "JSON",
        Planted("ManagedRecommendFunction", {"LoggingConfig.LogFormat": "Text"}, MANAGED),
    ),
    Refusal(
        "log-level-of-text",
        (FUNCTION,),
        "Log levels need the format JSON.",
        f"{LAMBDA}/dg/monitoring-cloudwatchlogs-log-level.html",
        lambda function, _: (
            value_at(function, "LoggingConfig.LogFormat", "Text") != "JSON"
            and bool(LOG_LEVELS & function.get("LoggingConfig", {}).keys())
        ),
        Planted("RecommendFunction", {"LoggingConfig.ApplicationLogLevel": "INFO"}),
    ),
    Refusal(
        "managed-instances-scaling",
        (PROVIDER,),
        "The scaling mode Manual needs scaling policies.",
        f"{AWS}/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.ScalingOptions.html",
        lambda provider, _: (
            value_at(provider, "CapacityProviderScalingConfig.ScalingMode") == "Manual"
            and not value_at(provider, "CapacityProviderScalingConfig.ScalingPolicies")
        ),
        Planted("Instances", {"CapacityProviderScalingConfig.ScalingMode": "Manual"}, MANAGED),
    ),
    Refusal(
        "managed-instances-size",
        (FUNCTION,),
        "An environment on managed instances has at least 2 GB of memory and one vCPU.",
        f"{LAMBDA}/dg/lambda-managed-instances-best-practices.html",
        _too_few_vcpus,
        Planted("ManagedRecommendFunction", {"MemorySize": 4096, RATIO: 8}, MANAGED),
    ),
    Refusal(
        "managed-instances-ratio",
        (FUNCTION,),
        "Managed instances have 2, 4 or 8 GB of memory per vCPU.",
        f"{SAM}/sam-property-function-capacityproviderconfig.html",
        lambda function, _: _is_managed(function) and number_at(function, RATIO, 2) not in {2, 4, 8},
        Planted("ManagedRecommendFunction", {RATIO: 3}, MANAGED),
    ),
    Refusal(
        "managed-instances-processor",
        (FUNCTION,),
        "A function has the processor of its capacity provider.",
        f"{LAMBDA}/dg/lambda-managed-instances-capacity-providers.html",
        _other_processor,
        Planted("ManagedRecommendFunction", {"Architectures": ["arm64"]}, MANAGED),
    ),
    Refusal(
        "managed-instances-runtime",
        (FUNCTION,),
        "Managed instances run Python 3.13 and later.",
        f"{LAMBDA}/dg/lambda-managed-instances-runtimes.html",
        lambda function, _: _is_managed(function) and _python_version(function) < (3, 13),
        Planted("ManagedRecommendFunction", {"Runtime": "python3.12"}, MANAGED),
    ),
    Refusal(
        "managed-instances-vcpus",
        (PROVIDER,),
        "The maximum of a capacity provider is 12 to 15000 vCPUs.",
        f"{AWS}/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.CapacityProvider.html",
        lambda provider, _: not 12 <= number_at(provider, "CapacityProviderScalingConfig.MaxVCpuCount", 400) <= 15000,
        Planted("Instances", {"CapacityProviderScalingConfig.MaxVCpuCount": 6}, MANAGED),
    ),
    Refusal(
        "snapstart-disk",
        (FUNCTION,),
        "SnapStart excludes ephemeral storage of more than 512 MB.",
        f"{LAMBDA}/dg/snapstart.html",
        lambda function, _: _is_snapshot(function) and number_at(function, "EphemeralStorage.Size", 512) > 512,
        Planted("RecommendFunction", {"EphemeralStorage.Size": 1024}, SNAPSTART),
    ),
    Refusal(
        "environment-size",
        (FUNCTION,),
        "Names and values of environment variables have at most 4 KB together.",
        f"{LAMBDA}/dg/configuration-envvars.html",
        lambda function, _: (
            sum(len(name.encode()) + len(str(value).encode()) for name, value in _variables(function).items()) > 4096
        ),
        Planted("RecommendFunction", {"Environment.Variables.NEXTITEM_ROUTE": "x" * 4096}),
    ),
    Refusal(
        "environment-names",
        (FUNCTION,),
        "Names of environment variables begin with a letter and have letters, digits and underscores.",
        f"{LAMBDA}/dg/configuration-envvars.html",
        lambda function, _: any(not re.fullmatch(r"[a-zA-Z]\w+", name, re.ASCII) for name in _variables(function)),
        Planted("RecommendFunction", {"Environment.Variables.NEXTITEM-ROUTE": "live"}),
    ),
    Refusal(
        "provisioned-beyond-reserved",
        (FUNCTION,),
        "Provisioned concurrency fits into the reserved concurrency of the function.",
        f"{LAMBDA}/dg/provisioned-concurrency.html",
        _beyond_reserved,
        Planted("RecommendFunction", {"ReservedConcurrentExecutions": 1}, PROVISIONED),
    ),
)
