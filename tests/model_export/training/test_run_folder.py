"""A run on disk: it comes back as it went, and what is none is told."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.training.run_folder import HELD_OUT, RUN, RUN_SCHEMA, WEIGHTS, Run, read_run, write_run
from nextitem.errors import InputError
from nextitem.model.manifest import VOCABULARY
from tests.model_export.tiny import random_run


def write(folder: Path, run: Run) -> Path:
    folder.mkdir()
    write_run(folder, run)
    return folder


@given(lengths=st.lists(st.integers(1, 5), max_size=4), layers=st.integers(1, 2))
def test_a_run_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, lengths: list[int], layers: int) -> None:
    # GIVEN a run with any held-out sessions, none among them
    held_out = tuple(np.arange(length, dtype=np.int32) for length in lengths)
    run = msgspec.structs.replace(random_run(items=7, layers=layers), held_out=held_out)
    # WHEN it is written and read
    found = read_run(write(tmp_path_factory.mktemp("runs") / "run", run))
    # THEN it is the same
    assert found.record == run.record
    assert found.item_ids == run.item_ids
    assert [session.tolist() for session in found.held_out] == [session.tolist() for session in held_out]
    assert found.weights.keys() == run.weights.keys()
    for name, values in run.weights.items():
        np.testing.assert_array_equal(found.weights[name], values)
        assert found.weights[name].dtype == np.float32


def test_the_same_run_is_the_same_bytes(tmp_path: Path) -> None:
    # GIVEN a run
    run = random_run()
    # WHEN it is written twice
    one, other = (write(tmp_path / name, run) for name in ("one", "other"))
    # THEN the files are the same
    for name in (RUN, WEIGHTS, HELD_OUT, VOCABULARY):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    # GIVEN a folder with something else in it
    (tmp_path / "manifest.json").write_text("{}")
    # WHEN it is read as a run, and one that is not there
    # THEN the error says what is missing
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=f"^{folder} is not a training run: it has no run.json$"):
            read_run(folder)


@pytest.mark.parametrize("name", [WEIGHTS, HELD_OUT])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    # GIVEN a run of which one file is damaged
    folder = write(tmp_path / "run", random_run())
    (folder / name).write_bytes(content)
    # WHEN it is read
    # THEN one sentence names the file
    with pytest.raises(InputError, match=f"{name} is damaged$"):
        read_run(folder)


@pytest.mark.parametrize("name", [WEIGHTS, HELD_OUT, VOCABULARY])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    # GIVEN a run of which one file is gone
    folder = write(tmp_path / "run", random_run())
    (folder / name).unlink()
    # WHEN it is read
    # THEN one sentence names the file
    with pytest.raises(InputError, match=f"is not a training run.*{name}"):
        read_run(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"schema": 1, "\xff": 2}', b"[" * 10_000, b'{"schema": 1}', b'{"schema": "x"}']
)
def test_a_record_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    # GIVEN a run whose record is no record
    folder = write(tmp_path / "run", random_run())
    (folder / RUN).write_bytes(content)
    # WHEN it is read
    # THEN that is one error of ours
    with pytest.raises(InputError, match="is not a training run"):
        read_run(folder)


def test_a_newer_run_is_refused_by_its_schema(tmp_path: Path) -> None:
    # GIVEN a run of a schema to come, in which fields have other names
    folder = write(tmp_path / "run", random_run())
    (folder / RUN).write_bytes(msgspec.json.encode({"schema": RUN_SCHEMA + 1, "unheard": "of"}))
    # WHEN it is read
    # THEN the schema is the reason, not the fields
    with pytest.raises(InputError, match=f"has run schema {RUN_SCHEMA + 1}; this version reads {RUN_SCHEMA}"):
        read_run(folder)


def test_files_of_two_runs_are_not_one(tmp_path: Path) -> None:
    # GIVEN a run with the vocabulary of another
    folder, other = (write(tmp_path / str(items), random_run(items=items)) for items in (9, 8))
    (folder / VOCABULARY).write_bytes((other / VOCABULARY).read_bytes())
    # WHEN it is read
    # THEN it is refused: every item would be called by another's name
    with pytest.raises(InputError, match="its files belong to different catalogues"):
        read_run(folder)
