"""The estimate of a work's rest: measured steps, over all phases."""

from model_export.progress import Estimate, Left, Phase


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_phases_of_a_kind_share_their_measure() -> None:
    # GIVEN two phases of one kind and one of its own
    clock = Clock()
    estimate = Estimate(clock)
    estimate.plan([Phase("validate", 100, "batches"), Phase("memory", 50), Phase("refit", 200, "batches")])
    assert estimate.left() == Left(0.0, ("batches", "memory"))
    # WHEN the first step took long, and the next ten took 20 seconds
    clock.now = 30.0
    estimate.step("validate", 1)
    assert estimate.left() == Left(0.0, ("batches", "memory"))
    clock.now = 50.0
    estimate.step("validate", 11)
    # THEN the other 89 and the 200 of its kind are estimated without the first step, and the third is named
    assert estimate.left() == Left(2.0 * (89 + 200), ("memory",))
    # WHEN the first phase is over early, and five steps of the second took one second
    estimate.plan([Phase("memory", 50), Phase("refit", 20, "batches")])
    clock.now = 60.0
    estimate.step("memory", 1)
    clock.now = 61.0
    estimate.step("memory", 6)
    # THEN nothing is left of the first, and the third has become shorter
    assert estimate.left() == Left(0.2 * 44 + 2.0 * 20, ())


def test_a_phase_without_a_plan_is_not_estimated() -> None:
    estimate = Estimate(Clock())
    estimate.step("writing", 3)
    assert estimate.left() == Left(0.0, ())
    assert estimate.units("writing") is None


def test_nothing_is_left_after_more_steps_than_planned() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.plan([Phase("searching", 3)])
    clock.now = 4.0
    estimate.step("searching", 4)
    assert estimate.left() == Left(0.0, ())


def test_a_step_is_counted_once() -> None:
    # GIVEN ten steps of a second each, reported one by one
    clock = Clock()
    estimate = Estimate(clock)
    estimate.plan([Phase("validate", 30)])
    for done in range(1, 11):
        clock.now += 1.0
        estimate.step("validate", done)
    # THEN the other twenty take a second each
    assert estimate.left() == Left(20.0, ())
