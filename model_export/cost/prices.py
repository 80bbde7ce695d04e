"""List prices in US dollars, us-east-1, without free tiers, as of November 2025.

From https://aws.amazon.com/NAME/pricing/, for NAME lambda, ec2, api-gateway, cloudwatch, xray, elasticache,
privatelink, secrets-manager and kms. A price with another source or date says so.
"""

AS_OF = "2025-11"

LAMBDA_REQUEST = 0.20 / 1_000_000
LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_ARM_GB_SECOND = 0.0000133334
PROVISIONED_GB_SECOND = 0.0000041667
"""Configured provisioned concurrency, used or not."""
PROVISIONED_ARM_GB_SECOND = 0.0000033334
PROVISIONED_DURATION_GB_SECOND = 0.0000097222
"""Replaces `LAMBDA_GB_SECOND` for requests that run on provisioned concurrency."""
PROVISIONED_ARM_DURATION_GB_SECOND = 0.0000077778
SNAPSTART_CACHE_GB_SECOND = 0.0000015046
"""For a published version's snapshot, by the function's memory."""
MANAGED_INSTANCES_FEE = 0.15
"""Lambda Managed Instances: share of the EC2 on-demand price, added to it. Requests cost the same as on demand."""
M7I_LARGE_HOUR = 0.1008
"""EC2 on demand, x86, 2 vCPUs and 8 GiB."""
M7G_LARGE_HOUR = 0.0816
"""EC2 on demand, arm64, 2 vCPUs and 8 GiB."""

HTTP_API_REQUEST = 1.00 / 1_000_000
"""For the first 300 million a month."""
INTERFACE_ENDPOINT_HOUR = 0.01
"""For each availability zone."""

VALKEY_SERVERLESS_GB_HOUR = 0.084
VALKEY_SERVERLESS_MINIMUM_GB = 0.1
VALKEY_SERVERLESS_MILLION_ECPU = 0.0023
"""One unit for each kilobyte that a command moves, or more for a command that takes long in the server."""
VALKEY_NODE_HOUR = 0.0256
"""For one cache.t4g.small; a primary and its replica are two."""

CUSTOM_METRIC_MONTH = 0.30
"""For the first 10,000 metrics; billed by the hour, so a model version costs only while it answers."""
ALARM_METRIC_MONTH = 0.10
"""For each metric that an alarm watches; anomaly detection adds two."""
COMPOSITE_ALARM_MONTH = 0.50
LOG_GB = 0.50
"""Ingestion of CloudWatch Logs, which receives each metrics record."""
TRACE = 5.00 / 1_000_000
"""For each trace that X-Ray records."""

S3_PUT = 0.005 / 1_000
"""PUT, COPY, POST and LIST. This price, the next two and that of a state transition are also in AWS's table
https://docs.aws.amazon.com/solutions/latest/automated-security-response-on-aws/cost.html, read in November 2026."""
S3_GET = 0.0004 / 1_000
"""GET and all others but DELETE, which is free."""
S3_GB_MONTH = 0.023
"""S3 Standard, the first 50 TB."""
STATE_TRANSITION = 0.025 / 1_000
"""Of a standard workflow of Step Functions."""
TRAINING_M5_2XLARGE_HOUR = 0.461
"""SageMaker training on ml.m5.2xlarge, on demand. Not confirmed by a page of AWS: it is 1.2 times the price of the same
instance of EC2 (0.384), and the rate that others quote, as of November 2026.
https://aws.amazon.com/sagemaker/ai/pricing/ has the present one."""

SECRET_MONTH = 0.40
KEY_MONTH = 1.00
