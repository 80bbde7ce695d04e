"""What the pages say about costs is what `nextitem cost` prints; `make observability` writes the tables."""

import shlex

import pytest

from model_export.cost.estimate import Deployment, cost_of
from observability.rendering.tables import BUSY, IDLE
from tests.building import ROOT
from tests.docs.documented import read
from tests.model_export.cli.commandline import nextitem

PAGE = ROOT / "docs" / "howto" / "costs.md"
SHOWN = [command.text for command in read(PAGE) if not command.is_quoted]


@pytest.mark.parametrize(("shown", "deployment"), list(zip(SHOWN, (BUSY, IDLE), strict=True)), ids=SHOWN)
def test_a_column_is_what_its_command_prints(shown: str, deployment: Deployment) -> None:
    printed = nextitem(*shlex.split(shown)[1:], "--json").document
    assert printed["lines"] == {name: round(dollars, 2) for name, dollars in cost_of(deployment).lines.items()}


def test_the_faq_names_the_price_of_a_million_requests() -> None:
    assert round(cost_of(BUSY).per_million) == 5
    assert "about five dollars a million requests" in (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
