"""Where events come from: files, folders and S3 prefixes, told apart by suffix. Knows nothing of what is in them."""

from dataclasses import dataclass
from pathlib import Path

from model_export.data.eventfile.formats import Format
from model_export.data.preparation.s3 import is_remote
from nextitem.errors import InputError


@dataclass(frozen=True)
class Source:
    """Files of one format that are read as one table.

    Attributes:
        name: as it was given, for errors.
        paths: the files, in order of name; for an engine that reads S3 itself the one address.
        kind: their format.
    """

    name: str
    paths: tuple[str, ...]
    kind: Format


def source_of(name: str, path: Path | None = None) -> Source:
    """Return the source that a path or address names.

    Args:
        name: a file, a folder of files of one format, or an `s3://` address that the engine itself reads.
        path: where it has been fetched to, if it has.

    Raises:
        InputError: there is nothing, or nothing of one known format.
    """
    if path is None and is_remote(name):
        # a prefix without a suffix is a folder, and folders of other than Parquet are rare where there is S3
        known = [kind for kind in (Format.CSV_GZ, Format.CSV) if name.lower().endswith(kind.value)]
        return Source(name, (name,), known[0] if known else Format.PARQUET)
    found = Path(name) if path is None else path
    if not found.is_dir():
        if not found.exists():
            raise InputError(f"{name}: no such file")
        return Source(name, (str(found),), Format.of(found))
    files = sorted(file for file in found.rglob("*") if file.is_file() and file.name[0] not in "._")
    kinds = {Format.of(file) for file in files}
    if len(kinds) != 1:
        raise InputError(f"{name}: a folder must hold files of one format, this has {_named(kinds)}")
    return Source(name, tuple(map(str, files)), kinds.pop())


def _named(kinds: set[Format]) -> str:
    return " and ".join(sorted(kind.value for kind in kinds)) or "none"
