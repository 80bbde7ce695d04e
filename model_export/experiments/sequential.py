"""Intervals for the difference of two arms that hold at all looks together, however often one looks.

A fixed interval is right at one look that was chosen in advance; with every further look it is wrong more often. A
confidence sequence is a series of intervals, one a look, that contain the true difference at *all* looks with the
probability of its level. So a decision may be made at any look.

This is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences" (Annals of Statistics 52(6), 2024; arXiv:2103.06476), whose boundary
is Robbins' normal mixture. Decision 34 says why it is not a library, and which sum it is applied to: the difference of
the arms within each look, so that neither a change of the shares nor of the base rate biases it.
"""

from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
PLANNED_SESSIONS = 20_000
"""Sessions of both arms together, in equal shares, at which the intervals are the narrowest they can be."""

Floats = NDArray[np.float64]


class ArmSums(NamedTuple):
    """The sessions of one arm that ended between two looks: float64[..., looks] each, over the last axis.

    Attributes:
        sessions: number of sessions.
        outcomes: sum of their outcomes.
        squares: sum of the squares of their outcomes.
    """

    sessions: Floats
    outcomes: Floats
    squares: Floats


class Intervals(NamedTuple):
    """Estimates and the bounds of their confidence sequence, float64[..., looks] each.

    ``value`` is NaN and the bounds are infinite where the sessions so far say nothing: one arm has none, or all
    outcomes are the same.
    """

    value: Floats
    low: Floats
    high: Floats


def difference(
    champion: ArmSums, challenger: ArmSums, *, level: float = LEVEL, planned_sessions: float = PLANNED_SESSIONS
) -> Intervals:
    """Return the challenger's mean outcome less the champion's, with all sessions up to each look.

    Args:
        champion: its sessions by look.
        challenger: the same, of the same looks.
        level: the probability that all intervals together contain the true difference, above 0 and below 1.
        planned_sessions: must be chosen before the first look; see `PLANNED_SESSIONS`.

    Example:
        >>> halves = ArmSums(np.full(3, 1e4), np.full(3, 5e3), np.full(3, 5e3))
        >>> [column.round(3).tolist() for column in difference(halves, halves)]
        [[0.0, 0.0, 0.0], [-0.021, -0.015, -0.013], [0.021, 0.015, 0.013]]
    """
    sums = _Accumulated(champion, challenger)
    width = np.sqrt(sums.boundary(level, planned_sessions) * (sums.champion_spread + sums.challenger_spread))
    known = width > 0
    weight = np.where(known, sums.weight, 1.0)
    value = (sums.challenger - sums.champion) / weight
    return _where(known, value, value - width / weight, value + width / weight)


def relative_difference(
    champion: ArmSums, challenger: ArmSums, *, level: float = LEVEL, planned_sessions: float = PLANNED_SESSIONS
) -> Intervals:
    """Return the challenger's mean outcome relative to the champion's, less 1: -0.05 is a loss of 5 %.

    Takes the same as `difference`. The interval holds each r that the confidence sequence of the challenger's outcome
    less (1 + r) times the champion's does not exclude (Fieller's method). So it excludes 0 exactly where the interval
    of `difference` does. Nothing is known as long as the champion's mean may be 0.
    """
    sums = _Accumulated(champion, challenger)
    boundary = sums.boundary(level, planned_sessions)
    # The factors c with (challenger - c champion)^2 <= boundary (challenger_spread + c^2 champion_spread)
    square = sums.champion**2 - boundary * sums.champion_spread
    product = sums.champion * sums.challenger
    constant = sums.challenger**2 - boundary * sums.challenger_spread
    root = np.sqrt(np.maximum(product**2 - square * constant, 0.0))
    known = (square > 0) & (boundary * (sums.champion_spread + sums.challenger_spread) > 0)
    square = np.where(known, square, 1.0)
    value = sums.challenger / np.where(known, sums.champion, 1.0)
    return _where(known, value - 1.0, (product - root) / square - 1.0, (product + root) / square - 1.0)


