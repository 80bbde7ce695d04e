"""How a network is trained, as values that are checked. Imports no torch, so that a wrong one is told at once."""

import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from nextitem.errors import InputError

LossName = Literal["softmax", "sampled-softmax"]
LOSSES: tuple[LossName, ...] = get_args(LossName)

HIDDEN_UNIT = 16
"""The smallest block of MatMulNBits, which must divide the hidden size."""
MAX_SEED = 2**63 - 1
"""The largest that both torch and numpy take."""


@dataclass(frozen=True)
class FitConfig:
    """How to train. The defaults suit shops of some thousand to some ten thousand items."""

    epochs: int = 12
    """Most epochs; early stopping may end sooner."""
    hidden: int = 128
    """Hidden size, a multiple of 16."""
    layers: int = 1
    """GRU layers."""
    loss: LossName = "softmax"
    """What is made small."""
    learning_rate: float = 2e-3
    """Highest learning rate of the one-cycle schedule."""
    batch: int = 64
    """Sessions in a batch."""
    window: int = 50
    """Most transitions of one session in a batch's row."""
    dropout: float = 0.3
    """See `NetworkConfig.dropout`."""
    temperature: float = 0.06
    """See `NetworkConfig.temperature`."""
    normalised: bool = True
    """See `NetworkConfig.normalised`."""
    smoothing: float = 0.0
    """Label smoothing of the softmax loss."""
    patience: int = 3
    """Epochs without a better validation MRR@20 before training stops."""
    validation_days: int = 2
    """Last days of the training data that early stopping is judged by."""
    seed: int = 42
    """Seed of initial weights, order and dropout."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InputError: naming the setting and what it must be.
        """
        for name, fits, rule in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("hidden", self.hidden >= HIDDEN_UNIT and self.hidden % HIDDEN_UNIT == 0, f"a multiple of {HIDDEN_UNIT}"),
            ("layers", self.layers >= 1, "at least 1"),
            ("loss", self.loss in LOSSES, f"one of {', '.join(LOSSES)}"),
            ("learning_rate", 0.0 < self.learning_rate <= 1.0, "above 0 and at most 1"),
            ("batch", self.batch >= 1, "at least 1"),
            ("window", self.window >= 1, "at least 1"),
            ("dropout", 0.0 <= self.dropout < 1.0, "at least 0 and below 1"),
            ("temperature", 0.0 < self.temperature < math.inf, "above 0"),
            ("smoothing", 0.0 <= self.smoothing < 1.0, "at least 0 and below 1"),
            ("patience", self.patience >= 1, "at least 1"),
            ("validation_days", self.validation_days >= 1, "at least 1"),
            ("seed", 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}"),
        ):
            if not fits:
                raise InputError(f"{name.replace('_', ' ')} must be {rule}, not {getattr(self, name)!r}")

    def values(self) -> dict[str, str | int | float | bool]:
        """Return the hyper-parameters by name."""
        return asdict(self)
