"""What holds for the stack whatever its parameters: under each choice that changes what is deployed."""

import pytest

from tests.template.checks import faults
from tests.template.combinations import COMBINATIONS
from tests.template.stack import Values, deployed


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_no_choice_of_parameters_has_a_fault(values: Values) -> None:
    # GIVEN a choice of parameters WHEN what it deploys is checked THEN no check finds anything
    assert faults(deployed(values)) == []
