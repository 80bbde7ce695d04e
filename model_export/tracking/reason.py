"""The reason of an error that libraries have wrapped several times."""

import sqlite3


def reason_of(error: BaseException) -> str:
    """Return the first line of the innermost error of the system or of SQLite; without one, that of the error itself.

    The errors around it repeat it at length: requests names a connection's pool, SQLAlchemy the statement.
    """
    reason, inner = error, error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, OSError | sqlite3.Error):
            reason = inner
        inner = inner.__cause__ or inner.__context__
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return (text.strip().splitlines() or [type(reason).__name__])[0]
