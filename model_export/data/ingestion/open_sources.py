"""Open the files, folders and S3 addresses that a command names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import duckdb

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.s3 import fetch
from model_export.data.ingestion.sources import Source, is_remote, source_of
from model_export.data.layout import Layout
from model_export.data.merged_files import is_merged, sources_of
from nextitem.errors import InputError, RegistryUnavailable


@contextmanager
def opened_sources(engine: Engine, names: Sequence[str], layout: Layout) -> Iterator[list[Source]]:
    """Give the sources of some names; what is in S3 is copied first, if the engine cannot read it there.

    Raises:
        InputError: nothing is there, it is no data, or a file is named twice: its events would count twice.
    """
    if not names:
        raise InputError("no file of events is named")
    with temporary_folder() as folder:
        sources = [_opened(engine, name, layout, folder / str(place)) for place, name in enumerate(names)]
        seen = set()
        for name, other in permutations([name.rstrip("/") for name in names if is_remote(name)], 2):
            if other == name or other.startswith(f"{name}/"):
                raise input_error(other, "is named twice, so its events would count twice")
        for source in sources:
            for file in source.files:
                path = file.path if is_remote(file.path) else str(Path(file.path).resolve())
                if path in seen:
                    raise input_error(file.name, "is named twice, so its events would count twice")
                seen.add(path)
        yield sources


def _opened(engine: Engine, name: str, layout: Layout, folder: Path) -> Source:
    if not is_remote(name) or engine.reads_remote:
        return _without_merged(source_of(name, layout))
    folder.mkdir()
    return _without_merged(source_of(name, layout, fetch(name, folder)))


def _without_merged(source: Source) -> Source:
    """Leave out files of the event lake that were merged into another one of their folder."""
    if source.kind is not Format.PARQUET:
        return source
    merged = [file for file in source.files if is_merged(file.path) and not is_remote(file.path)]
    if not merged:
        return source
    named = set()
    with duckdb.connect() as connection:
        for file in merged:
            path = Path(file.path)
            try:
                named |= {str(path.with_name(name)) for name in sources_of(connection, path, file.name)}
            except RegistryUnavailable as error:
                raise InputError(str(error)) from None
    return replace(source, files=tuple(file for file in source.files if file.path not in named))
