"""Split events into two files by time."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from model_export.data.atomic_file import write_together
from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.formats import OutputFormat
from model_export.data.ingestion.open_sources import opened_sources
from model_export.data.ingestion.pipeline import Prepared, Watcher, prepare_events, write_file
from nextitem.errors import InputError


def split_file(
    engine: Engine, names: Sequence[str], outputs: dict[str, Path], config: PrepareConfig, watcher: Watcher
) -> Prepared:
    """Split event files; both outputs appear, or none.

    Args:
        engine: runs the pipeline.
        names: files, folders or `s3://` addresses, read together.
        outputs: the files of "train" and "test"; their suffixes say the formats.
        config: the rules.
        watcher: follows the progress.

    Raises:
        InputError: the events are wrong, or an output cannot be written.
    """
    taken: set[Path] = set()
    for output in outputs.values():
        if output.resolve() in taken:
            raise InputError(f"{output} would be overwritten; give each file a name of its own")
        taken.add(output.resolve())
    formats = {name: OutputFormat.of(output) for name, output in outputs.items()}

    with opened_sources(engine, names, config.layout) as sources:
        inputs = {Path(file.path).resolve() for source in sources for file in source.files}
        for output in outputs.values():
            if output.resolve() in inputs:
                raise InputError(f"{output} would be overwritten; give each file a name of its own")
        prepared = prepare_events(engine, sources, config, watcher, refuse_long=True)

        def write(name: str, temporary: Path) -> None:
            write_file(engine, prepared.sides[name], temporary, formats[name], name, watcher)

        write_together({output: partial(write, name) for name, output in outputs.items()})
    return prepared
