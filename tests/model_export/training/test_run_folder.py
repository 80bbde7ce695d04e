"""A run on disk can be read as it was written; anything else is refused."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.data.session_events import SessionEvents
from model_export.training.run_folder import HELD_OUT, RUN, RUN_SCHEMA, WEIGHTS, Run, read_run, write_run
from nextitem.errors import InputError
from nextitem.model.manifest import VOCABULARY
from tests.model_export.tiny import random_run


def write(folder: Path, run: Run) -> Path:
    folder.mkdir()
    write_run(folder, run)
    return folder


@given(lengths=st.lists(st.integers(1, 5), max_size=4), layers=st.integers(1, 2))
@pytest.mark.slow
def test_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, lengths: list[int], layers: int) -> None:
    held_out = tuple(
        SessionEvents(np.arange(length, dtype=np.int32), np.arange(length, dtype=np.int8) % 3) for length in lengths
    )
    run = msgspec.structs.replace(random_run(items=7, layers=layers), held_out=held_out)
    read = read_run(write(tmp_path_factory.mktemp("runs") / "run", run))
    assert read.record == run.record
    assert read.item_ids == run.item_ids
    assert [session.items.tolist() for session in read.held_out] == [session.items.tolist() for session in held_out]
    assert [session.types.tolist() for session in read.held_out] == [session.types.tolist() for session in held_out]
    assert read.weights.keys() == run.weights.keys()
    for name, values in run.weights.items():
        np.testing.assert_array_equal(read.weights[name], values)
        assert read.weights[name].dtype == np.float32


def test_refuses_a_folder_without_a_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(
            InputError,
            match=f"^{folder} is not a training run: it has no run.json. Name the folder of `nextitem train --out`$",
        ):
            read_run(folder)


@pytest.mark.parametrize("name", [WEIGHTS, HELD_OUT])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off", b"\x93NUMPY\x01\x00"])
def test_names_a_damaged_file(tmp_path: Path, name: str, content: bytes) -> None:
    folder = write(tmp_path / "run", random_run())
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged$"):
        read_run(folder)


@pytest.mark.parametrize("name", [WEIGHTS, HELD_OUT, VOCABULARY])
def test_names_a_missing_file(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "run", random_run())
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"is not a training run.*{name}"):
        read_run(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"schema": 3, "\xff": 2}', b"[" * 10_000, b'{"schema": 3}', b'{"schema": "x"}']
)
def test_refuses_a_damaged_record(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "run", random_run())
    (folder / RUN).write_bytes(content)
    with pytest.raises(InputError, match="is not a training run"):
        read_run(folder)


def test_refuses_another_schema(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", random_run())
    (folder / RUN).write_bytes(msgspec.json.encode({"schema": RUN_SCHEMA + 1, "other": "fields"}))
    with pytest.raises(InputError, match=f"has run schema {RUN_SCHEMA + 1}; this version reads {RUN_SCHEMA}"):
        read_run(folder)


def test_refuses_the_vocabulary_of_another_run(tmp_path: Path) -> None:
    folder, other = (write(tmp_path / str(items), random_run(items=items)) for items in (9, 8))
    (folder / VOCABULARY).write_bytes((other / VOCABULARY).read_bytes())
    with pytest.raises(InputError, match="its files belong to different catalogues"):
        read_run(folder)
