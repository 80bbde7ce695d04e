"""Planted mistakes are caught: here one of each kind, by `make cloud` all of them."""

from pathlib import Path

import pytest

from devstack.cloud.network.place import available
from tests.cloud.mistakes import Mutant
from tests.cloud.mutants import MUTANTS, caught_by

KINDS = {mutant.kind: name for name, mutant in reversed(MUTANTS.items())}
"""The first mistake of each kind."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "")]


@pytest.mark.parametrize("mutant", [MUTANTS[name] for name in KINDS.values()], ids=KINDS.values())
def test_a_mistake_in_the_template_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    assert caught_by(mutant, tmp_path) is not None
