"""Scoring schemes: ways to find the best items of a catalogue inside a score graph."""

from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit, FourBit
from model_export.export.schemes.scan import Scan
from model_export.export.schemes.scheme import Scheme

SCHEMES: tuple[Scheme, ...] = (
    Fp32(),
    EightBit(),
    Scan(dims=None, candidates=190),
    FourBit(),
    Scan(dims=128, candidates=190),
    Scan(dims=96, candidates=520),
    Scan(dims=76, candidates=920),
    Scan(dims=64, candidates=720),
    Scan(dims=56, candidates=1000),
    Scan(dims=40, candidates=720),
    *(Ivf(percent) for percent in (0.5, 1, 2, 4, 7, 10, 12, 15, 20)),
)
"""The schemes that the exporter chooses from; of equal cost, the first."""

NAMES = tuple(scheme.name for scheme in SCHEMES)

__all__ = ["NAMES", "SCHEMES", "Scheme"]
