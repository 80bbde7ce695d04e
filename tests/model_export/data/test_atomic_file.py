"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from model_export.data.atomic_file import write_atomically
from nextitem.errors import InputError
from tests.model_export.tiny import listed


def test_a_file_appears_whole(tmp_path: Path) -> None:
    # GIVEN an older file of that name
    home = tmp_path / "out.json"
    home.write_text("old")

    def write(path: Path) -> None:
        # THEN the old one is there until the new one is whole
        path.write_text("new")
        assert home.read_text() == "old"
        assert path.name.endswith("out.json")

    # WHEN another is written
    write_atomically(home, write)
    assert home.read_text() == "new"
    assert listed(tmp_path) == ["out.json"]
    assert home.stat().st_mode & 0o777 == 0o644


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    # GIVEN a name in folders that are not there yet
    # WHEN a file is written
    write_atomically(tmp_path / "a" / "b" / "out", lambda path: path.write_text("x"))
    # THEN they are
    assert (tmp_path / "a" / "b" / "out").read_text() == "x"


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    # GIVEN an older file of that name
    home = tmp_path / "out"
    home.write_text("old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    # WHEN writing is interrupted
    with pytest.raises(KeyboardInterrupt):
        write_atomically(home, write)
    # THEN the older one is untouched and alone
    assert listed(tmp_path) == ["out"]
    assert home.read_text() == "old"


@pytest.mark.parametrize("name", ["folder", "file/out"])
def test_a_place_that_is_none_is_one_sentence(tmp_path: Path, name: str) -> None:
    # GIVEN a folder of that name, or a file where a folder must be
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    # WHEN a file is written there
    # THEN the error says where and why, and nothing is left
    with pytest.raises(InputError, match=f"{name} cannot be written: [A-Z]"):
        write_atomically(tmp_path / name, lambda path: path.write_text("x"))
    assert listed(tmp_path) == ["file", "folder"]
