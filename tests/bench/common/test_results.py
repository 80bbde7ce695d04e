"""A results file is replaced as a whole or not at all."""

import json
from pathlib import Path

import pytest

from bench.common.results import write_json

BEFORE = '{"figures": "of the last run"}\n'


def test_the_file_holds_the_document(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.json"
    for rows in ([1, 2], []):
        write_json({"rows": rows}, path)
        assert json.loads(path.read_text()) == {"rows": rows}
    assert list(path.parent.iterdir()) == [path]


def test_a_document_that_is_not_json_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(BEFORE)
    with pytest.raises(TypeError):
        write_json({"rows": [object()]}, path)
    assert (path.read_text(), list(tmp_path.iterdir())) == (BEFORE, [path])


def test_a_full_disk_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a disk that is full after half of the new figures
    path = tmp_path / "figures.json"
    path.write_text(BEFORE)

    def write_half(self: Path, text: str, encoding: str) -> int:
        with self.open("w", encoding=encoding) as file:
            file.write(text[: len(text) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    # WHEN the new figures are written THEN the old ones are kept
    with pytest.raises(OSError, match="no space"):
        write_json({"rows": [1, 2, 3]}, path)
    assert (path.read_text(), list(tmp_path.iterdir())) == (BEFORE, [path])
