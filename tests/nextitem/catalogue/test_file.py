"""A catalogue answers with the rows that were written, and a damaged file is not opened."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextitem.catalogue.arrays_file import open_arrays, write_arrays
from nextitem.catalogue.columns import BooleanColumn, Kind, NumberColumn, TextColumn
from nextitem.catalogue.file import MAGIC, Catalogue, CatalogueHead, crc32_of
from nextitem.catalogue.times import parse_iso_8601
from nextitem.catalogue.writer import text_data, write_catalogue
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported
from tests.nextitem.catalogue.strategies import Cells, catalogues, written
from tests.nextitem.parts import STEADY

# Each example overwrites the file, so sharing the folder does no harm.
SHARED_FOLDER = settings(
    STEADY, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
SHOES: Cells = {
    "brand": ("string", ["acme", None, "zeta"]),
    "tags": ("strings", [["new", "red"], None, ["red"]]),
    "price": ("number", [10.0, 4.5, None]),
    "new": ("boolean", [True, None, False]),
    "since": ("time", [1.7e12, None, 1.7e12 + 5]),
}


def expected(kind: Kind, value: Any) -> Any:
    if value is None or kind != "time":
        return value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)


@SHARED_FOLDER
@given(catalogues())
def test_a_catalogue_answers_with_what_was_written(tmp_path: Path, rows: tuple[list[str], Cells]) -> None:
    ids, cells = rows
    catalogue = written(tmp_path / "catalogue.bin", ids, cells, {"n": {"price": {"gte": 1}}})

    assert [catalogue.vocabulary.item_id(position) for position in range(len(catalogue))] == ids
    assert list(catalogue.columns) == list(cells)
    assert catalogue.named_filters == {"n": {"price": {"gte": 1}}}
    for name, (kind, values) in cells.items():
        answers = [json.loads(json.dumps(catalogue.value(name, position))) for position in range(len(ids))]
        if kind == "time":
            answers = [None if text is None else datetime.fromisoformat(text) for text in answers]
        assert catalogue.columns[name].kind == kind
        assert answers == [expected(kind, value) for value in values]


@SHARED_FOLDER
@given(catalogues(), st.data())
def test_each_value_has_the_positions_of_its_items(
    tmp_path: Path, rows: tuple[list[str], Cells], data: st.DataObject
) -> None:
    ids, cells = rows
    catalogue = written(tmp_path / "catalogue.bin", ids, cells)
    for name, (_, values) in cells.items():
        column = catalogue.columns[name]
        assert column.missing().tolist() == [place for place, value in enumerate(values) if value is None]
        match column:
            case TextColumn():
                wanted = data.draw(st.sampled_from([v for v in values if v is not None] or ["?"]))
                text = wanted[0] if isinstance(wanted, list) else wanted
                code = column.values.code_of(text)
                found = [] if code is None else column.positions(code).tolist()
                has = [
                    place
                    for place, v in enumerate(values)
                    if v is not None and text in (v if column.starts is not None else [v])
                ]
                assert found == has
                assert column.values.code_of(text + "\0") is None or text + "\0" in str(values)
            case NumberColumn():
                low, high = (
                    data.draw(st.none() | st.floats(-6, 6)),
                    data.draw(st.none() | st.sampled_from([-1.0, 0.0, 5.0])),
                )
                includes_low, includes_high = data.draw(st.booleans()), data.draw(st.booleans())
                found = column.range(low, high, includes_low=includes_low, includes_high=includes_high).tolist()
                assert sorted(found) == [
                    place
                    for place, v in enumerate(values)
                    if v is not None
                    and (low is None or v > low or (includes_low and v == low))
                    and (high is None or v < high or (includes_high and v == high))
                ]
                assert [values[place] for place in found] == sorted(values[place] for place in found)
            case BooleanColumn():
                for wanted in (False, True):
                    assert column.positions(wanted).tolist() == [p for p, v in enumerate(values) if v is wanted]


def test_the_same_rows_are_the_same_version_and_others_another(tmp_path: Path) -> None:
    ids = ["a", "b", "c"]
    version = written(tmp_path / "1.bin", ids, SHOES).version
    assert version.startswith("c")
    assert len(version) == 17
    assert written(tmp_path / "2.bin", ids, SHOES).version == version
    assert written(tmp_path / "3.bin", ["a", "b", "d"], SHOES).version != version
    assert written(tmp_path / "4.bin", ids, SHOES, {"x": {"new": True}}).version != version


def test_a_truncated_extended_or_foreign_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.bin"
    written(path, ["a", "b", "c"], SHOES)
    whole = path.read_bytes()
    for damaged in [whole[:size] for size in range(0, len(whole), 29)] + [whole + b"\0", b"NICATLG0" + whole[8:]]:
        path.write_bytes(damaged)
        with pytest.raises(ArtifactCorrupt, match=r"catalogue\.bin"):
            Catalogue(path, "c0")
    with pytest.raises(ArtifactCorrupt, match=r"none\.bin"):
        Catalogue(tmp_path / "none.bin", "c0")


@SHARED_FOLDER
@given(st.data())
def test_a_damaged_file_is_refused_or_answers_as_before(tmp_path: Path, data: st.DataObject) -> None:
    # GIVEN a catalogue with one or more wrong bytes
    path = tmp_path / "catalogue.bin"
    before = answers(written(path, ["a", "b", "c"], SHOES))
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.unlink()
    path.write_bytes(whole)

    # WHEN it is opened THEN it is refused, unless only bytes between two arrays changed
    try:
        catalogue = Catalogue(path, "c0")
    except (ArtifactCorrupt, ArtifactUnsupported):
        return
    assert answers(catalogue) == before


def test_another_value_that_fits_as_well_is_refused(tmp_path: Path) -> None:
    # GIVEN a catalogue in which one letter of a brand is another one: no look-up would notice
    path = tmp_path / "catalogue.bin"
    written(path, ["a", "b", "c"], SHOES)
    whole = path.read_bytes()
    assert whole.count(b"acme") == 1
    path.unlink()
    path.write_bytes(whole.replace(b"acme", b"acne"))
    with pytest.raises(ArtifactCorrupt, match=r"catalogue\.bin is damaged: its content has another CRC-32"):
        Catalogue(path, "c0")


def answers(catalogue: Catalogue) -> Any:
    """All that a catalogue can say."""
    items = range(len(catalogue))
    values = {name: [column.value(item) for item in items] for name, column in catalogue.columns.items()}
    return [catalogue.vocabulary.item_id(item) for item in items], values, catalogue.named_filters


@pytest.mark.parametrize(
    ("array", "place", "value"),
    [
        ("0.codes", 0, 2),  # brands: "acme", "zeta"
        ("0.codes", 0, -2),
        ("0.order", 0, 3),
        ("0.bounds", 1, 99),
        ("1.codes", 0, -1),  # tags: a list has no missing text
        ("1.starts", 1, 99),
        ("2.values", 0, np.inf),
        ("2.order", 0, -1),
        ("3.values", 0, 2),
        ("4.values", 0, 1e18),  # no date
    ],
)
def test_a_column_that_leads_out_of_its_arrays_is_refused(tmp_path: Path, array: str, place: int, value: float) -> None:
    # GIVEN a whole file with one wrong number, as no damage in transit makes it
    path = tmp_path / "catalogue.bin"
    written(path, ["a", "b", "c"], SHOES)
    file = open_arrays(path, MAGIC)
    arrays = {name: values.copy() for name, values in file.arrays.items()}
    arrays[array][place] = value
    path.unlink()
    head = msgspec.json.decode(file.about, type=CatalogueHead)
    crc32 = crc32_of(head.columns, head.named_filters, arrays.values())
    write_arrays(path, MAGIC, msgspec.structs.replace(head, crc32=crc32), arrays)

    # WHEN it is opened THEN it is refused, naming the column
    with pytest.raises(ArtifactCorrupt, match=rf"the arrays of column '{list(SHOES)[int(array[0])]}' contradict"):
        Catalogue(path, "c0")


def test_a_newer_schema_is_unsupported(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.bin"
    write_arrays(path, MAGIC, {"schema": 99}, {"ids": np.zeros(1, np.uint8)})
    with pytest.raises(ArtifactUnsupported, match=r"catalogue\.bin has schema 99"):
        Catalogue(path, "c0")


def test_a_column_of_another_length_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'brand' has 1 values for 2 items"):
        write_catalogue(tmp_path / "catalogue.bin", ["a", "b"], {"brand": text_data(["x"])}, {})


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01", 0.0),
        ("2026-01-31T09:30:00Z", 1769851800000.0),
        ("2026-01-31 09:30:00.5+01:00", 1769848200500.0),
    ],
)
def test_times_without_a_zone_are_utc(text: str, milliseconds: float) -> None:
    assert parse_iso_8601(text) == milliseconds
