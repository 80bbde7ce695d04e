"""How far two distributions over the same bins are apart, and how far chance alone would bring them (decision 41).

PSI is the population stability index, the sum of (p - q) ln(p / q): the symmetric Kullback-Leibler divergence of
Jeffreys (1946). Jensen-Shannon is the divergence of Lin (1991), in bits: 0 for equal shares, 1 for disjoint ones.

Two samples of one distribution have a PSI above 0. To second order it is the quadratic form sum(d^2 / p) of the
difference d of their shares, whose mean and variance follow from the covariance of the shares (Yurdakul, 2018, for
independent events). Events of a session depend on each other, so the covariance is that of shares of a sample of
clusters, as in the second-order correction of Rao and Scott (1984). Its upper quantile is that of a scaled chi-square
distribution with the same mean and variance (Satterthwaite), by the approximation of Wilson and Hilferty.
"""

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CONFIDENCE = 0.999
"""Probability that two samples of one distribution stay below `Divergence.bound`."""
HALF = 0.5
"""Added to each count, so that an empty bin has a logarithm."""
CHUNK = 8_192
"""Sessions whose counts are in memory at a time."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Counts of events by bin, float64[bins], and the covariance of their shares, float64[bins, bins]."""

    counts: Floats
    covariance: Floats

    @property
    def total(self) -> float:
        """All events."""
        return float(self.counts.sum())


@dataclass(frozen=True)
class Divergence:
    """A comparison of two samples.

    Attributes:
        psi: the population stability index.
        expected: its mean if both were samples of one distribution.
        bound: a value that it then exceeds once in a thousand times.
        jensen_shannon: the Jensen-Shannon divergence in bits, from 0 to 1.
    """

    psi: float
    expected: float
    bound: float
    jensen_shannon: float

    @property
    def excess(self) -> float:
        """The PSI beyond its expectation; 0 unless chance alone hardly explains it."""
        return self.psi - self.expected if self.psi > self.bound else 0.0


def sample_of(owners: Codes, codes: Codes, bins: int) -> Sample:
    """Return the sample of some events.

    Args:
        owners: int64[events], the session of each event, ascending.
        codes: int64[events], the bin of each event.
        bins: number of bins.
    """
    counts = np.bincount(codes, minlength=bins).astype(np.float64)
    total = max(counts.sum(), 1.0)
    shares = counts / total
    covariance = np.zeros((bins, bins))
    sessions = int(owners[-1]) + 1 if len(owners) else 0
    for first in range(0, sessions, CHUNK):
        begin, end = np.searchsorted(owners, (first, first + CHUNK))
        rows = min(CHUNK, sessions - first)
        places = (owners[begin:end] - first) * bins + codes[begin:end]
        by_session = np.bincount(places, minlength=rows * bins).reshape(rows, bins).astype(np.float64)
        residuals = by_session - by_session.sum(axis=1, keepdims=True) * shares
        covariance += residuals.T @ residuals
    return Sample(counts, covariance * (sessions / max(sessions - 1, 1) / total**2))


def counted_like(counts: Floats, sample: Sample) -> Sample:
    """Return a sample of which only the counts are known: its events depend on each other like those of another."""
    return Sample(counts, sample.covariance * (sample.total / max(float(counts.sum()), 1.0)))


def compare(reference: Sample, sample: Sample) -> Divergence:
    """Compare two samples over the same bins, none of which is nearly empty in the reference."""
    before, after = _shares(reference), _shares(sample)
    middle = (before + after) / 2
    scaled = (reference.covariance + sample.covariance) / np.sqrt(np.outer(middle, middle))
    mean, variance = float(np.trace(scaled)), 2 * float((scaled**2).sum())
    return Divergence(psi(before, after), mean, _upper_quantile(mean, variance), jensen_shannon(before, after))


def psi(before: Floats, after: Floats) -> float:
    """Return the population stability index of two lists of positive shares.

    Example:
        >>> round(psi(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 4)
        0.0405
    """
    return float(((after - before) * np.log(after / before)).sum())


def jensen_shannon(before: Floats, after: Floats) -> float:
    """Return the Jensen-Shannon divergence of two lists of positive shares, in bits."""
    middle = (before + after) / 2
    parts = before * np.log(before / middle) + after * np.log(after / middle)
    return float(parts.sum()) / 2 / log(2)


def _shares(sample: Sample) -> Floats:
    counts = sample.counts + HALF
    shares: Floats = counts / counts.sum()
    return shares


def _upper_quantile(mean: float, variance: float) -> float:
    """Return the quantile of a scaled chi-square distribution with a mean and a variance."""
    if variance <= 0:
        return mean
    freedom = 2 * mean**2 / variance
    step = 2 / (9 * freedom)
    return mean * (1 - step + NormalDist().inv_cdf(CONFIDENCE) * sqrt(step)) ** 3
