"""Several session vectors that are trained together, measured beside one vector: no model has them.

    python -m bench.training.intents [train.csv] [--synthetic NAME ...] [--intents N ...] [--json FILE]

As in MiaSRec (Choi et al. 2024, arXiv 2405.00986), each of the newest events gets a session vector that is centred on
it. Here the vector after the newest event is that of the GRU; one that is centred on an earlier event adds a learned
map of both states and of that event's row. A learned gate weighs the vectors, and an item's score is the log of their
weighted sum of exponentials, so the vector that suits an item best decides. With one vector it is the network as it is,
trained by the same loop, so that the rows of a table differ in nothing else.

Every row is one network of 128 on padded batches, the best of its epochs, measured on the validation days: alone, and
blended with the session memory, where each half of the targets has the fit of the other half.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from bench.training.ablation import add_shops, shops
from bench.training.additions import measured_targets, with_addition
from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy
from model_export.training.batches import Batch, Batches
from model_export.training.config import FitConfig
from model_export.training.defaults import complete_config
from model_export.training.fit import split_for_validation
from model_export.training.fit_ranking import choose_recall
from model_export.training.network import Network, NetworkConfig
from model_export.training.trainer import CLIP_NORM, WARMUP, network_config, seeded
from model_export.training.validation_metrics import network_accuracy

SETTINGS = FitConfig(networks=1, hidden=128, batching="padded", neighbour_rows=0.0)
FEW_TARGETS = 384
"""Targets whose scores are computed at a time."""


class IntentNetwork(Network):
    """A network whose hidden states hold several vectors and their gates.

    Args:
        config: of the network.
        intents: number of vectors, of the newest events; 1 for the network as it is.
    """

    def __init__(self, config: NetworkConfig, intents: int) -> None:
        super().__init__(config)
        self.intents = intents
        if intents > 1:
            self.centre = nn.Linear(3 * config.hidden, config.hidden, bias=False)
            self.ages = nn.Parameter(torch.zeros(intents, config.hidden))
            self.gate = nn.Linear(3 * config.hidden, 1, bias=False)
            self.gates = nn.Parameter(-torch.arange(float(intents)))

    def forward(self, items: Tensor, rows: Tensor | None, types: Tensor | None = None) -> Tensor:
        """Return float32[batch, time, intents * (hidden + 1)]: the vectors, then the logarithms of their weights."""
        states = super().forward(items, rows, types)
        if self.intents == 1:
            return states
        inputs = self.drop(self.gather(items, rows))
        vectors, gates = [states], [self.gates[:1].expand(*states.shape[:2], 1)]
        for age in range(1, self.intents):
            there = functional.pad(torch.ones_like(items[:, age:], dtype=torch.bool), (min(age, items.shape[1]), 0))
            earlier, centred = (_shifted(values, age) for values in (states, inputs))
            about = torch.cat([states, earlier, centred], dim=-1)
            vectors.append(states + self.centre(about) + self.ages[age])
            gate = self.gate(about) + self.gates[age]
            gates.append(gate.masked_fill(~there.unsqueeze(-1), -torch.inf))
        return torch.cat([*vectors, torch.cat(gates, dim=-1).log_softmax(dim=-1)], dim=-1)

    def scores(self, states: Tensor, rows: Tensor) -> Tensor:
        """Return the logits of some rows, float32[n, m], see `Network.scores`."""
        if self.intents == 1:
            return super().scores(states, rows)
        parts = [self._mixed(part, rows) for part in torch.split(states, FEW_TARGETS)]
        return torch.cat(parts)

    def own_scores(self, states: Tensor, rows: Tensor) -> Tensor:
        """Return the logit of one row for each state, float32[n], of rows float32[n, hidden]."""
        vectors, gates = self._parts(states)
        return torch.logsumexp((self.scored(vectors) * rows.unsqueeze(1)).sum(dim=-1) + gates, dim=1)

    def _mixed(self, states: Tensor, rows: Tensor) -> Tensor:
        vectors, gates = self._parts(states)
        return torch.logsumexp(self.scored(vectors) @ rows.T + gates.unsqueeze(-1), dim=1)

    def _parts(self, states: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.config.hidden
        if self.intents == 1:
            return states.unsqueeze(1), states.new_zeros(len(states), 1)
        vectors, gates = torch.split(states, [self.intents * hidden, self.intents], dim=-1)
        return vectors.reshape(len(states), self.intents, hidden), gates


@dataclass(frozen=True)
class IntentsResult:
    """HR@20 and MRR@20 on the validation days, blended and of the network alone, and CPU seconds of the training."""

    data: str
    intents: int
    hr: float
    mrr: float
    network_hr: float
    network_mrr: float
    seconds: float


def trained(train: Sessions, held_out: Sessions, config: FitConfig, intents: int) -> tuple[IntentNetwork, Accuracy]:
    """Train a network, and return it as it was after its best epoch, with its accuracy then.

    Args:
        train: the sessions that it learns from.
        held_out: later sessions, over the same catalogue.
        config: complete settings.
        intents: see `IntentNetwork`.
    """
    rng = seeded(config.seed)
    network = IntentNetwork(network_config(config, len(train.catalogue), len(train.types)), intents)
    batches = Batches(train, config.batch, config.window)
    counts = np.bincount(train.codes, minlength=len(train.catalogue)) + 1.0
    share = torch.from_numpy((counts**config.sampling_power).astype(np.float32))
    share /= share.sum()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0, fused=True)
    steps = config.epochs * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, steps, pct_start=WARMUP)
    best, weights = Accuracy(0.0, 0.0), network.state_dict()
    for _ in range(config.epochs):
        network.train()
        for batch in batches.epoch(rng):
            loss = _loss(network, batch, share, config.samples, of_all_items=config.loss == "softmax")
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimiser.step()
            schedule.step()
        reached = network_accuracy(network, held_out)
        if reached.objective > best.objective:
            best, weights = reached, {name: values.clone() for name, values in network.state_dict().items()}
    network.load_state_dict(weights)
    return network.eval(), best


def results(data: str, sessions: Sessions, intents: list[int]) -> Iterator[IntentsResult]:
    """Yield the result of each number of vectors on a shop's validation days."""
    config = complete_config(SETTINGS, sessions)
    split, held_out = split_for_validation(sessions, config)
    votes = choose_recall(split.train, held_out, config, SilentWatcher().step).votes
    for count in intents:
        began = time.process_time()
        network, alone = trained(split.train, held_out, config, count)
        seconds = time.process_time() - began
        both = with_addition(measured_targets(network, votes, held_out, config.seed), None)
        yield IntentsResult(data, count, both.hr, both.mrr, alone.hr, alone.mrr, seconds)


