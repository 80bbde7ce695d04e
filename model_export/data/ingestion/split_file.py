"""Split an event file into two by time."""

from functools import partial
from pathlib import Path

from model_export.data.atomic_file import write_together
from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.pipeline import Prepared, Watcher, prepare_events, write_file
from model_export.data.ingestion.sources import source_of
from nextitem.errors import InputError


def split_file(
    engine: Engine, path: Path, outputs: dict[str, Path], config: PrepareConfig, watcher: Watcher
) -> Prepared:
    """Split a file; both outputs appear, or none.

    Args:
        engine: runs the pipeline.
        path: the event file.
        outputs: the files of "train" and "test"; their suffixes say the formats.
        config: the rules.
        watcher: follows the progress.

    Raises:
        InputError: the events are wrong, or an output cannot be written.
    """
    taken = {path.resolve()}
    for output in outputs.values():
        if output.resolve() in taken:
            raise InputError(f"{output} would be overwritten; give each file a name of its own")
        taken.add(output.resolve())
    formats = {name: Format.of(output) for name, output in outputs.items()}
    prepared = prepare_events(engine, [source_of(str(path))], config, watcher, refuse_long=True)

    def write(name: str, temporary: Path) -> None:
        write_file(engine, prepared.sides[name], temporary, formats[name], name, watcher)

    write_together({output: partial(write, name) for name, output in outputs.items()})
    return prepared
