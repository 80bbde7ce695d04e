"""Logs are read while they grow, every line once."""

import os
import shutil
from pathlib import Path

import pytest

from devstack.processes.errors import StackError
from devstack.top.log_tail import LogTail


def test_only_new_lines_are_read(tmp_path: Path) -> None:
    log = tmp_path / "worker-0001.log"
    log.write_bytes(b"one\ntwo\n")
    tail = LogTail(tmp_path)
    assert tail.lines() == ["one", "two"]
    assert tail.lines() == []

    with log.open("r+b") as written:
        written.write(b"ONE")
        written.seek(0, os.SEEK_END)
        written.write(b"three\n")

    assert tail.lines() == ["three"]


def test_an_unfinished_line_comes_when_it_is_complete(tmp_path: Path) -> None:
    log = tmp_path / "worker-0001.log"
    log.write_bytes(b"one\ntw")
    tail = LogTail(tmp_path)
    assert tail.lines() == ["one"]
    assert tail.lines() == []
    log.write_bytes(b"one\ntwo\n")
    assert tail.lines() == ["two"]


def test_logs_of_new_workers_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    tail = LogTail(tmp_path)
    assert tail.lines() == []
    (tmp_path / "worker-0002.log").write_bytes("zwei\n\xff".encode())
    (tmp_path / "valkey.log").write_bytes(b"ready\n")
    (tmp_path / "worker-0001.log").write_bytes(b"\xff eins\n")
    assert tail.lines() == ["� eins", "zwei"]


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    record = '{"detail":"one\u2028two\x85three\x0cfour\rfive"}'
    (tmp_path / "worker-0001.log").write_bytes(f"{record}\nlast\n".encode())
    assert LogTail(tmp_path).lines() == [record, "last"]


def test_the_end_of_the_stack_is_noticed(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    directory.mkdir()
    tail = LogTail(directory)
    assert tail.exists
    shutil.rmtree(directory)
    assert not tail.exists
    assert tail.lines() == []


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is not a directory"):
        LogTail(tmp_path / "nowhere")
