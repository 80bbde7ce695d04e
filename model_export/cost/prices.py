"""List prices of the cost graph and of `nextitem cost`: US dollars, us-east-1, without free tiers, as of November 2025.

Of https://aws.amazon.com/NAME/pricing/, for NAME lambda, ec2, api-gateway, cloudwatch, xray, elasticache, privatelink,
secrets-manager and kms.
"""

AS_OF = "2025-11"
LAMBDA_REQUEST = 0.20 / 1_000_000
LAMBDA_GB_SECOND = 0.0000166667
"""On x86; arm64 costs a fifth less."""
HTTP_API_REQUEST = 1.00 / 1_000_000
"""Of the first 300 million a month."""
CUSTOM_METRIC_MONTH = 0.30
"""Of the first 10,000; by the hour, so that a version costs only while it answers."""
ALARM_METRIC_MONTH = 0.10
"""An alarm costs this for each metric that it watches; anomaly detection watches two more."""
COMPOSITE_ALARM_MONTH = 0.50
DASHBOARD_MONTH = 3.00
"""The account's first three, of at most 50 metrics each, are free."""

LAMBDA_ARM_GB_SECOND = 0.0000133334
PROVISIONED_GB_SECOND = 0.0000041667
"""Provisioned concurrency that is configured, used or not, on x86."""
PROVISIONED_DURATION_GB_SECOND = 0.0000097222
"""In place of `LAMBDA_GB_SECOND`, for what runs on it."""
PROVISIONED_ARM_GB_SECOND = 0.0000033334
PROVISIONED_ARM_DURATION_GB_SECOND = 0.0000077778
SNAPSTART_CACHE_GB_SECOND = 0.0000015046
"""Keeping a published version's snapshot, by memory."""
SNAPSTART_RESTORE_GB = 0.0001397998
MANAGED_INSTANCES_FEE = 0.15
"""Of the EC2 on-demand price, for Lambda Managed Instances; requests cost what they cost elsewhere."""
M7I_LARGE_HOUR = 0.1008
"""EC2 on demand, 2 vCPUs and 8 GiB; with arm64 the next."""
M7G_LARGE_HOUR = 0.0816
VALKEY_SERVERLESS_GB_HOUR = 0.084
"""At least 0.1 GB."""
VALKEY_SERVERLESS_MINIMUM_GB = 0.1
VALKEY_SERVERLESS_MILLION_ECPU = 0.0023
"""One unit for each kilobyte that a command moves, or more by its time in the server."""
VALKEY_NODE_HOUR = 0.0256
"""Of one cache.t4g.small; a primary and its replica are two."""
LOG_GB = 0.50
"""Ingestion of CloudWatch Logs, which is where each metrics record goes."""
TRACE = 5.00 / 1_000_000
"""Each that X-Ray records."""
INTERFACE_ENDPOINT_HOUR = 0.01
"""For each availability zone."""
SECRET_MONTH = 0.40
KEY_MONTH = 1.00
