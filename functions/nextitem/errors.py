"""The error tree: every error that the library raises on purpose.

::

    NextItemError
    ├── RequestError            a request that is wrong (HTTP 4xx)
    ├── CallFailed              a call whose caller only notices raised errors
    ├── ArtifactError           a model artifact that must not be served
    │   ├── ArtifactCorrupt         a file is missing, truncated, or not what the manifest says
    │   └── ArtifactUnsupported     written for another schema than this code reads
    ├── RegistryError           the registry refuses a call or cannot answer it
    │   ├── VersionNotFound         no such version, or no route yet
    │   ├── VersionExists           the version exists with other content
    │   ├── RouteConflict           the route was changed by another process
    │   ├── NotJudged               the version has no passing verdict of the gate
    │   ├── ObjectTooLarge          an object of the bucket is larger than its limit
    │   └── RegistryUnavailable     the bucket did not answer, or denied access
    ├── StoreUnavailable        the session store did not answer within its deadline
    │   ├── StoreRefused            it answered that it does not execute this command; it works for others
    │   └── SecretUnavailable       the key secret cannot be read, so no session has a key
    ├── CredentialsUnavailable  the function's AWS credentials cannot be read
    ├── NoModel                 no model is loaded (HTTP 503)
    │   └── NoAttributes            the request needs attributes of a catalogue that is not loaded yet
    ├── SelfCheckFailed         this version of the function must not take traffic
    ├── SettingsError           a setting is missing or wrong
    └── InputError              offline input (a file, a column, a row) that cannot be used
        └── PathUnusable            a file or folder that cannot be read or written

Modules that call HTTP, Redis or S3 convert their errors to these. A text says what is wrong, where, and what to do.
"""

import errno
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

MAX_FAULTS = 100
"""The maximum of faults that one refusal lists: all wrong events, and some more."""


class NextItemError(Exception):
    """Root of the tree."""


class Fault(NamedTuple):
    """A wrong field of a request: its path (``events[0].item_id``) and what is wrong with it."""

    field: str
    detail: str


class RequestError(NextItemError):
    """A request that is wrong and would be refused again.

    Attributes:
        status: HTTP status code, 400 to 499.
        title: short name of the problem, the same for each occurrence (RFC 9457).
        faults: the wrong fields, each with what is wrong; empty if no field is wrong.
        allow: the methods that the path accepts, if the status is 405.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        faults: Sequence[Fault] = (),
        allow: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.faults = faults if field is None else (Fault(field, detail),)
        self.allow = allow

    @property
    def field(self) -> str | None:
        """The path of the first wrong field, or None."""
        return self.faults[0].field if self.faults else None


class CallFailed(NextItemError):
    """A call failed, and its caller only notices raised errors: an event source, or an asynchronous invoke."""


class ArtifactError(NextItemError):
    """A model artifact that must not be served."""


class ArtifactCorrupt(ArtifactError):
    """A file of the artifact is missing, truncated, or differs from its digest."""


class ArtifactUnsupported(ArtifactError):
    """The artifact was written for another schema than this code reads."""


class RegistryError(NextItemError):
    """The registry refuses a call or cannot answer it."""


class VersionNotFound(RegistryError):
    """The registry has no such version, or no route that names one."""


class VersionExists(RegistryError):
    """The registry has the version already, with other content."""


class RouteConflict(RegistryError):
    """Another process changed the route between our read and our write."""


class NotJudged(RegistryError):
    """The version has no passing verdict of the gate beside the live version."""


class ObjectTooLarge(RegistryError):
    """An object of the bucket is larger than its limit, and was not read."""

    def __init__(self, key: str, size: int, max_bytes: int) -> None:
        super().__init__(f"{key} has {size} bytes; the limit is {max_bytes}")


class RegistryUnavailable(RegistryError):
    """The bucket did not answer, or denied access."""


class StoreUnavailable(NextItemError):
    """The session store did not answer within its deadline.

    Attributes:
        late: whether time ran out; with more time it might have answered.
        server: the server at fault; None if no server of the key was found.
    """

    def __init__(self, detail: str, *, late: bool = False) -> None:
        super().__init__(detail)
        self.late = late
        self.server: Hashable | None = None


class StoreRefused(StoreUnavailable):
    """The session store answered that it does not execute this command; it works for others."""


class SecretUnavailable(StoreUnavailable):
    """The key secret cannot be read, so no session has a key."""


class CredentialsUnavailable(NextItemError):
    """The function's AWS credentials cannot be read from where Lambda provides them."""


class NoModel(NextItemError):
    """No model is loaded."""


class NoAttributes(NoModel):
    """The request needs attributes of items, and the route's catalogue is not loaded yet."""


class SelfCheckFailed(NextItemError):
    """The self-check found a fault: this version of the function must not take traffic."""


class SettingsError(NextItemError):
    """A setting is missing or wrong."""


class InputError(NextItemError):
    """Offline input (a file, a column, a row) that cannot be used."""


_REASONS = {
    errno.ENOENT: "there is no such file or folder; check the name",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of its path is a file, not a folder; name another one",
    errno.EEXIST: "a part of its path is a file, not a folder; name another one",
    errno.EACCES: "this user may not do that; change the permissions, or name another one",
    errno.EPERM: "this user may not do that; change the permissions, or name another one",
    errno.EROFS: "the file system is read-only; name another one",
    errno.ENOSPC: "the disk is full; free space, or name another one",
}


def os_reason(error: OSError) -> str:
    """Return the reason of an error of the operating system, and what to do, as the end of a sentence about a path."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


class PathUnusable(InputError):
    """A file or folder that cannot be read or written.

    Args:
        path: as the user named it.
        use: what was tried.
        error: of the operating system.

    Example:
        ``PathUnusable("e.csv", "read", error)`` is "e.csv cannot be read: there is no such file or folder; check the
        name".
    """

    def __init__(self, path: object, use: Literal["read", "written"], error: OSError) -> None:
        super().__init__(f"{path} cannot be {use}: {os_reason(error)}")
        self.path = str(path)
