"""The GRU as torch trains it; `export.build_graphs` builds the same function for serving.

One table is both the input embedding and the scoring matrix (tied). With `normalised`, scores are cosines of rows and
hidden state, divided by a fixed temperature (NISER, Gupta et al. 2019, arXiv 1909.04276). Popular items then cannot win
by the length of their rows.

Where events are of several types, the row of an event's type is added to its item's row at the GRU's input. The rows of
types begin with zeros, so that training begins as it does without them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class NetworkConfig:
    """The network's shape."""

    items: int
    """Items in the catalogue."""
    hidden: int = 128
    """Hidden size, which is also the length of an item's row: a multiple of 16."""
    layers: int = 1
    """GRU layers."""
    normalised: bool = True
    """Score by cosine instead of inner product."""
    temperature: float = 0.06
    """Divides the cosine."""
    dropout: float = 0.3
    """Share of each event's row, and of each hidden state before scoring, zeroed in training."""
    item_dropout: float = 0.0
    """Share of events whose row is zeroed whole in training."""
    networks: int = 1
    """Networks that were merged to this one, see `merge`: each has its part of a row and of a hidden state."""
    types: int = 1
    """Types of events. With one type there is nothing to learn about it, and no weights."""


class Network(nn.Module):
    """Item codes -> hidden states -> scores."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Parameter(torch.empty(config.items, config.hidden))
        self.gru = nn.GRU(config.hidden, config.hidden, config.layers, batch_first=True)
        self.drop = nn.Dropout(config.dropout)
        nn.init.normal_(self.table, std=config.hidden**-0.5)
        self.types: nn.Parameter | None = None
        if config.types > 1:
            self.types = nn.Parameter(torch.zeros(config.types, config.hidden))

    def rows(self) -> Tensor:
        """Return the table as inputs and scores use it, float32[items, hidden]."""
        if not self.config.normalised:
            return self.table
        return self._normalised(self.table) / math.sqrt(self.config.networks)

    def gather(self, items: Tensor, rows: Tensor | None) -> Tensor:
        """Return the rows of some items, float32[..., hidden].

        Args:
            items: int64[...].
            rows: the table from `rows`; None to compute only the rows of these items, which is faster for few of many.
        """
        if rows is not None:
            return functional.embedding(items, rows)
        own = functional.embedding(items, self.table)
        return self._normalised(own) / math.sqrt(self.config.networks) if self.config.normalised else own

    def forward(self, items: Tensor, rows: Tensor | None, types: Tensor | None = None) -> Tensor:
        """Return the hidden state after each event of whole sessions.

        Args:
            items: int64[batch, time] item codes, right-padded with any code.
            rows: see `gather`.
            types: int64[batch, time] type codes; None if all events are views.

        Returns:
            float32[batch, time, hidden], of the last layer.
        """
        return self.step(items, rows, None, types)[0]

    def step(
        self, items: Tensor, rows: Tensor | None, before: Tensor | None, types: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the hidden state after each event, and the last state of each layer.

        Args:
            items: see `forward`.
            rows: see `forward`.
            before: float32[layers, batch, hidden], the initial hidden state; None for zeros.
            types: see `forward`.

        Returns:
            The result of `forward`, and float32[layers, batch, hidden].
        """
        inputs = self.gather(items, rows)
        if self.training and self.config.item_dropout:
            kept = torch.rand(items.shape, device=items.device) >= self.config.item_dropout
            inputs = inputs * kept.unsqueeze(-1)
        if self.types is not None:
            inputs = inputs + functional.embedding(torch.zeros_like(items) if types is None else types, self.types)
        states: Tensor
        after: Tensor
        states, after = self.gru(self.drop(inputs), before)
        return states, after

    def scored(self, states: Tensor) -> Tensor:
        """Return hidden states, float32[n, hidden], as scores multiply them with rows."""
        states = self.drop(states)
        if not self.config.normalised:
            return states / self.config.networks
        return self._normalised(states) / (self.config.temperature * math.sqrt(self.config.networks))

    def _normalised(self, values: Tensor) -> Tensor:
        parts = values.view(*values.shape[:-1], self.config.networks, -1)
        return functional.normalize(parts, dim=-1).view_as(values)

    def scores(self, states: Tensor, rows: Tensor) -> Tensor:
        """Return the logits of some rows.

        Args:
            states: float32[n, hidden].
            rows: float32[m, hidden], from `rows`.

        Returns:
            float32[n, m].
        """
        return self.scored(states) @ rows.T
