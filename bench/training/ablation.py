"""The effect of each training setting and of each part of the ranking, on the validation days of training events.

    python -m bench.training.ablation [train.csv] [--synthetic NAME ...] [--only NAME ...] [--json FILE]

The last days of the training events are for validation, and test events are not read: this chooses settings, the
evaluation protocol compares models. `--synthetic simulator` is the shop simulator, other names are regimes of
`bench.training.regimes`. A network that several settings have in common is trained once, and its seconds count in each.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from msgspec.structs import replace as replace_weights

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from bench.training.additions import additions
from bench.training.regimes import REGIMES, sessions_of, simulated_sessions
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions
from model_export.memory import Blend, Gate
from model_export.memory.blend import features_of
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.training.blend_targets import BlendTargets
from model_export.training.config import FitConfig
from model_export.training.defaults import complete_config, network_configs
from model_export.training.fit import ValidatedNetwork, split_for_validation, validate_network
from model_export.training.fit_ranking import Ranking, Recalled, choose_ranking, choose_recall
from model_export.training.merge import merged
from model_export.training.network import Network

DEFAULTS = FitConfig()
SETTINGS: dict[str, FitConfig] = {
    "defaults": DEFAULTS,
    "one network": replace(DEFAULTS, networks=1),
    "padded alone": replace(DEFAULTS, batching="padded"),
    "session-parallel alone": replace(DEFAULTS, batching="session-parallel"),
    "four networks": replace(DEFAULTS, networks=4),
    "no rows of neighbours": replace(DEFAULTS, neighbour_rows=0.0),
    "full softmax": replace(DEFAULTS, loss="softmax"),
    "bpr-max": replace(DEFAULTS, loss="bpr-max"),
    "no unit length": replace(DEFAULTS, normalised=False),
    "temperature .08": replace(DEFAULTS, temperature=0.08),
    "no dropout": replace(DEFAULTS, dropout=0.0),
    "dropout .45": replace(DEFAULTS, dropout=0.45),
    "item dropout .15": replace(DEFAULTS, item_dropout=0.15),
    "popularity prior .2": replace(DEFAULTS, popularity_prior=0.2),
    "recency 1.5": replace(DEFAULTS, recency=1.5),
    "weight decay .1": replace(DEFAULTS, weight_decay=0.1),
    "averaging .998": replace(DEFAULTS, averaging=0.998),
    "hidden 128": replace(DEFAULTS, hidden=128),
    "hidden 192": replace(DEFAULTS, hidden=192),
    "two layers": replace(DEFAULTS, layers=2),
    "co-visitation": replace(DEFAULTS, memory_events=1),
}
"""The defaults, and each setting changed alone."""
SIMULATED, PRODUCTS = 10_000, 1500
"""Sessions and products of the shop simulator."""
OF_RANKING = ("networks", "neighbour_rows", "memory_sessions", "memory_events", "minutes")
"""Settings that change no network."""
DOMINANT = 30.0
"""A difference of weights that removes the effect of the other part."""


@dataclass(frozen=True)
class AblationResult:
    """HR@20 and MRR@20 on the validation days, epochs, share of neighbours' rows, and CPU seconds of the validation."""

    data: str
    name: str
    hr: float
    mrr: float
    network_hr: float
    network_mrr: float
    epochs: int
    neighbour_rows: float
    seconds: float


class Shop:
    """Sessions of a shop, and what was trained on all but its last days.

    Args:
        data: a name for the results.
        sessions: the training sessions.
    """

    def __init__(self, data: str, sessions: Sessions) -> None:
        self.data, self._sessions = data, sessions
        split, self.held_out = split_for_validation(sessions, DEFAULTS)
        self.train = split.train
        self._networks: dict[FitConfig, tuple[ValidatedNetwork, float]] = {}
        self._recalled: dict[tuple[int, int], tuple[Recalled, float]] = {}

    def result(self, name: str) -> tuple[AblationResult, Network, Ranking]:
        """Train with a setting; return its result, the merged network and how it ranks."""
        config = complete_config(SETTINGS[name], self._sessions)
        networks, training = zip(*(self._network(each) for each in network_configs(config)), strict=True)
        network = merged([each.network for each in networks])
        recalled, recalling = self.recalled(config) if config.memory_sessions else (None, 0.0)
        began = time.process_time()
        ranking = choose_ranking(network, self.train, self.held_out, config, SilentWatcher().step, recalled)
        seconds = sum(training) + recalling + time.process_time() - began
        own, both = ranking.accuracy, ranking.blended or ranking.accuracy
        epochs = sum(each.best.number for each in networks)
        figures = both.hr, both.mrr, own.hr, own.mrr, epochs, ranking.neighbour_rows, seconds
        return AblationResult(self.data, name, *figures), network, ranking

    def recalled(self, config: FitConfig) -> tuple[Recalled, float]:
        """Return what a session memory recalls, and the CPU seconds that took."""
        key = config.memory_sessions, config.memory_events
        if key not in self._recalled:
            began = time.process_time()
            recalled = choose_recall(self.train, self.held_out, config, SilentWatcher().step)
            self._recalled[key] = recalled, time.process_time() - began
        return self._recalled[key]

    def _network(self, config: FitConfig) -> tuple[ValidatedNetwork, float]:
        key = replace(config, **{name: getattr(DEFAULTS, name) for name in OF_RANKING})
        if key not in self._networks:
            began = time.process_time()
            network = validate_network(self.train, self.held_out, config, "", SilentWatcher())
            self._networks[key] = network, time.process_time() - began
        return self._networks[key]