def mean(sums: ArmSums, *, level: float = LEVEL, planned_sessions: float = PLANNED_SESSIONS) -> Intervals:
    """Return the mean outcome of sessions that are not compared with others, with all sessions up to each look.

    Takes sums as `difference` does, of outcomes from -1 to 1. It is the same confidence sequence, of one sum.
    """
    sessions, outcomes, squares = (np.cumsum(column, axis=-1) for column in sums)
    divisor = np.maximum(sessions, 1.0)
    value = outcomes / divisor
    correction = divisor / np.maximum(divisor - 1.0, 1.0)  # the mean is estimated from the same sessions
    variance = np.maximum(squares / divisor - value**2, 0.0) * correction
    known = (sessions > 0) & (variance > 0)
    width = np.sqrt(boundary(sessions, planned_sessions, level) * variance / divisor)
    return _where(known, value, value - width, value + width)


def boundary(weight: Floats, planned: float, level: float) -> Floats:
    """Return the bound of (a sum less its expectation)^2 / (its variance) at all looks; 0 where the weight is 0.

    Args:
        weight: of the sum, which is proportional to its variance.
        planned: the weight at which the bound is narrowest.
        level: see `difference`.
    """
    alpha = 1.0 - level
    # The closed approximation of the parameter for which the boundary is narrowest at that weight (in the appendix
    # of the paper).
    mixture = planned / (-2.0 * log(alpha) + log(1.0 - 2.0 * log(alpha)))
    compared = weight > 0
    weight = np.where(compared, weight, 1.0)
    bound = (weight + mixture) / weight * np.log((weight + mixture) / (mixture * alpha**2))
    return np.where(compared, bound, 0.0)


class _Accumulated:
    """Sums over looks of w (mean of the arm within the look), where w = n0 n1 / (n0 + n1).

    w is proportional to what a look knows about a difference (Mantel and Haenszel's weights). Only sessions of the same
    look are compared, so a base rate that changes between looks cancels, also if the shares change with it.

    Attributes:
        weight: sum of w, float64[..., looks], like all others.
        champion, challenger: the weighted sums.
        champion_spread, challenger_spread: estimates of their variances.
    """

    def __init__(self, champion: ArmSums, challenger: ArmSums) -> None:
        total = champion.sessions + challenger.sessions
        both = (champion.sessions > 0) & (challenger.sessions > 0)
        # A look without sessions in one arm compares nothing: its divisors are 1 and its sums 0
        total = np.where(both, total, 1.0)
        shares = [np.where(both, arm.sessions, 0.0) / total for arm in (champion, challenger)]
        centre = (champion.outcomes + challenger.outcomes) / total
        correction = total / np.maximum(total - 1.0, 1.0)  # the centre is estimated from the same sessions

        squares = [  # around the centre; rounding may bring one below 0
            np.maximum(arm.squares - 2.0 * centre * arm.outcomes + centre**2 * arm.sessions, 0.0)
            for arm in (champion, challenger)
        ]
        pooled = (squares[0] + squares[1]) / total

        def spread(own: Floats, sessions: Floats, other_share: Floats) -> Floats:
            # A small arm of a rare outcome may have none yet: alone, its variance would be 0
            scale = other_share**2 * correction
            return np.maximum(np.cumsum(own * scale, axis=-1), np.cumsum(pooled * sessions * scale, axis=-1))

        self.weight: Floats = np.cumsum(shares[0] * shares[1] * total, axis=-1)
        self.champion: Floats = np.cumsum(champion.outcomes * shares[1], axis=-1)
        self.challenger: Floats = np.cumsum(challenger.outcomes * shares[0], axis=-1)
        self.champion_spread = spread(squares[0], champion.sessions, shares[1])
        self.challenger_spread = spread(squares[1], challenger.sessions, shares[0])

    def boundary(self, level: float, planned_sessions: float) -> Floats:
        """Return the bound of (a weighted sum less its expectation)^2 / (its variance) at all looks; 0 before any."""
        # Two equal arms have a weight of a quarter of their sessions
        return boundary(self.weight, planned_sessions / 4.0, level)


def _where(known: NDArray[np.bool_], value: Floats, low: Floats, high: Floats) -> Intervals:
    return Intervals(np.where(known, value, np.nan), np.where(known, low, -np.inf), np.where(known, high, np.inf))
