"""Logs that grow, read once."""

import os
import shutil
from pathlib import Path

import pytest

from devstack.processes.errors import StackError
from devstack.top.log_tail import LogTail


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    # GIVEN a log whose two lines were read
    log = tmp_path / "worker-0001.log"
    log.write_bytes(b"one\ntwo\n")
    tail = LogTail(tmp_path)
    assert tail.lines() == ["one", "two"]
    assert tail.lines() == []

    # WHEN what was read changes, and a line comes after it
    with log.open("r+b") as written:
        written.write(b"ONE")
        written.seek(0, os.SEEK_END)
        written.write(b"three\n")

    # THEN only the line is told: the rest was not looked at again
    assert tail.lines() == ["three"]


def test_a_line_that_is_being_written_comes_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "worker-0001.log"
    log.write_bytes(b"one\ntw")
    tail = LogTail(tmp_path)
    assert tail.lines() == ["one"]
    assert tail.lines() == []
    log.write_bytes(b"one\ntwo\n")
    assert tail.lines() == ["two"]


def test_workers_that_come_later_are_found_and_other_files_are_not_read(tmp_path: Path) -> None:
    tail = LogTail(tmp_path)
    assert tail.lines() == []
    (tmp_path / "worker-0002.log").write_bytes("zwei\n\xff".encode())
    (tmp_path / "valkey.log").write_bytes(b"ready\n")
    (tmp_path / "worker-0001.log").write_bytes(b"\xff eins\n")
    assert tail.lines() == ["� eins", "zwei"]


def test_a_stack_that_ends_is_noticed(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    directory.mkdir()
    tail = LogTail(directory)
    assert tail.exists
    shutil.rmtree(directory)
    assert not tail.exists
    assert tail.lines() == []


def test_what_is_no_directory_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is no directory"):
        LogTail(tmp_path / "nowhere")
