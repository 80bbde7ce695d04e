"""A stack's life under every cold-start strategy and with every kind of store; `make cloud` plays each pair."""

from collections.abc import Callable

import pytest

from devstack.cloud.network.place import available
from tests.cloud.conftest import Played, Row
from tests.cloud.matrix import TESTED

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "")]


@pytest.mark.parametrize("row", TESTED, ids="-".join)
def test_a_stack_lives_as_on_aws(play: Callable[[Row], Played], row: Row) -> None:
    play(row)
