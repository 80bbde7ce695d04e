"""What an error of redis-py means: the one table of a server's error replies and broken connections.

`Broken` is tried again, `StoreRefused` is the fault of one key or command, and any other `StoreUnavailable` counts as a
failure of the server (`sessions.circuit_breaker`).
"""

from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.outcomes import Broken, NoScript, Redirected
from nextitem.redis_client.redis_py import exceptions
from nextitem.redis_client.url import Address, reported_address

_MEANINGS: tuple[tuple[type[Exception], type[Exception], str], ...] = (
    (exceptions.ReadOnlyError, Broken, "is a replica now, its primary has moved"),
    (exceptions.BusyLoadingError, Broken, "is not ready"),
    (exceptions.AuthenticationError, StoreUnavailable, "refused the login: check user and password"),
    (exceptions.ConnectionError, Broken, "cannot be reached or hung up"),
    (exceptions.InvalidResponse, Broken, "sent an invalid reply"),
    (exceptions.ClusterDownError, StoreUnavailable, "is in a Cluster that is down, or has lost its primary"),
    (exceptions.ResponseError, StoreRefused, "refused a command"),
    (Exception, StoreUnavailable, "sent a reply that cannot be parsed"),
)
"""redis-py's exceptions, special ones first; ours for each, and the words for it."""

_ADVICE = {
    "BUSY": "a script does not end",
    "LAKEBEHIND": "too many deletions wait for the collector of the event lake; run it",
    "MISCONF": "it cannot write to its disk",
    "NOPERM": "the user lacks a permission",
    "NOREPLICAS": "it has fewer replicas than min-replicas-to-write",
    "OOM": "its memory is full; raise maxmemory, or let it evict",
    "WRONGTYPE": "the key holds another type of data; delete it",
}
"""Codes with which an error reply begins, and what they mean."""

_IN_SCRIPT = "ACL failure in script"
"""In the error of a script that runs a command without permission; its code is ERR."""


def translate_error(error: Exception, address: Address) -> Exception:
    """Return the exception that tells the caller what to do: https://valkey.io/topics/cluster-spec/#redirection."""
    match error:
        case exceptions.TimeoutError():
            return StoreUnavailable(f"{server_name(address)} did not answer in time", late=True)
        case exceptions.NoScriptError():
            return NoScript(f"{server_name(address)} does not know a script")
        case exceptions.AskError():
            try:
                other = reported_address(error.host, error.port, address)
            except StoreUnavailable as unusable:
                return unusable
            return Redirected(other, once=not isinstance(error, exceptions.MovedError))
    meaning, words = next((meaning, words) for kind, meaning, words in _MEANINGS if isinstance(error, kind))
    reason = error_reason(error)
    if reason.startswith("BUSY"):
        meaning = StoreUnavailable  # no other command is executed either
    return meaning(f"{server_name(address)} {words}: {reason}")


def error_reason(error: Exception) -> str:
    """Return the reason of an error without the server's words: they may quote arguments, such as the password."""
    if type(error) is exceptions.ConnectionError and isinstance(error.__context__, OSError):
        return str(error.__context__)
    code = str(getattr(error, "status_code", None) or str(error).partition(" ")[0])
    if _IN_SCRIPT in str(error):
        code = "NOPERM"
    if code in _ADVICE:
        return f"{code}, {_ADVICE[code]}"
    return type(error).__name__


def server_name(address: Address) -> str:
    """Return a server's name for error texts."""
    return f"the session store at {address.host}:{address.port}"
