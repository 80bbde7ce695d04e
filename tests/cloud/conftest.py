"""Stories that several tests look at are played once."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from devstack.cloud.aws_door.authorization import AccessDecision
from devstack.cloud.cloud import LocalCloud
from tests.cloud.allows import Allow, Name, allows
from tests.cloud.matrix import ROWS
from tests.cloud.playing import run

Row = tuple[str, str]


@dataclass
class Played:
    """What a story shows about rights.

    Attributes:
        allows: every Allow of the stack, by its name in decisions.
        decisions: all that were made.
    """

    allows: dict[Name, Allow] = field(default_factory=dict)
    decisions: list[AccessDecision] = field(default_factory=list)

    def note(self, cloud: LocalCloud) -> None:
        """Keep what is there after a step."""
        self.allows |= allows(cloud.deployment)
        self.decisions = cloud.decisions

    @property
    def used(self) -> set[Allow]:
        """The statements that allowed something."""
        names = {name for decision in self.decisions if decision.allowed for name in decision.statements}
        return {self.allows[name] for name in names if name in self.allows}


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Row], Played]:
    """Play the story of a row; a second time return what the first one showed."""
    played: dict[Row, Played] = {}

    def once(row: Row) -> Played:
        if row not in played:
            shown = Played()
            run(ROWS[row], tmp_path_factory.mktemp("story"), watch=shown.note)
            played[row] = shown
        return played[row]

    return once
