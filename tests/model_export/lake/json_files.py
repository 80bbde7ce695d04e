"""Files of the lake in JSON instead of Parquet: a test that writes many of them takes milliseconds."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from model_export.data.merged_files import Sources
from model_export.lake import collector, compaction, merge
from model_export.lake.parquet import Contents
from model_export.lake.records import Deletion, Record


class File(msgspec.Struct):
    """A file of the lake, in JSON."""

    rows: list[Record]
    contents: Contents | None = None
    sources: dict[str, tuple[int, str]] = {}


def parse(data: bytes) -> File:
    return msgspec.json.decode(data, type=File)


def encode_file(records: Sequence[Record], contents: Contents) -> bytes:
    return msgspec.json.encode(File(list(records), contents))


def contents_of(data: bytes, _key: str) -> Contents:
    contents = parse(data).contents
    assert contents is not None
    return contents


def sources_of(_connection: object, file: Path, _name: str) -> Sources:
    return parse(file.read_bytes()).sources


def merge_files(sources: Mapping[str, Path], merged: Path, deletions: Collection[Deletion]) -> None:
    result, deleted = File([], None, {}), {deletion.session for deletion in deletions}
    for name, path in sources.items():
        file = parse(path.read_bytes())
        assert file.contents is not None
        result.rows += [row for row in file.rows if row.session not in deleted]
        result.sources[name] = (file.contents.entries, file.contents.last)
    merged.write_bytes(msgspec.json.encode(result))


def without_deleted(data: bytes, _key: str, deletions: Collection[Deletion]) -> bytes | None:
    file, deleted = parse(data), {deletion.session for deletion in deletions}
    kept = [row for row in file.rows if row.session not in deleted]
    return None if len(kept) == len(file.rows) else msgspec.json.encode(msgspec.structs.replace(file, rows=kept))


@contextlib.contextmanager
def files_in_json() -> Iterator[None]:
    fakes: dict[object, list[Callable[..., object]]] = {
        collector: [encode_file, contents_of, sources_of],
        merge: [merge_files, sources_of],
        compaction: [without_deleted],
    }
    with pytest.MonkeyPatch.context() as patch:
        for module, functions in fakes.items():
            for function in functions:
                patch.setattr(module, function.__name__, function)
        patch.setattr(merge, "AT_ONCE", 1)  # so that an example always takes the same course
        yield
