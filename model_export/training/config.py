"""How a network is trained, as values that are checked. Imports no torch, so that a wrong one is told at once."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from nextitem.errors import InputError

LossName = Literal["auto", "softmax", "sampled-softmax", "bpr-max"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
OptimiserName = Literal["adamw", "adagrad"]
OPTIMISERS: tuple[OptimiserName, ...] = get_args(OptimiserName)
Batching = Literal["padded", "session-parallel"]
BATCHINGS: tuple[Batching, ...] = get_args(Batching)
Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

HIDDEN_UNIT = 16
"""The smallest block of MatMulNBits, which must divide the hidden size."""
MAX_SEED = 2**63 - 1
"""The largest that both torch and numpy take."""
MAX_RECENCY = 10.0
"""The newest sessions then count 22,000 times the oldest: beyond it nothing is left to learn from."""
BY_DATA = 0
"""Stands for a number that `defaults.for_data` chooses by the size of the data."""


@dataclass(frozen=True)
class FitConfig:
    """How to train. What is `BY_DATA` or "auto" is chosen by `defaults.for_data`; the rest suits most shops."""

    epochs: int = BY_DATA
    """Most epochs; early stopping may end sooner."""
    hidden: int = 128
    """HiddenState size, a multiple of 16."""
    layers: int = 1
    """GRU layers."""
    loss: LossName = "auto"
    """What is made small: see `losses`."""
    optimiser: OptimiserName = "adamw"
    """What follows the gradients."""
    learning_rate: float = 4e-3
    """Highest learning rate of the one-cycle schedule."""
    batching: Batching = "padded"
    """Whole sessions beside each other, or lanes that play session after session, one event of each at a time: see
    `lanes`."""
    batch: int = BY_DATA
    """Sessions in a batch, or lanes."""
    window: int = 50
    """Most transitions of one session in a batch's row."""
    dropout: float = 0.3
    """See `NetworkConfig.dropout`."""
    item_dropout: float = 0.0
    """Share of events whose row is left out whole in training, so that no single event is relied on."""
    temperature: float = 0.06
    """See `NetworkConfig.temperature`."""
    normalised: bool = True
    """See `NetworkConfig.normalised`."""
    smoothing: float = 0.0
    """Label smoothing of the softmax loss."""
    samples: int = 2048
    """Negative items that the sampled losses draw for each batch."""
    sampling_power: float = 0.5
    """Negatives are drawn by their count to this power: 0 draws all alike, 1 by popularity."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser: AdamW's is decoupled."""
    averaging: float = 0.0
    """Decay per step of an exponential moving average of the weights, which is then the model; 0 for none."""
    popularity_prior: float = 0.0
    """Power of an item's share of events that training raises its probability by, and serving does not: above 0 popular
    items are recommended less, below 0 more (logit adjustment, Menon et al. 2021, arXiv 2007.07314)."""
    recency: float = 0.0
    """How much more new sessions count: the newest exp(recency) times the oldest, by rank of their start."""
    teachers: int = 0
    """Networks of other seeds that are trained first and whose mean answer this one learns too, by a softmax loss: see
    `distilling`."""
    distillation: float = 0.5
    """What of the loss is the teachers', where there are any."""
    precision: Precision = "auto"
    """Of the products with the table. "auto" is bfloat16 where the processor multiplies it itself."""
    memory_sessions: int = 200_000
    """Newest sessions that the session memory keeps; 0 for no memory, the network alone."""
    memory_events: int = 10
    """Newest events of a session that its memory is asked by; 1 makes it a table of what follows one item."""
    patience: int = 3
    """Epochs without a better validation (see `Accuracy.objective`) before training stops."""
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
            ("epochs", self.epochs >= 0, "at least 1, or 0 for as many as suit the data"),
            ("hidden", self.hidden >= HIDDEN_UNIT and self.hidden % HIDDEN_UNIT == 0, f"a multiple of {HIDDEN_UNIT}"),
            ("layers", self.layers >= 1, "at least 1"),
            ("loss", self.loss in LOSSES, f"one of {', '.join(LOSSES)}"),
            ("optimiser", self.optimiser in OPTIMISERS, f"one of {', '.join(OPTIMISERS)}"),
            ("batching", self.batching in BATCHINGS, f"one of {', '.join(BATCHINGS)}"),
            ("learning_rate", 0.0 < self.learning_rate <= 1.0, "above 0 and at most 1"),
            ("batch", self.batch >= 0, "at least 1, or 0 for as many as suit the data"),
            ("window", self.window >= 1, "at least 1"),
            ("dropout", 0.0 <= self.dropout < 1.0, "at least 0 and below 1"),
            ("item_dropout", 0.0 <= self.item_dropout < 1.0, "at least 0 and below 1"),
            ("temperature", 0.0 < self.temperature < math.inf, "above 0"),
            ("smoothing", 0.0 <= self.smoothing < 1.0, "at least 0 and below 1"),
            ("samples", self.samples >= 1, "at least 1"),
            ("sampling_power", 0.0 <= self.sampling_power <= 1.0, "0 to 1"),
            ("weight_decay", 0.0 <= self.weight_decay < math.inf, "at least 0"),
            ("averaging", 0.0 <= self.averaging < 1.0, "at least 0 and below 1"),
            ("popularity_prior", -1.0 <= self.popularity_prior <= 1.0, "-1 to 1"),
            ("recency", 0.0 <= self.recency <= MAX_RECENCY, f"0 to {MAX_RECENCY:g}"),
            ("teachers", self.teachers >= 0, "at least 0"),
            ("teachers", not self.teachers or self.loss != "bpr-max", "0 with the loss bpr-max"),
            ("teachers", not self.teachers or self.batching == "padded", "0 with session-parallel batches"),
            (
                "distillation",
                not self.teachers or self.distillation + self.smoothing <= 1.0,
                "at most what smoothing leaves of 1",
            ),
            ("distillation", 0.0 <= self.distillation <= 1.0, "0 to 1"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("memory_sessions", self.memory_sessions >= 0, "at least 0"),
            ("memory_events", self.memory_events >= 1, "at least 1"),
            ("patience", self.patience >= 1, "at least 1"),
            ("validation_days", self.validation_days >= 1, "at least 1"),
            ("seed", 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}"),
        ):
            if not fits:
                raise InputError(f"{name.replace('_', ' ')} must be {rule}, not {getattr(self, name)!r}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(field.name for field in fields(cls))

    def values(self) -> dict[str, str | int | float | bool]:
        """Return the hyper-parameters by name."""
        return asdict(self)
