"""Options of the commands that use the registry or the session store."""

from dataclasses import dataclass
from typing import Annotated

import typer

from nextitem.aws.boto_object_store import BotoObjectStore, OnProgress
from nextitem.errors import InputError

RouteName = Annotated[str, typer.Option(envvar="NEXTITEM_ROUTE", help="The route.")]
StoreUrlText = Annotated[
    str | None,
    typer.Option(
        envvar="NEXTITEM_STORE_URL", help="The session store's URL, as the function has it.", show_envvar=True
    ),
]

DeploymentExcludeSeen = Annotated[
    bool,
    typer.Option(
        "--exclude-seen/--no-exclude-seen",
        envvar="NEXTITEM_EXCLUDE_SEEN",
        help="Whether the deployment leaves out a session's own items where the route does not say.",
    ),
]


@dataclass(frozen=True)
class BucketOptions:
    """The registry's bucket, and how to reach it. Credentials come from boto3's usual places."""

    bucket: Annotated[
        str | None, typer.Option(envvar="NEXTITEM_BUCKET", help="The registry's bucket; it must be set.")
    ] = None
    region: Annotated[
        str | None, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The bucket's AWS region.")
    ] = None
    endpoint_url: Annotated[
        str | None,
        typer.Option(envvar=["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], help="URL of an S3 service other than AWS's."),
    ] = None

    @property
    def name(self) -> str:
        """The bucket's name.

        Raises:
            InputError: none is set.
        """
        if not self.bucket:
            raise InputError("no bucket: set --bucket, NEXTITEM_BUCKET, or `bucket` in nextitem.toml (`nextitem init`)")
        return self.bucket

    def store(self, on_progress: OnProgress = lambda _key, _sent, _size: None) -> BotoObjectStore:
        """Return the bucket.

        Raises:
            InputError: none is set.
            RegistryUnavailable: the AWS settings make no client.
        """
        return BotoObjectStore(self.name, on_progress=on_progress, region=self.region, endpoint=self.endpoint_url)
