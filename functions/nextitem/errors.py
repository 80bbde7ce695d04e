"""The error tree: every error that this project raises on purpose, in one place.

::

    NextItemError
    ├── RequestError            a request that cannot be answered as sent (HTTP 4xx)
    ├── ArtifactError           a model artifact that must not be served
    │   ├── ArtifactCorrupt         a file is missing, truncated, or not what the manifest says
    │   └── ArtifactUnsupported     made for a newer schema than this code reads
    ├── RegistryError           the registry cannot do what was asked
    │   ├── VersionNotFound         no such version, or no route yet
    │   ├── VersionExists           that version is there already, with other content
    │   ├── RouteConflict           somebody else changed the route meanwhile
    │   └── RegistryUnavailable     the bucket did not answer, or refused
    ├── StoreUnavailable        the session store did not answer within its deadline
    │   └── SecretUnavailable       the key secret is not known, so no session can be found
    ├── CredentialsUnavailable  the function's AWS credentials cannot be had
    ├── NoModel                 nothing can be served: no model is loaded (HTTP 503)
    ├── SelfCheckFailed         this version of the function must not take traffic
    ├── SettingsError           a setting is missing or makes no sense
    └── InputError              offline input (a file, a column, a row) that cannot be used

This module knows nothing of HTTP, Redis or S3: whoever meets their errors turns them into these.
"""


class NextItemError(Exception):
    """Root of the tree; its text is one sentence that a person can act on."""


class RequestError(NextItemError):
    """A request that cannot be answered as it was sent.

    Attributes:
        status: HTTP status code, 400 to 499.
        title: short name of the problem, the same for each occurrence (RFC 9457).
        field: path of the offending field (``events[0].item_id``), or None.
        allow: the methods that the path does take, where the status is 405.
    """

    def __init__(
        self, status: int, title: str, detail: str, *, field: str | None = None, allow: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.field = field
        self.allow = allow


class ArtifactError(NextItemError):
    """A model artifact that must not be served."""


class ArtifactCorrupt(ArtifactError):
    """A file of the artifact is missing, truncated, or differs from its digest."""


class ArtifactUnsupported(ArtifactError):
    """The artifact was made for a newer schema than this code reads."""


class RegistryError(NextItemError):
    """The registry cannot do what was asked."""


class VersionNotFound(RegistryError):
    """No such version in the registry, or no route that names one."""


class VersionExists(RegistryError):
    """The version is in the registry already, with other content."""


class RouteConflict(RegistryError):
    """Somebody else changed the route between our read and our write."""


class RegistryUnavailable(RegistryError):
    """The bucket did not answer, or refused the credentials."""


class StoreUnavailable(NextItemError):
    """The session store did not answer within its deadline.

    Attributes:
        late: whether that is all: with more time it might have.
    """

    def __init__(self, detail: str, *, late: bool = False) -> None:
        super().__init__(detail)
        self.late = late


class SecretUnavailable(StoreUnavailable):
    """The key secret cannot be read, so no session's key can be made."""


class CredentialsUnavailable(NextItemError):
    """The function's AWS credentials cannot be had from where Lambda says they are."""


class NoModel(NextItemError):
    """No model is loaded, so there is nothing true to answer."""


class SelfCheckFailed(NextItemError):
    """The function's check of itself found a fault: this version must not take traffic."""


class SettingsError(NextItemError):
    """A setting is missing or makes no sense."""


class InputError(NextItemError):
    """Offline input (a file, a column, a row) that cannot be used."""
