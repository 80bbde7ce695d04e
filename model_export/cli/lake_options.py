"""Options of the commands that read the event lake."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_export.lake.events import LakeFiles

LakeCopy = Annotated[
    Path | None,
    typer.Option(
        "--lake-folder",
        help="Folder with a copy of the folders lake-state and lake of the bucket, copied in this order; by default "
        "the bucket.",
        show_default=False,
    ),
]
IdleSeconds = Annotated[float, typer.Option(min=1, help="A session without events for so long has ended.")]
IDLE_SECONDS = 1_800.0
"""The same as `model_export.lake.records.IDLE_MS`, whose module imports numpy: `--help` must not wait for it."""


def lake_files(bucket: "LakeFiles", folder: Path | None) -> "LakeFiles":
    """Return the lake's files: those of the bucket, or of a folder with a copy.

    Raises:
        InputError: the folder holds no lake.
    """
    from model_export.lake.folder import LakeFolder  # imported lazily: `--help` must not wait for DuckDB

    return bucket if folder is None else LakeFolder(folder)
