"""Sources of events: files, folders and S3 addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from model_export.data.ingestion.csv_checks import Dialect
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.formats import Format
from model_export.data.layout import Layout
from nextitem.errors import InputError, PathUnusable

SCHEME = "s3://"
HIDDEN = ("_", ".")
"""A file or folder whose name begins so holds no data: `_SUCCESS`, `_temporary`, `.ipynb_checkpoints`."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""The value of a path column that has none."""

_TABLES = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}


@dataclass(frozen=True)
class EventFile:
    """A file of events.

    Attributes:
        path: the file; for an engine that reads S3 itself, an address.
        name: as the user named it, for errors.
        columns: columns that its path below the named folder holds, such as ``date=2026-01-01``.
    """

    path: str
    name: str
    columns: dict[str, str | None]


@dataclass(frozen=True)
class Source:
    """Files of one format that are read as one table.

    Attributes:
        name: as the user gave it, for errors.
        files: ordered by path.
        kind: the format of all files.
        dialect: how they are written, if they are CSV or TSV.
    """

    name: str
    files: tuple[EventFile, ...]
    kind: Format
    dialect: Dialect


def is_remote(name: str) -> bool:
    """Return whether a name is an address in S3."""
    return name.startswith(SCHEME)


def source_of(name: str, layout: Layout, path: Path | None = None) -> Source:
    """Return the source that a name stands for.

    Args:
        name: a file, a folder of files of one format, or an `s3://` address that the engine itself reads.
        layout: of the files.
        path: the local copy of an `s3://` address.

    Raises:
        InputError: there is no such file, a folder has not exactly one known format, or it is a table of Delta, Hudi or
            Iceberg.
    """
    if path is None and is_remote(name):
        return _source(name, [EventFile(name, name, {})], _remote_kind(name, layout), layout)
    home = Path(name) if path is None else path
    try:
        home.stat()
    except OSError as error:
        raise PathUnusable(name, "read", error) from None
    if not home.is_dir():
        return _source(name, [EventFile(str(home), name, {})], _kind(home, name, layout), layout)
    below = {file.relative_to(home).as_posix(): file for file in home.rglob("*") if file.is_file()}
    files = [below[place] for place in data_files(name, below)]
    kinds = {_kind(file, str(file), layout) for file in files}
    if len(kinds) != 1:
        names = " and ".join(sorted(kind.value for kind in kinds)) or "none"
        raise input_error(name, f"a folder must hold files of one format, this has {names}")
    found = [
        EventFile(str(file), f"{name.rstrip('/')}/{place}", path_columns(place))
        for place, file in ((file.relative_to(home).as_posix(), file) for file in sorted(files, key=str))
    ]
    return _source(name, found, kinds.pop(), layout)


def data_files(name: str, places: Iterable[str]) -> list[str]:
    """Return the paths of files below a folder that hold data: those without a hidden part.

    Args:
        name: the folder, for errors.
        places: all paths below it, with `/`.

    Raises:
        InputError: they are a table whose files are not all valid: one of Delta, Hudi or Iceberg.
    """
    places = list(places)
    for place in places:
        parts = PurePosixPath(place).parts
        table = next((_TABLES[part] for part in parts if part in _TABLES), None)
        if place.endswith(".metadata.json") and "metadata" in parts:
            table = "an Iceberg table"
        if table is not None:
            what = f"is {table}, whose folder also holds rows that were deleted: export it to Parquet first"
            raise input_error(name, what)
    return [place for place in places if not any(part[0] in HIDDEN for part in PurePosixPath(place).parts)]


def path_columns(place: str) -> dict[str, str | None]:
    """Return the columns that a path below a folder holds: ``date=2026-01-01/part-0.csv`` has `date`."""
    parts = [part.partition("=") for part in PurePosixPath(place).parts[:-1] if "=" in part]
    return {name: None if value == NO_VALUE else unquote(value) for name, _, value in parts}


def _source(name: str, files: list[EventFile], kind: Format, layout: Layout) -> Source:
    delimiter = layout.delimiter or ("\t" if kind is Format.TSV else ",")
    if kind not in (Format.CSV, Format.TSV):
        for is_set, option in (
            (layout.delimiter is not None, "--delimiter"),
            (not layout.header, "--no-header"),
            (layout.quotes is False, "--no-quotes"),
        ):
            if is_set:
                raise InputError(f"{name} is {kind.value}, which has no {option}: leave it out")
    quotes_span = bool(layout.quotes) or kind is not Format.TSV
    return Source(name, tuple(files), kind, Dialect(delimiter, layout.header, layout.quotes is not False, quotes_span))


def _kind(path: Path, name: str, layout: Layout) -> Format:
    return Format.of(path, name) if layout.input_format is None else Format(layout.input_format)


def _remote_kind(address: str, layout: Layout) -> Format:
    """A prefix without a suffix is a folder, and folders in S3 are rarely of another format than Parquet."""
    if layout.input_format is not None:
        return Format(layout.input_format)
    try:
        return Format.of(Path(address))
    except InputError:
        return Format.PARQUET
