"""Run all checks, each after those that it depends on."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError

from model_export.doctor.bucket import check_bucket, check_credentials, open_client
from model_export.doctor.environment import check_packages, check_python, check_settings
from model_export.doctor.finding import Finding, not_checked, worst
from model_export.doctor.registry import check_registry
from model_export.doctor.store import check_store
from nextitem import DEFAULT_REGION
from nextitem.aws.boto_object_store import BotoObjectStore


@dataclass(frozen=True)
class Target:
    """What to examine, as the options say; None: not set."""

    bucket: str | None
    region: str | None
    endpoint: str | None
    route: str
    store_url: str | None


def examine(target: Target, on_part: Callable[[str], None] = lambda _part: None) -> Iterator[Finding]:
    """Check everything and yield the findings.

    Args:
        target: what to examine.
        on_part: called with the name of each part before it is checked.
    """
    on_part("this machine")
    yield check_python()
    yield check_packages()
    yield check_settings(
        {
            "NEXTITEM_BUCKET": target.bucket,
            "NEXTITEM_ROUTE": target.route,
            "NEXTITEM_STORE_URL": target.store_url,
            "AWS_REGION": target.region,
            "AWS_ENDPOINT_URL_S3": target.endpoint,
        }
    )
    on_part("the credentials")
    credentials = check_credentials(target.region, target.endpoint)
    yield credentials
    on_part("the bucket")
    yield from _check_bucket(target, credentials, on_part)
    on_part("the session store")
    yield from check_store(target.store_url, target.region or DEFAULT_REGION)


def _check_bucket(target: Target, credentials: Finding, on_part: Callable[[str], None]) -> Iterator[Finding]:
    """Check the bucket and what is in it."""
    if not target.bucket:
        yield Finding("bucket", "fail", "none is set", "`nextitem init --bucket NAME`, or set NEXTITEM_BUCKET.")
        yield from (not_checked(check, "there is no bucket") for check in ("route", "versions", "clock"))
        return
    if credentials.status == "fail":
        yield from (
            not_checked(check, "there are no credentials") for check in ("bucket", "route", "versions", "clock")
        )
        return
    try:
        client = open_client(target.region, target.endpoint)
    except (BotoCoreError, ValueError) as error:
        yield Finding(
            "bucket", "fail", f"these settings make no client: {error}", "Correct --region or --endpoint-url."
        )
        yield from (not_checked(check, "there is no client") for check in ("route", "versions", "clock"))
        return
    with closing(client):
        findings = list(check_bucket(client, target.bucket))
        yield from findings
        if worst(findings) == "fail":
            yield from (not_checked(check, "the bucket cannot be used") for check in ("route", "versions"))
            return
        on_part("the route and its versions")
        yield from check_registry(BotoObjectStore(target.bucket, client), target.route)
