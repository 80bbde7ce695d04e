"""The metrics of AWS services that we watch, each with the page that documents it. Knows none of ours."""

from observability.metrics.references import Dimensions, FromAws

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
HTTP_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"
STORE_SERVERLESS = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html"
STORE_NODES = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html"
LOG_FINDINGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html"

# The alias, so that neither a version under test nor the pre-traffic hook's check counts.
_ALIAS: Dimensions = (("FunctionName", "${FunctionName}"), ("Resource", "${FunctionName}:${AliasName}"))
# What the alias has led to the version that it is to serve: told apart while it leads to two of them.
_NEW_VERSION: Dimensions = (*_ALIAS, ("ExecutedVersion", "${ExecutedVersion}"))
_API: Dimensions = (("ApiId", "${ApiId}"),)
_SERVERLESS: Dimensions = (("clusterId", "${StoreName}"),)
_FIRST_NODE: Dimensions = (("CacheClusterId", "${StoreName}-001"),)
_SECOND_NODE: Dimensions = (("CacheClusterId", "${StoreName}-002"),)

INVOCATIONS = FromAws("AWS/Lambda", "Invocations", _ALIAS, LAMBDA)
ERRORS = FromAws("AWS/Lambda", "Errors", _ALIAS, LAMBDA)
THROTTLES = FromAws("AWS/Lambda", "Throttles", _ALIAS, LAMBDA)
DURATION = FromAws("AWS/Lambda", "Duration", _ALIAS, LAMBDA)
CONCURRENCY = FromAws("AWS/Lambda", "ConcurrentExecutions", (("FunctionName", "${FunctionName}"),), LAMBDA)
SPILLOVER = FromAws("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations", _ALIAS, LAMBDA)

NEW_INVOCATIONS = FromAws("AWS/Lambda", "Invocations", _NEW_VERSION, LAMBDA)
NEW_ERRORS = FromAws("AWS/Lambda", "Errors", _NEW_VERSION, LAMBDA)
NEW_DURATION = FromAws("AWS/Lambda", "Duration", _NEW_VERSION, LAMBDA)

API_COUNT = FromAws("AWS/ApiGateway", "Count", _API, HTTP_API)
API_4XX = FromAws("AWS/ApiGateway", "4xx", _API, HTTP_API)
API_5XX = FromAws("AWS/ApiGateway", "5xx", _API, HTTP_API)
API_LATENCY = FromAws("AWS/ApiGateway", "Latency", _API, HTTP_API)

STORE_UNITS = FromAws("AWS/ElastiCache", "ElastiCacheProcessingUnits", _SERVERLESS, STORE_SERVERLESS)
STORE_BYTES = FromAws("AWS/ElastiCache", "BytesUsedForCache", _SERVERLESS, STORE_SERVERLESS)
STORE_THROTTLED = FromAws("AWS/ElastiCache", "ThrottledCmds", _SERVERLESS, STORE_SERVERLESS)

NODE_CPU = (
    FromAws("AWS/ElastiCache", "EngineCPUUtilization", _FIRST_NODE, STORE_NODES),
    FromAws("AWS/ElastiCache", "EngineCPUUtilization", _SECOND_NODE, STORE_NODES),
)
NODE_MEMORY = (
    FromAws("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", _FIRST_NODE, STORE_NODES),
    FromAws("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", _SECOND_NODE, STORE_NODES),
)

FINDINGS = FromAws(
    "AWS/Logs",
    "LogEventsWithFindings",
    (("DataProtectionOperation", "Audit"), ("LogGroupName", "${LogGroupName}")),
    LOG_FINDINGS,
)

AWS_METRICS: tuple[FromAws, ...] = (
    INVOCATIONS,
    ERRORS,
    THROTTLES,
    DURATION,
    CONCURRENCY,
    SPILLOVER,
    NEW_INVOCATIONS,
    NEW_ERRORS,
    NEW_DURATION,
    API_COUNT,
    API_4XX,
    API_5XX,
    API_LATENCY,
    STORE_UNITS,
    STORE_BYTES,
    STORE_THROTTLED,
    *NODE_CPU,
    *NODE_MEMORY,
    FINDINGS,
)
