"""The settings of a training. Imports no torch, which takes seconds: wrong settings are reported at once."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from nextitem.errors import InputError

LossName = Literal["auto", "softmax", "sampled-softmax", "bpr-max"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
OptimiserName = Literal["adamw", "adagrad"]
OPTIMISERS: tuple[OptimiserName, ...] = get_args(OptimiserName)
Batching = Literal["auto", "padded", "session-parallel"]
BATCHINGS: tuple[Batching, ...] = get_args(Batching)
Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

HIDDEN_UNIT = 16
"""The smallest block of MatMulNBits, which must divide the hidden size."""
MAX_SEED = 2**63 - 1
"""The largest seed that both torch and numpy take."""
MAX_RECENCY = 10.0
"""The newest sessions then weigh 22,000 times as much as the oldest: with more, too few would count."""
MAX_NETWORKS = 8
"""More would make a request slower than they are worth."""
BY_VALIDATION = -1.0
"""Stands for a number that is chosen on the validation days."""
BY_DATA = 0
"""Stands for a number that `defaults.complete_config` chooses by the size of the data."""


@dataclass(frozen=True)
class FitConfig:
    """The settings. `defaults.complete_config` replaces `BY_DATA` and "auto"; the other defaults suit most shops."""

    epochs: int = BY_DATA
    """Maximum epochs; early stopping may end sooner."""
    minutes: float = 25.0
    """Minutes that the training may take on two cores, by `defaults.expected_seconds`."""
    networks: int = BY_DATA
    """Networks that serve as one: see `merge`."""
    hidden: int = BY_DATA
    """Hidden size of each network, a multiple of 16."""
    layers: int = 1
    """GRU layers."""
    loss: LossName = "auto"
    """The loss function: see `losses`."""
    optimiser: OptimiserName = "adamw"
    """The optimiser."""
    learning_rate: float = 4e-3
    """Highest learning rate of the one-cycle schedule."""
    batching: Batching = "auto"
    """Whole sessions beside each other, or lanes that play session after session: see `session_parallel`. "auto" takes
    both in turn, network by network: they err in different ways."""
    batch: int = BY_DATA
    """Sessions in a batch, or lanes."""
    window: int = 50
    """Maximum transitions of one session in a row of a batch."""
    dropout: float = 0.3
    """See `NetworkConfig.dropout`."""
    item_dropout: float = 0.0
    """Share of events whose whole row is zeroed in training, so that the network relies on no single event."""
    temperature: float = 0.06
    """See `NetworkConfig.temperature`."""
    normalised: bool = True
    """See `NetworkConfig.normalised`."""
    smoothing: float = 0.0
    """Label smoothing of the softmax loss."""
    samples: int = 2048
    """Negative items that the sampled losses draw for each batch."""
    sampling_power: float = 0.5
    """Negatives are drawn by their count to this power: 0 is uniform, 1 is by popularity."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser: AdamW's is decoupled."""
    averaging: float = 0.0
    """Decay per step of an exponential moving average of the weights, which is then the model; 0 for none."""
    popularity_prior: float = 0.0
    """Logit adjustment (Menon et al. 2021, arXiv 2007.07314): in training, not in serving, an item's probability is
    multiplied by its share of the events to this power. Above 0 popular items are recommended less, below 0 more."""
    type_weight: str = ""
    """Weights of the targets in the loss by the type of their event, such as purchase=4,cart=2; other types have 1."""
    recency: float = 0.0
    """The newest session weighs exp(recency) times as much as the oldest, others in between by rank of their start."""
    precision: Precision = "auto"
    """Type of the products with the table. "auto" is bfloat16 if the hardware multiplies it."""
    neighbour_rows: float = BY_VALIDATION
    """Share of the mean row of an item's neighbours in sessions that is added to its row: see `neighbour_rows`."""
    memory_sessions: int = 200_000
    """Newest sessions that the session memory keeps; 0 for no memory."""
    memory_events: int = 10
    """Newest events of a session that the memory searches with; with 1, a table of the items that follow an item."""
    patience: int = 3
    """Epochs without a better validation (see `Accuracy.objective`) before training stops."""
    validation_days: int = 2
    """Last days of the training data, which validate each epoch."""
    seed: int = 42
    """Seed of initial weights, order and dropout."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: a value is out of range.
        """
        for name, fits, rule in (
            ("epochs", self.epochs >= 0, "at least 1, or 0 for as many as suit the data"),
            ("minutes", 0.0 < self.minutes < math.inf, "above 0"),
            ("networks", 0 <= self.networks <= MAX_NETWORKS, f"1 to {MAX_NETWORKS}, or 0 for as many as time allows"),
            (
                "hidden",
                self.hidden >= 0 and self.hidden % HIDDEN_UNIT == 0,
                f"a multiple of {HIDDEN_UNIT}, or 0 for what suits the data",
            ),
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
            ("type_weight", _weights(self.type_weight) is not None, "type=weight such as purchase=4, each above 0"),
            ("recency", 0.0 <= self.recency <= MAX_RECENCY, f"0 to {MAX_RECENCY:g}"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            (
                "neighbour_rows",
                self.neighbour_rows == BY_VALIDATION or 0.0 <= self.neighbour_rows < math.inf,
                "at least 0, or -1 for what the validation finds best",
            ),
            ("memory_sessions", self.memory_sessions >= 0, "at least 0"),
            ("memory_events", self.memory_events >= 1, "at least 1"),
            ("patience", self.patience >= 1, "at least 1"),
            ("validation_days", self.validation_days >= 1, "at least 1"),
            ("seed", 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}"),
        ):
            if not fits:
                raise InputError(f"{name.replace('_', ' ')} must be {rule}, not {getattr(self, name)!r}")

    @property
    def type_weights(self) -> dict[str, float]:
        """The weights of `type_weight` by type."""
        return _weights(self.type_weight) or {}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(field.name for field in fields(cls))

    def values(self) -> dict[str, str | int | float | bool]:
        """Return the hyper-parameters by name."""
        return asdict(self)


def _weights(text: str) -> dict[str, float] | None:
    """Return the weights of `FitConfig.type_weight`; None if the text is no list of them."""
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = (piece.strip() for piece in part.rpartition("="))
        try:
            weight = float(number)
        except ValueError:
            return None
        if not (name and 0.0 < weight < math.inf) or name in weights:
            return None
        weights[name] = weight
    return weights
