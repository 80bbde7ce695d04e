"""The metrics of AWS services that alarms and dashboards use, each with the page that documents it."""

from observability.metrics.references import AwsMetric, Dimensions

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
HTTP_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"
STORE_SERVERLESS = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html"
STORE_NODES = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html"
LOG_FINDINGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html"

# Of the alias: calls of a version under test, or of the pre-traffic hook, do not count.
_ALIAS: Dimensions = (("FunctionName", "${FunctionName}"), ("Resource", "${FunctionName}:${AliasName}"))
# The share of the alias's traffic that a deployment has shifted to the new version.
_NEW_VERSION: Dimensions = (*_ALIAS, ("ExecutedVersion", "${ExecutedVersion}"))


def _lambda(name: str, dimensions: Dimensions = _ALIAS) -> AwsMetric:
    return AwsMetric("AWS/Lambda", name, dimensions, LAMBDA)


def _api(name: str) -> AwsMetric:
    return AwsMetric("AWS/ApiGateway", name, (("ApiId", "${ApiId}"),), HTTP_API)


def _serverless(name: str) -> AwsMetric:
    return AwsMetric("AWS/ElastiCache", name, (("clusterId", "${StoreName}"),), STORE_SERVERLESS)


def _nodes(name: str) -> tuple[AwsMetric, ...]:
    """Return a metric of the primary and of its replica."""
    nodes = ("${StoreName}-001", "${StoreName}-002")
    return tuple(AwsMetric("AWS/ElastiCache", name, (("CacheClusterId", node),), STORE_NODES) for node in nodes)


INVOCATIONS = _lambda("Invocations")
ERRORS = _lambda("Errors")
THROTTLES = _lambda("Throttles")
DURATION = _lambda("Duration")
CONCURRENCY = _lambda("ConcurrentExecutions", (("FunctionName", "${FunctionName}"),))
SPILLOVER = _lambda("ProvisionedConcurrencySpilloverInvocations")

NEW_INVOCATIONS = _lambda("Invocations", _NEW_VERSION)
NEW_ERRORS = _lambda("Errors", _NEW_VERSION)
NEW_DURATION = _lambda("Duration", _NEW_VERSION)

API_COUNT = _api("Count")
API_4XX = _api("4xx")
API_5XX = _api("5xx")
API_LATENCY = _api("Latency")

STORE_UNITS = _serverless("ElastiCacheProcessingUnits")
STORE_BYTES = _serverless("BytesUsedForCache")
STORE_THROTTLED = _serverless("ThrottledCmds")

NODE_CPU = _nodes("EngineCPUUtilization")
NODE_MEMORY = _nodes("DatabaseMemoryUsagePercentage")

STEP_FUNCTIONS = "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"
# Of the functions of the learning loop, whose invocations name no alias.
COMPACT_ERRORS, DECIDE_ERRORS, DRIFT_ERRORS = (
    _lambda("Errors", (("FunctionName", f"${{StackName}}-{name}"),)) for name in ("compact", "decide", "drift")
)
_COLLECTOR: Dimensions = (("FunctionName", "${StackName}-collect"),)
COLLECT_INVOCATIONS, COLLECT_ERRORS = (_lambda(name, _COLLECTOR) for name in ("Invocations", "Errors"))
_MACHINE: Dimensions = (
    (
        "StateMachineArn",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${StackName}-retraining",
    ),
)
RETRAININGS_FAILED, RETRAININGS_TIMED_OUT = (
    AwsMetric("AWS/States", name, _MACHINE, STEP_FUNCTIONS) for name in ("ExecutionsFailed", "ExecutionsTimedOut")
)

FINDINGS = AwsMetric(
    "AWS/Logs",
    "LogEventsWithFindings",
    (("DataProtectionOperation", "Audit"), ("LogGroupName", "${LogGroupName}")),
    LOG_FINDINGS,
)

AWS_METRICS: tuple[AwsMetric, ...] = (
    *(INVOCATIONS, ERRORS, THROTTLES, DURATION, CONCURRENCY, SPILLOVER),
    *(NEW_INVOCATIONS, NEW_ERRORS, NEW_DURATION),
    *(API_COUNT, API_4XX, API_5XX, API_LATENCY),
    *(STORE_UNITS, STORE_BYTES, STORE_THROTTLED),
    *NODE_CPU,
    *NODE_MEMORY,
    FINDINGS,
    *(COLLECT_INVOCATIONS, COLLECT_ERRORS, COMPACT_ERRORS, DECIDE_ERRORS, DRIFT_ERRORS),
    *(RETRAININGS_FAILED, RETRAININGS_TIMED_OUT),
)
