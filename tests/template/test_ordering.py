"""CloudFormation creates each resource after those that it needs."""

import pytest

from devstack.template.dependencies import creation_order
from devstack.template.stack import Values, deployed
from tests.template.combinations import COMBINATIONS


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_no_resource_depends_on_itself(values: Values) -> None:
    resources = deployed(values).resources

    assert sorted(creation_order(resources)) == sorted(resources)
