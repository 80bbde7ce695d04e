"""Files and folders appear whole or not at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_export.data.atomic_file import new_folder, write_atomically, write_together
from model_export.interruption import Stopped, stoppable
from nextitem.errors import InputError
from tests.model_export.tiny import listed


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "out.json"
    home.parent.mkdir()
    home.write_text("old")

    def write(path: Path) -> None:
        path.write_text("new")
        assert home.read_text() == "old"
        assert path.name.endswith("out.json")

    write_atomically(home, write)
    assert home.read_text() == "new"
    assert listed(tmp_path) == ["deep", "deep/out.json"]
    assert home.stat().st_mode & 0o777 == 0o644


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    home = tmp_path / "out"
    home.write_text("old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(home, write)
    assert listed(tmp_path) == ["out"]
    assert home.read_text() == "old"


@pytest.mark.parametrize("name", ["folder", "file/out"])
def test_several_files_appear_together_or_not_at_all(tmp_path: Path, name: str) -> None:
    # GIVEN an existing file, and a second path that is a folder, or lies below a file
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "good").write_text("old")
    # WHEN files are written to both
    # THEN the error names the wrong path and the reason, and no file has changed
    with pytest.raises(InputError, match=f"{name} cannot be written: [a-z]"):
        write_together({tmp_path / place: lambda path: path.write_text("new") for place in ("good", name)})
    assert listed(tmp_path) == ["file", "folder", "good"]
    assert (tmp_path / "good").read_text() == "old"


def test_a_folder_takes_its_name_when_it_is_complete(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "run"
    with new_folder(home) as folder:
        (folder / "file").write_text("content")
        assert not home.exists()
    assert listed(tmp_path) == ["deep", "deep/run", "deep/run/file"]
    assert home.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_folder_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    home = tmp_path / "run"

    def fill_half() -> None:
        with new_folder(home) as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "half").write_text("half")
            raise error

    with pytest.raises(error):
        fill_half()
    assert listed(tmp_path) == []


def test_a_full_disk_is_an_input_error(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="run cannot be written: the disk is full; free space"),
        new_folder(tmp_path / "run"),
    ):
        raise OSError(28, "No space left on device")
    assert listed(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "run"
    if kind == "folder":
        home.mkdir()
    elif kind == "file":
        home.write_text("mine")
    else:
        home.symlink_to(tmp_path / "nowhere")
    before = listed(tmp_path)
    with pytest.raises(InputError, match="run exists already; name another folder or remove it"), new_folder(home):
        pytest.fail("the work must not begin")
    assert listed(tmp_path) == before


@pytest.mark.parametrize("name", ["file/run", "x" * 300])
def test_a_folder_in_an_impossible_place_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), new_folder(tmp_path / name):
        pytest.fail("the work must not begin")
    assert listed(tmp_path) == ["file"]


HOLD = """
import sys
from pathlib import Path
from model_export.data.atomic_file import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("begun", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that makes the folder until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        yield running


def test_a_folder_is_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "run"
    with another_process(home):
        # WHEN this process makes the same folder, or writes a file of that name
        # THEN it ends before its work, and the other one completes the folder
        with pytest.raises(InputError, match="run; wait for its end"), new_folder(home):
            pytest.fail("the work must not begin")
        with pytest.raises(InputError, match="another process is writing"):
            write_atomically(home, lambda path: path.write_text("mine"))
    assert listed(tmp_path) == ["run", "run/half"]


def test_a_killed_process_locks_nothing_and_its_rest_is_removed(tmp_path: Path) -> None:
    home = tmp_path / "run"
    with another_process(home) as running:
        running.kill()
    assert listed(tmp_path) == [".run.lock", ".run.partial", ".run.partial/half"]
    with new_folder(home) as folder:
        (folder / "whole").write_text("whole")
    assert listed(tmp_path) == ["run", "run/whole"]


def test_a_signal_between_two_files_waits_for_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a signal right after the first of two files took its place
    replace = Path.replace

    def replace_then_signal(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        if target.name == "train":
            os.kill(os.getpid(), signal.SIGTERM)
        return moved

    monkeypatch.setattr(Path, "replace", replace_then_signal)
    # WHEN both are written
    with stoppable(), pytest.raises(Stopped):
        write_together({tmp_path / name: lambda path: path.write_text("new") for name in ("train", "test")})
    # THEN both are there, and nothing else
    assert listed(tmp_path) == ["test", "train"]
