"""The directory and the number that a process gets."""

from pathlib import Path

import pytest

from container.metrics_files import (
    KINDS,
    VARIABLE,
    WorkerNumber,
    forget_dead_gauges,
    metrics_directory,
    shared_directory,
)


def test_two_processes_never_have_the_same_number(tmp_path: Path) -> None:
    first, second, third = WorkerNumber(tmp_path), WorkerNumber(tmp_path), WorkerNumber(tmp_path)
    assert (first(), second(), first()) == (0, 1, 0)

    first.release()

    assert (third(), first()) == (0, 2)
    for number in (first, second, third):
        number.release()


def test_a_directory_of_its_own_is_empty_and_removed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with metrics_directory() as directory:
        assert shared_directory() == directory
        assert list(directory.iterdir()) == []
    assert not directory.exists()
    with pytest.raises(RuntimeError, match=f"{VARIABLE} is not set"):
        shared_directory()


def test_a_given_directory_stays_but_forgets_an_earlier_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "metrics"))
    with metrics_directory() as directory:
        (directory / "counter_0.db").write_bytes(b"old")
        (directory / "notes.txt").write_text("of somebody else")
    with metrics_directory():
        assert [file.name for file in directory.iterdir()] == ["notes.txt"]
    assert shared_directory() == tmp_path / "metrics"


def test_only_gauges_of_dead_processes_are_forgotten(tmp_path: Path) -> None:
    living, dead = WorkerNumber(tmp_path), WorkerNumber(tmp_path)
    for number in (living, dead):
        number.reserve()
    files = {f"{kind}_{number()}.db" for number in (living, dead) for kind in KINDS}
    assert {file.name for file in tmp_path.glob("*.db")} == files
    (tmp_path / "other.lock").touch()
    dead.release()

    forget_dead_gauges(tmp_path)

    assert {file.name for file in tmp_path.glob("*.db")} == files - {"gauge_livesum_1.db"}
    assert WorkerNumber(tmp_path)() == 1, "the lock was kept"
    assert (tmp_path / "other.lock").exists()
    living.release()