def parts(ranking: Ranking) -> dict[str, Accuracy]:
    """Return the accuracy of a ranking without each of its parts."""
    targets, blend = ranking.targets, ranking.blend
    if targets is None or blend is None:
        return {}
    level = blend.scale * targets.level
    without = {
        "memory alone": replace_weights(blend, weight=Gate(level + DOMINANT)),
        "unweighted repeats": replace_weights(blend, repeat_votes=1.0, repeat=Gate()),
        "network, repeats and revisits": replace_weights(blend, weight=Gate(level - DOMINANT)),
        "no weight for revisits": replace_weights(blend, revisit=Gate(level - DOMINANT)),
        "the same weights for all sessions": _without_gates(blend, targets),
    }
    return {name: accuracy(targets.ranks(changed)) for name, changed in without.items()}


def _without_gates(blend: Blend, targets: BlendTargets) -> Blend:
    """Return a blend with each gate's mean weight over the targets."""
    votes = np.where(targets.ages == 0, targets.votes * np.float32(blend.repeat_votes), targets.votes)
    shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    features = features_of(shares, targets.ages, targets.events)
    gates = {name: Gate(float(getattr(blend, name).of(features).mean())) for name in ("weight", "repeat", "revisit")}
    return replace_weights(blend, **gates)


def add_shops(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `shops`."""
    parser.add_argument("events", type=Path, nargs="?", help="file of events")
    parser.add_argument(
        "--synthetic", nargs="+", choices=["simulator", *REGIMES], default=[], help="also shops that are made up"
    )


def shops(events: Path | None, synthetic: list[str]) -> Iterator[tuple[str, Sessions]]:
    """Yield the name and the sessions of each shop."""
    if events is not None:
        yield events.name, read_sessions(events, Layout())
    for name in synthetic:
        yield name, sessions_of(REGIMES[name]) if name in REGIMES else simulated_sessions(SIMULATED, PRODUCTS)


def main() -> None:
    """Print the table."""
    parser = benchmark_parser(__doc__)
    add_shops(parser)
    parser.add_argument(
        "--additions", action="store_true", help="also measure further parts, which no model has, beside each setting"
    )
    parser.add_argument(
        "--only", action="append", choices=list(SETTINGS), help="a setting to measure; may be repeated (default: all)"
    )
    arguments = parser.parse_args()
    print(f"{'':40} HR@20  MRR@20 | network: HR@20  MRR@20  epochs  rows  CPU s", flush=True)
    rows = []
    for data, sessions in shops(arguments.events, arguments.synthetic):
        print(f"{data}: {len(sessions.codes):,} events, {len(sessions.catalogue):,} items", flush=True)
        shop = Shop(data, sessions)
        for name in arguments.only or SETTINGS:
            row, network, ranking = shop.result(name)
            rows.append(asdict(row))
            print(
                f"  {name:38} {row.hr:.4f} {row.mrr:.4f} | {row.network_hr:14.4f} {row.network_mrr:.4f} "
                f"{row.epochs:6} {row.neighbour_rows:6.1f} {row.seconds:6.0f}",
                flush=True,
            )
            of_parts = parts(ranking) if name == "defaults" else {}
            if arguments.additions:
                votes = shop.recalled(SETTINGS[name])[0].votes
                arguments_ = network, shop.train, shop.held_out, votes, ranking.neighbour_rows, DEFAULTS.seed
                of_parts |= dict(additions(*arguments_))
            for part, accuracy_ in of_parts.items():
                rows.append({"data": data, "setting": name, "name": part, "hr": accuracy_.hr, "mrr": accuracy_.mrr})
                print(f"    {part:36} {accuracy_.hr:.4f} {accuracy_.mrr:.4f}", flush=True)
    write_json({"rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
