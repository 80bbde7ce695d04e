"""Lines of JSON Lines that are wrong, and lines that look so."""

from pathlib import Path

import pytest

from model_export.data.ingestion.id_checks import NESTED
from model_export.data.ingestion.json_checks import ONE_A_LINE
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from nextitem.errors import InputError

ROW = '{"session_id": "s", "item_id": "a", "timestamp": 1}'


@pytest.mark.parametrize(
    ("line", "layout", "expected"),
    [
        pytest.param(
            '{"session_id": "s", "item_id": {"$oid": "5f"}, "timestamp": 1}',
            Layout(),
            f", line 2, column 'item_id': '{{\"$oid\":\"5f\"}}' {NESTED}",
            id="object as id",
        ),
        pytest.param(
            '{"session_id": ["s"], "item_id": "a", "timestamp": 1}',
            Layout(),
            f", line 2, column 'session_id': '[\"s\"]' {NESTED}",
            id="list as id",
        ),
        pytest.param(
            '{"session_id": "s", "item_id": "a", "item_id": "b", "timestamp": 1}',
            Layout(),
            ", line 2, column 'item_id': is there twice in one object",
            id="key twice",
        ),
        pytest.param(
            '{"session_id": "s", "p": {"id": 1, "id": 2}, "timestamp": 1}',
            Layout(item="p.id"),
            ", line 2, column 'p': 'id' is there twice in one object",
            id="key twice inside",
        ),
        pytest.param(
            '{"note": "\\ud83d", "session_id": "s", "item_id": "a", "timestamp": 1}',
            Layout(),
            ", line 2: holds one half of a surrogate pair (\\ud800 to \\udfff)",
            id="half of a surrogate pair",
        ),
        pytest.param(
            f'{{"note": {"1" * 5000}, "session_id": "s", "item_id": "a", "timestamp": 1}}\n{{',
            Layout(),
            ", line 3: is not JSON: Expecting property name enclosed in double quotes; " + ONE_A_LINE,
            id="a fault after a number that is too long for Python",
        ),
    ],
)
def test_a_fault_in_json_lines_is_named(tmp_path: Path, line: str, layout: Layout, expected: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{ROW}\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_sessions(path, layout)
    assert str(caught.value) == f"{path}{expected}"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"session_id": "s", "item_id": "{b}", "timestamp": 2}', id="text in braces"),
        pytest.param('{"session_id": "s", "item_id": "[b]", "timestamp": 2}', id="text in brackets"),
        pytest.param('{"x": 1, "x": 2, "session_id": "s", "item_id": "b", "timestamp": 2}', id="other key twice"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_json_lines_like_faulty_ones_are_read(tmp_path: Path, line: str, end: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{ROW}\n{line}{end}")
    assert len(read_sessions(path).codes) == 2