def main() -> None:
    """Print the table."""
    parser = benchmark_parser(__doc__)
    add_shops(parser)
    parser.add_argument("--intents", type=int, nargs="+", default=[1, 2, 4], help="numbers of session vectors")
    arguments = parser.parse_args()
    print("vectors  HR@20  MRR@20 | network: HR@20  MRR@20   CPU s", flush=True)
    rows = []
    for data, sessions in shops(arguments.events, arguments.synthetic):
        print(f"{data}: {len(sessions.codes):,} events, {len(sessions.catalogue):,} items", flush=True)
        for row in results(data, sessions, arguments.intents):
            rows.append(asdict(row))
            alone = f"{row.network_hr:14.4f}  {row.network_mrr:.4f}"
            print(f"{row.intents:7} {row.hr:.4f}  {row.mrr:.4f} | {alone} {row.seconds:7.0f}", flush=True)
    write_json({"settings": asdict(SETTINGS), "rows": rows}, arguments.json)


def _shifted(values: Tensor, age: int) -> Tensor:
    """Return the values of `age` events ago, zeros where there was none."""
    return functional.pad(values[:, : max(values.shape[1] - age, 0)], (0, 0, min(age, values.shape[1]), 0))


def _loss(network: IntentNetwork, batch: Batch, share: Tensor, samples: int, *, of_all_items: bool) -> Tensor:
    """Return the mean cross-entropy: of all items, or of the target and samples, with the logQ correction."""
    rows = network.rows() if of_all_items else None
    states = network(batch.inputs, rows, batch.types)[batch.mask]
    targets = batch.targets[batch.mask]
    if rows is not None:
        return functional.cross_entropy(network.scores(states, rows), targets)
    negatives = torch.multinomial(share, samples, replacement=True)
    others = network.scores(states, network.gather(negatives, None)) - (share[negatives] * samples).log()
    others = others.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
    logits = torch.cat([network.own_scores(states, network.gather(targets, None)).unsqueeze(1), others], dim=1)
    return functional.cross_entropy(logits, torch.zeros_like(targets))


if __name__ == "__main__":
    main()
