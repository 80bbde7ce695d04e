"""Item ids and indices are inverse to each other; a damaged file is not opened."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextitem.errors import ArtifactCorrupt
from nextitem.model.vocabulary import Vocabulary, write_vocabulary
from tests.nextitem.parts import STEADY

CATALOGUES = st.sets(st.text(min_size=1, max_size=30), min_size=1, max_size=50).map(
    lambda ids: sorted(ids, key=str.encode)
)
# Each example overwrites the file, so sharing the folder does no harm.
SHARED_FOLDER = settings(STEADY, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def written(folder: Path, item_ids: list[str]) -> Path:
    path = folder / "vocabulary.bin"
    path.unlink(missing_ok=True)  # an open vocabulary maps the old file
    write_vocabulary(path, item_ids)
    return path


@SHARED_FOLDER
@given(CATALOGUES)
def test_index_and_item_id_are_inverse(tmp_path: Path, item_ids: list[str]) -> None:
    vocabulary = Vocabulary(written(tmp_path, item_ids))
    assert len(vocabulary) == len(item_ids)
    assert [vocabulary.item_id(index) for index in range(len(item_ids))] == item_ids
    assert [vocabulary.index(item_id) for item_id in item_ids] == list(range(len(item_ids)))


@SHARED_FOLDER
@given(CATALOGUES, st.lists(st.text(max_size=30), max_size=20))
def test_an_unknown_item_has_no_index(tmp_path: Path, item_ids: list[str], others: list[str]) -> None:
    vocabulary = Vocabulary(written(tmp_path, item_ids))
    known = [item_id for item_id in others if item_id in item_ids]
    for item_id in set(others) - set(known):
        assert vocabulary.index(item_id) is None
    assert vocabulary.indices(others) == [item_ids.index(item_id) for item_id in known]


def test_neighbours_of_known_ids_are_unknown(tmp_path: Path) -> None:
    vocabulary = Vocabulary(written(tmp_path, ["b", "bb", "ä"]))
    assert [vocabulary.index(text) for text in ("", "a", "ba", "bbb", "a\u0308", "z", "Ä")] == [None] * 7


@pytest.mark.parametrize("item_ids", [[], ["a", "a"], ["b", "a"], ["\uffff", "\U00010000", "z"]])
def test_ids_that_are_not_in_order_are_refused(tmp_path: Path, item_ids: list[str]) -> None:
    with pytest.raises(ValueError, match="in the order of their UTF-8 bytes"):
        write_vocabulary(tmp_path / "vocabulary.bin", item_ids)
    assert not (tmp_path / "vocabulary.bin").exists()


def test_a_truncated_extended_or_foreign_file_is_not_opened(tmp_path: Path) -> None:
    path = written(tmp_path, ["pot", "tea", "té"])
    whole = path.read_bytes()
    for damaged in [whole[:size] for size in range(len(whole))] + [whole + b"\x00", b"NIVOCAB9" + whole[8:]]:
        path.write_bytes(damaged)
        with pytest.raises(ArtifactCorrupt, match=r"vocabulary\.bin"):
            Vocabulary(path)


@SHARED_FOLDER
@given(st.binary(max_size=200) | st.binary(max_size=200).map(b"NIVOCAB2".__add__))
def test_garbage_is_not_opened(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "garbage.bin"
    path.write_bytes(garbage)
    with pytest.raises(ArtifactCorrupt, match=r"garbage\.bin"):
        Vocabulary(path)


def test_a_missing_file_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"vocabulary\.bin"):
        Vocabulary(tmp_path / "vocabulary.bin")
