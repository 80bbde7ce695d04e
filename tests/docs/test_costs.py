"""The estimates on docs/howto/costs.md are those of the command, to the cent."""

import re

import pytest

from tests.building import ROOT
from tests.docs.shown import Shown, shown_in
from tests.model_export.cli.commandline import nextitem

PAGE = ROOT / "docs" / "howto" / "costs.md"
SHOWN = shown_in(PAGE)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.command)
def test_an_estimate_is_that_of_the_command(shown: Shown) -> None:
    printed = nextitem(*shown.command.split()[1:]).out.splitlines()
    lines = [line for line in shown.output if line != "..."]
    assert len(lines) >= 1
    assert [line for line in lines if line not in printed] == []


def test_the_faq_names_the_price_of_a_million_requests() -> None:
    [price] = re.findall(r"For a million requests\s+│\s+(\d+\.\d\d)", PAGE.read_text(encoding="utf-8"))
    assert round(float(price)) == 5
    assert "about five dollars a million requests" in (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
