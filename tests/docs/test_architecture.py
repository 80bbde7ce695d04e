"""ARCHITECTURE.md has a row for each package of the serving library and of the offline part."""

import re

import pytest

from tests.building import ROOT


@pytest.mark.parametrize("part", ["functions/nextitem", "model_export"])
def test_each_package_has_a_row(part: str) -> None:
    rows = [line for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    packages = {path.parent.name for path in (ROOT / part).glob("*/__init__.py")}
    assert packages - named == set()
