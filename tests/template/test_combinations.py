"""Every check holds under every combination of parameters."""

import pytest

from devstack.template.stack import Values, deployed
from tests.template.checks import faults
from tests.template.combinations import COMBINATIONS


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
@pytest.mark.slow
def test_no_combination_has_a_fault(values: Values) -> None:
    assert faults(deployed(values)) == []
