"""Simulated windows: a steady shop opens no tickets, a changed one does, and the page shows these figures."""

import re

import pytest

from bench.drift.__main__ import SHOPS, SIZES, WINDOWS, Row, simulate
from tests.building import ROOT

PAGE = ROOT / "docs" / "monitoring.md"
ACCEPTED = 0.05
SMALL = 100


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.shop: row for row in simulate(WINDOWS, (SMALL,), SHOPS)}


@pytest.mark.slow
def test_a_steady_shop_is_quiet_and_a_changed_one_is_noticed(rows: dict[str, Row]) -> None:
    steady = rows["steady"]
    assert steady.windows >= 200
    assert steady.beyond <= ACCEPTED
    assert steady.over > 10 * ACCEPTED  # the same windows break the usual bound by chance
    assert steady.psi == pytest.approx(steady.expected, rel=0.2)
    assert all(rows[name].elevated >= 1 - ACCEPTED for name in ("new products", "both"))


@pytest.mark.slow
def test_the_figures_of_the_page_are_those_of_the_simulation(rows: dict[str, Row]) -> None:
    names = {shop.name for shop in SHOPS}
    lines = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in PAGE.read_text(encoding="utf-8").splitlines()
    ]
    table = [cells for cells in lines if cells[0] in names]
    assert [(cells[0], cells[1]) for cells in table] == [(shop.name, f"{size:,}") for shop in SHOPS for size in SIZES]
    for name, size, windows, *shares in table:
        if size == str(SMALL):
            row = rows[name]
            assert int(windows) == row.windows
            shown = [float(re.sub(" %$", "", share)) / 100 for share in shares]
            assert shown == pytest.approx([row.over, row.beyond, row.moderate, row.elevated], abs=0.021)
