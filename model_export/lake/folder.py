"""A lake in a local folder, such as a copy of the bucket."""

import shutil
from collections.abc import Callable
from pathlib import Path

from nextitem.errors import InputError, ObjectTooLarge


class LakeFolder:
    """The `LakeFiles` of a folder that holds the folder ``lake``.

    Args:
        folder: it.

    Raises:
        InputError: it holds no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "lake").is_dir():
            raise InputError(f"{folder} is no lake: it must hold a folder lake, a copy of the bucket's")

    def keys(self, prefix: str) -> list[str]:
        """See `ObjectReader.keys`."""
        files = (self._folder / prefix).rglob("*")
        return sorted(path.relative_to(self._folder).as_posix() for path in files if path.is_file())

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """See `ObjectReader.download`."""
        try:
            if (size := (self._folder / key).stat().st_size) > max_bytes():
                raise ObjectTooLarge(key, size, max_bytes())
            shutil.copyfile(self._folder / key, path)
        except FileNotFoundError:
            return False
        return True
