"""The differences of two catalogues are those of their rows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from model_export.data.items.changes import SHOWN, Group, compare
from nextitem.catalogue.columns import Kind
from tests.nextitem.catalogue.strategies import Cells, catalogues, written
from tests.nextitem.parts import STEADY

Rows = tuple[list[str], Cells]


def row(rows: Rows, item_id: str, names: list[str]) -> dict[str, Any]:
    ids, cells = rows
    return {name: cells[name][1][ids.index(item_id)] for name in names}


@pytest.mark.slow
@settings(STEADY, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(catalogues(), catalogues())
def test_differences_are_those_of_the_rows(tmp_path: Path, before: Rows, after: Rows) -> None:
    changes = compare(written(tmp_path / "before.bin", *before), written(tmp_path / "after.bin", *after))

    def kinds(rows: Rows) -> dict[str, Kind]:
        return {name: kind for name, (kind, _) in rows[1].items()}

    def group(ids: list[str]) -> Group:
        return Group(len(ids), tuple(ids[:SHOWN]))

    shared = [name for name, kind in kinds(after).items() if kinds(before).get(name) == kind]
    both = [item_id for item_id in after[0] if item_id in before[0]]
    assert changes.added == group([item_id for item_id in after[0] if item_id not in before[0]])
    assert changes.removed == group([item_id for item_id in before[0] if item_id not in after[0]])
    assert changes.changed == group([i for i in both if row(before, i, shared) != row(after, i, shared)])
    counts = {n: sum(row(before, i, [n]) != row(after, i, [n]) for i in both) for n in shared}
    assert changes.by_column == {name: count for name, count in counts.items() if count}
    assert changes.added_columns == tuple(n for n, kind in kinds(after).items() if kinds(before).get(n) != kind)
    assert changes.removed_columns == tuple(n for n, kind in kinds(before).items() if kinds(after).get(n) != kind)
