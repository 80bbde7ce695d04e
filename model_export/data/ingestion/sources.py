"""Sources of events: files, folders and S3 addresses."""

from dataclasses import dataclass
from pathlib import Path

from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.formats import Format

SCHEME = "s3://"


@dataclass(frozen=True)
class Source:
    """Files of one format that are read as one table.

    Attributes:
        name: as the user gave it, for errors.
        files: each path with its name for errors, ordered by path; for an engine that reads S3 itself, the address.
        kind: the format of all files.
    """

    name: str
    files: dict[str, str]
    kind: Format


def is_remote(name: str) -> bool:
    """Return whether a name is an address in S3."""
    return name.startswith(SCHEME)


def source_of(name: str, path: Path | None = None) -> Source:
    """Return the source that a name stands for.

    Args:
        name: a file, a folder of files of one format, or an `s3://` address that the engine itself reads.
        path: the local copy of an `s3://` address.

    Raises:
        InputError: there is no such file, or a folder has not exactly one known format.
    """
    if path is None and is_remote(name):
        # A prefix without a suffix is a folder, and folders in S3 are rarely of another format than Parquet.
        known = [kind for kind in (Format.CSV_GZ, Format.CSV) if name.lower().endswith(kind.value)]
        return Source(name, {name: name}, known[0] if known else Format.PARQUET)
    home = Path(name) if path is None else path
    try:
        home.stat()
    except FileNotFoundError:
        raise input_error(name, "no such file") from None
    except OSError as error:
        raise input_error(name, f"cannot be read: {error.strerror}") from None
    if not home.is_dir():
        return Source(name, {str(home): name}, Format.of(home))
    files = sorted(str(file) for file in home.rglob("*") if file.is_file() and file.name[0] not in "._")
    kinds = {Format.of(Path(file)) for file in files}
    if len(kinds) != 1:
        names = " and ".join(sorted(kind.value for kind in kinds)) or "none"
        raise input_error(name, f"a folder must hold files of one format, this has {names}")
    names_of = {file: f"{name.rstrip('/')}/{Path(file).relative_to(home).as_posix()}" for file in files}
    return Source(name, names_of, kinds.pop())
