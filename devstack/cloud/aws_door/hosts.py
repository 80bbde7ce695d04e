"""Which AWS service a Host header names.

https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

from dataclasses import dataclass

from devstack.cloud.account import Account

_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
"""DNS suffix of each partition: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/."""
SERVICES = ("s3", "secretsmanager", "lambda", "codedeploy", "logs", "xray", "sts", "kms")
"""The services behind the door. Each has the same name in hosts, in credential scopes and in IAM actions."""


@dataclass(frozen=True)
class Host:
    """What a Host header names; `bucket` is set for S3's virtual-hosted style only."""

    service: str
    bucket: str | None = None


def service_host(account: Account, service: str) -> str:
    """Return the host of a service in the account's region.

    Example:
        ``service_host(account, "s3") == "s3.eu-central-1.amazonaws.com"``
    """
    return f"{service}.{account.region}.{_SUFFIXES[account.partition]}"


def parse_host(account: Account, header: str) -> Host | None:
    """Return the service of a Host header, which may end with a port; None if it is of no service here."""
    name = header.partition(":")[0].lower()
    for service in SERVICES:
        host = service_host(account, service)
        if name == host:
            return Host(service)
        if service == "s3" and name.endswith(f".{host}"):
            return Host(service, name.removesuffix(f".{host}"))
    return None
