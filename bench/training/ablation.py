"""The effect of each training setting and of each part of the ranking, on the validation days of training events.

    python -m bench.training.ablation [train.csv] [--synthetic] [--only NAME ...] [--json FILE]

The last days of the training events are for validation, and test events are not read: this chooses settings, the
evaluation protocol compares models. `--synthetic` adds the shop simulator and the regimes of `bench.training.regimes`.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from msgspec.structs import replace as replace_weights

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from bench.training.regimes import REGIMES, sessions_of, simulated_sessions
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions
from model_export.memory import Blend, Gate
from model_export.memory.blend import features_of
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.training.blend_targets import BlendTargets
from model_export.training.config import FitConfig
from model_export.training.fit import Validated, validate

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
    "hidden 256": replace(DEFAULTS, hidden=256),
    "two layers": replace(DEFAULTS, layers=2),
    "co-visitation": replace(DEFAULTS, memory_events=1),
}
"""The defaults, and each setting changed alone."""
SIMULATED, PRODUCTS = 10_000, 1500
"""Sessions and products of the shop simulator."""
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


def train_with(name: str, sessions: Sessions, data: str = "") -> tuple[AblationResult, Validated]:
    """Train with a setting and return its result."""
    began = time.process_time()
    validated = validate(sessions, SETTINGS[name], SilentWatcher())
    seconds = time.process_time() - began
    ranking = validated.ranking
    own, both = ranking.accuracy, ranking.blended or ranking.accuracy
    figures = both.hr, both.mrr, own.hr, own.mrr
    return AblationResult(data, name, *figures, validated.epochs, ranking.neighbour_rows, seconds), validated


def parts(validated: Validated) -> dict[str, Accuracy]:
    """Return the accuracy of the ranking without each of its parts."""
    targets, blend = validated.ranking.targets, validated.ranking.blend
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


def _data(events: Path | None, synthetic: bool) -> Iterator[tuple[str, Sessions]]:
    if events is not None:
        yield events.name, read_sessions(events, Layout())
    if synthetic:
        yield "simulator", simulated_sessions(SIMULATED, PRODUCTS)
        for name, regime in REGIMES.items():
            yield name, sessions_of(regime)


def main() -> None:
    """Print the table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("events", type=Path, nargs="?", help="file of events")
    parser.add_argument("--synthetic", action="store_true", help="also the simulator and the regimes")
    parser.add_argument(
        "--only", action="append", choices=list(SETTINGS), help="a setting to measure; may be repeated (default: all)"
    )
    arguments = parser.parse_args()
    print(f"{'':40} HR@20  MRR@20 | network: HR@20  MRR@20  epochs  rows  CPU s", flush=True)
    rows = []
    for data, sessions in _data(arguments.events, arguments.synthetic):
        print(f"{data}: {len(sessions.codes):,} events, {len(sessions.catalogue):,} items", flush=True)
        for name in arguments.only or SETTINGS:
            row, validated = train_with(name, sessions, data)
            rows.append(asdict(row))
            print(
                f"  {name:38} {row.hr:.4f} {row.mrr:.4f} | {row.network_hr:14.4f} {row.network_mrr:.4f} "
                f"{row.epochs:6} {row.neighbour_rows:6.1f} {row.seconds:6.0f}",
                flush=True,
            )
            if name == "defaults":
                for part, accuracy_ in parts(validated).items():
                    rows.append({"data": data, "name": part, "hr": accuracy_.hr, "mrr": accuracy_.mrr})
                    print(f"    {part:36} {accuracy_.hr:.4f} {accuracy_.mrr:.4f}", flush=True)
    write_json({"rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
