"""Every check holds under every combination of parameters."""

import pytest

from tests.template.checks import faults
from tests.template.combinations import COMBINATIONS
from tests.template.stack import Values, deployed


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_no_combination_has_a_fault(values: Values) -> None:
    assert faults(deployed(values)) == []
