"""Open the files, folders and S3 addresses that a command names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.s3 import fetch
from model_export.data.ingestion.sources import Source, is_remote, source_of
from model_export.data.layout import Layout
from nextitem.errors import InputError


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
        return source_of(name, layout)
    folder.mkdir()
    return source_of(name, layout, fetch(name, folder))
