"""Smooth a value over time: an exponentially weighted mean (Roberts, 1959), for measurements at any times."""


def smoothed(before: float | None, value: float, hours: float, half_life: float) -> float:
    """Return the mean after one more value.

    Args:
        before: the mean before it; None for the first value.
        value: the value.
        hours: since the mean before, not negative.
        half_life: hours after which a value weighs half.

    Example:
        >>> smoothed(0.0, 1.0, hours=24, half_life=24)
        0.5
    """
    if before is None:
        return value
    weight = 1 - float(0.5 ** (hours / half_life))
    return before + weight * (value - before)
