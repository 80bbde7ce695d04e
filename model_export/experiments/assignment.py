"""Check that the arms of an experiment get the shares they should have, at all looks together.

If they do not (sample ratio mismatch), sessions are missing in one arm, or counted in the wrong one, and then no
comparison of the arms can be trusted.

Under the null hypothesis each session is the challenger's with its share, independently. This is the mixture
martingale of Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022; arXiv:2011.03567)
for two arms: the likelihood of the counts under a beta distribution of shares, divided by their likelihood under the
share. It starts again at each share that the experiment has: a product of martingales is one, too. By Ville's
inequality it exceeds 1 / p at any look with a probability of p at most.
"""

from collections.abc import Sequence
from math import lgamma

import msgspec
import numpy as np

from model_export.experiments.sequential import Floats

MISMATCH_LEVEL = 0.001
"""Maximum probability that any look of an experiment finds a mismatch where there is none."""
CONCENTRATION = 1_000.0
"""Of the beta distribution around the share: a challenger that gets nothing of its 5 % is found within 1,000 sessions,
and small deviations take little longer than with a higher one."""


class AssignedSessions(msgspec.Struct, frozen=True):
    """The sessions that ended between two looks and had begun at one share, with or without an outcome."""

    share: float
    champion: int
    challenger: int


class AssignmentEvidence(msgspec.Struct, frozen=True):
    """Sessions assigned to the arms so far.

    Attributes:
        champion: sessions.
        challenger: sessions.
        challenger_expected: sessions that it should have of the sum of both.
        p_value: always valid: it never rises from look to look.
        mismatch: whether it is below `MISMATCH_LEVEL`.
    """

    champion: int
    challenger: int
    challenger_expected: float
    p_value: float
    mismatch: bool


def check_assignment(looks: Sequence[Sequence[AssignedSessions]]) -> AssignmentEvidence:
    """Compare the sessions of both arms, by look and share, with the shares.

    Example:
        >>> check_assignment([[AssignedSessions(0.5, 510, 490)]]).mismatch
        False
        >>> check_assignment([[AssignedSessions(0.5, 700, 300)]]).mismatch
        True
    """
    shares = sorted({part.share for look in looks for part in look})
    counts = np.zeros((2, len(looks), len(shares)))
    for number, look in enumerate(looks):
        for part in look:
            counts[:, number, shares.index(part.share)] += (part.champion, part.challenger)
    champion, challenger = counts
    known = np.array(shares)
    p_values = assignment_p_values(known, champion, challenger)
    p_value = float(p_values[-1]) if len(looks) else 1.0
    return AssignmentEvidence(
        champion=int(champion.sum()),
        challenger=int(challenger.sum()),
        challenger_expected=float((counts.sum(axis=(0, 1)) * known).sum()),
        p_value=p_value,
        mismatch=p_value < MISMATCH_LEVEL,
    )


def assignment_p_values(shares: Floats, champion: Floats, challenger: Floats) -> Floats:
    """Return the always-valid p-value at each look, float64[..., looks].

    Args:
        shares: float64[shares], the challenger's, above 0 and below 1.
        champion: float64[..., looks, shares], its sessions since the look before.
        challenger: the same.
    """
    of_champion, of_challenger = np.cumsum(champion, axis=-2), np.cumsum(challenger, axis=-2)
    prior_champion, prior_challenger = CONCENTRATION * (1.0 - shares), CONCENTRATION * shares
    mixture = _log_beta(prior_champion + of_champion, prior_challenger + of_challenger)
    mixture = mixture - _log_beta(prior_champion, prior_challenger)
    null = of_champion * np.log1p(-shares) + of_challenger * np.log(shares)
    evidence = (mixture - null).sum(axis=-1)
    return np.minimum.accumulate(np.exp(-np.maximum(evidence, 0.0)), axis=-1)


_log_gamma = np.vectorize(lgamma, otypes=[np.float64])  # SciPy's would cost 143 MB in the functions


def _log_beta(first: Floats, second: Floats) -> Floats:
    return np.asarray(_log_gamma(first) + _log_gamma(second) - _log_gamma(first + second), np.float64)
