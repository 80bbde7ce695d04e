"""A DuckDB of our own: in memory, with a folder to spill to, and plain SQL put together in one place.

Knows nothing of events.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray


class Database:
    """One connection, and the folder for what it spills or must find under a plain name.

    SQL comes as a `string.Template` whose parts are column names, literals (`quoted`, `named`) or
    expressions of ours; values of a file never become part of it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self.folder = folder

    def run(self, sql: str, **parts: object) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows.

        Raises:
            duckdb.Error: when DuckDB refuses it.
        """
        return self._connection.execute(Template(sql).substitute(parts)).fetchall()

    def column(self, sql: str, **parts: object) -> NDArray[Any]:
        """Run a query of one numeric column without NULL, as an array."""
        fetched = self._connection.execute(Template(sql).substitute(parts)).fetchnumpy()
        [values] = fetched.values()
        return np.ma.getdata(values)

    def offer(self, name: str, columns: dict[str, NDArray[Any]]) -> None:
        """Let queries see arrays as the columns of a table."""
        self._connection.register(name, columns)


@contextmanager
def database() -> Iterator[Database]:
    """A new, empty database; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nextitem-"))
    connection = duckdb.connect(":memory:")
    opened = Database(connection, folder)
    try:
        opened.run("SET temp_directory = $folder", folder=quoted(str(folder)))
        opened.run("SET autoinstall_known_extensions = false")
        opened.run("SET enable_progress_bar = false")
        opened.run("SET TimeZone = 'UTC'")
        yield opened
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def quoted(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """The name of a column as SQL."""
    return '"' + column.replace('"', '""') + '"'


def reason(error: duckdb.Error) -> str:
    """Of DuckDB's long advice, the one line that says what happened."""
    return str(error).partition("\n")[0].rpartition("Error: ")[2][:200]
