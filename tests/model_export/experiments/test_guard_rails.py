"""Guard rails: one look rolls back beyond a bound, and looks without measurements raise and promote nothing."""

import pytest

from nextitem.errors import RegistryError, RegistryUnavailable
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from tests.model_export.experiments.scene import HOUR, START, A, B, Scene
from tests.model_export.experiments.test_lifecycle import WINS


def test_a_breached_guard_rail_rolls_back_within_one_look(scene: Scene) -> None:
    # GIVEN a challenger that answers slowly, without any session that has ended
    scene.start()
    scene.sessions = {CHAMPION: (0, 0), CHALLENGER: (0, 0)}
    scene.measured.values = {"p99_ms": 151.0, "error_rate": 0.0}
    # WHEN the next look comes THEN the champion has everything again
    look = scene.look(0.1)
    assert look is not None
    assert look.decision.reason == "guard rail: p99_ms is 151, at most 150"
    assert (scene.shares, scene.record.outcome) == ({A: 1.0}, "rolled_back")
    assert scene.measured.asked == [(B, START, START + 0.1 * HOUR)]


def test_a_lake_that_cannot_be_read_does_not_delay_a_guard_rail(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_arguments: object) -> None:
        raise RegistryError("the lake cannot be read")

    monkeypatch.setattr("model_export.experiments.live_sessions.read_ended_sessions", unreadable)
    scene.start()
    with pytest.raises(RegistryError, match="lake"):
        scene.look(1)
    scene.measured.values = {"p99_ms": 151.0}
    look = scene.look(1)
    assert look is not None
    assert (scene.shares, scene.record.outcome) == ({A: 1.0}, "rolled_back")
    # No session is claimed as counted
    assert look.sessions_until == START


def test_a_time_with_too_few_requests_is_measured_again_with_the_next(scene: Scene) -> None:
    scene.start()
    scene.measured.values = {}
    scene.look(1)
    scene.look(2)
    assert scene.shares == {A: 0.9, B: 0.1}  # a share never rises without a measurement
    scene.measured.values = {"p99_ms": 100.0}
    scene.look(3)
    scene.look(4)
    hours = [((since - START) / HOUR, (until - START) / HOUR) for _, since, until in scene.measured.asked]
    assert hours == [(0, 1), (0, 2), (0, 3), (3, 4)]
    assert scene.shares == {A: 0.5, B: 0.5}


REFUSED = RegistryUnavailable("CloudWatch does not give the metrics: AccessDenied")


def test_a_look_goes_on_without_guard_rails_and_raises_no_share(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    # GIVEN a better challenger, and CloudWatch that refuses
    scene.start()
    scene.sessions, scene.measured.fault = WINS, REFUSED
    # WHEN looks come THEN they count sessions, say why nothing was measured, and leave the share
    first, second = scene.look(1), scene.look(2)
    assert first is not None
    assert second is not None
    assert (second.unmeasured, second.measured, second.decision.guards[0].value) == (str(REFUSED), {}, None)
    assert second.decision.reason == "p99_ms was not measured"
    assert second.decision.champion.sessions > first.decision.champion.sessions > 0
    assert "the guard rails are unknown: CloudWatch" in caplog.text
    assert scene.shares == {A: 0.9, B: 0.1}
    # AND the next look measures the whole time, and goes on
    scene.measured.fault = None
    third = scene.look(3)
    assert third is not None
    assert (third.unmeasured, third.decision.action) == ("", "raise_share")
    assert scene.measured.asked[-1] == (B, START, START + 3 * HOUR)


def test_without_guard_rails_a_worse_challenger_is_rolled_back_and_none_is_promoted(scene: Scene) -> None:
    # GIVEN a challenger at the last step that proved better, without its guard rails
    scene.start()
    scene.sessions = WINS
    scene.look(1)
    scene.measured.fault = REFUSED
    scene.look(2)
    assert scene.shares == {A: 0.5, B: 0.5}
    # WHEN it loses THEN the champion has everything again
    scene.sessions = {CHAMPION: (6000, 0.9), CHALLENGER: (6000, 0.1)}
    look = scene.look(3)
    assert look is not None
    assert (look.decision.action, look.unmeasured != "") == ("rollback", True)
    assert scene.shares == {A: 1.0}
