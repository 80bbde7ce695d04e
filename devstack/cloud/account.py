"""The AWS account, region and partition of a local cloud."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """Where a local cloud pretends to be."""

    id: str = "123456789012"
    region: str = "eu-central-1"
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource.

        Example:
            ``account.arn("lambda", "function:shop-recommend")``
        """
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of an IAM resource, which has no region, such as ``role/recommend``."""
        return f"arn:{self.partition}:iam::{self.id}:{resource}"
