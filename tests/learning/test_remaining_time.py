"""A run ends before Lambda ends it."""

from dataclasses import dataclass

from learning.remaining_time import is_over_before


@dataclass
class Remaining:
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def test_a_run_is_over_once_less_time_is_left_than_is_kept() -> None:
    context = Remaining(60_000)
    is_over = is_over_before(context, 60.0)
    assert not is_over()
    context.milliseconds = 59_999
    assert is_over()
