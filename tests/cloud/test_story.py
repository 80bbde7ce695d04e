"""A stack's life under every cold-start strategy and with every kind of store."""

from pathlib import Path

import pytest

from devstack.cloud.network.place import available
from devstack.template.stack import Values
from tests.cloud.matrix import ROWS
from tests.cloud.story import run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "")]


@pytest.mark.parametrize("values", ROWS.values(), ids=map("-".join, ROWS))
def test_a_stack_lives_as_on_aws(values: Values, tmp_path: Path) -> None:
    run(values, tmp_path)
