"""The effect of each training setting and of each part of the ranking, on the validation days of training events.

    python -m bench.training.ablation train.csv [--only NAME ...] [--json FILE]

The last days of the training events are for validation, and test events are not read: this chooses settings, the
evaluation protocol compares models.
"""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions
from model_export.memory import Blend
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.training.config import FitConfig
from model_export.training.fit import Validated, validate

DEFAULTS = FitConfig()
SETTINGS: dict[str, FitConfig] = {
    "defaults": DEFAULTS,
    "sampled-softmax": replace(DEFAULTS, loss="sampled-softmax"),
    "bpr-max": replace(DEFAULTS, loss="bpr-max"),
    "no unit length": replace(DEFAULTS, normalised=False),
    "temperature .08": replace(DEFAULTS, temperature=0.08),
    "no dropout": replace(DEFAULTS, dropout=0.0),
    "dropout .45": replace(DEFAULTS, dropout=0.45),
    "item dropout .15": replace(DEFAULTS, item_dropout=0.15),
    "smoothing .1": replace(DEFAULTS, smoothing=0.1),
    "popularity prior .2": replace(DEFAULTS, popularity_prior=0.2),
    "popularity prior -.2": replace(DEFAULTS, popularity_prior=-0.2),
    "recency 1.5": replace(DEFAULTS, recency=1.5),
    "weight decay .1": replace(DEFAULTS, weight_decay=0.1),
    "averaging .998": replace(DEFAULTS, averaging=0.998),
    "session-parallel": replace(DEFAULTS, batching="session-parallel"),
    "adagrad": replace(DEFAULTS, optimiser="adagrad", learning_rate=0.05),
    "hidden 96": replace(DEFAULTS, hidden=96),
    "hidden 256": replace(DEFAULTS, hidden=256),
    "two layers": replace(DEFAULTS, layers=2),
    "co-visitation": replace(DEFAULTS, memory_events=1),
    "three teachers": replace(DEFAULTS, teachers=3),
}
"""The defaults, and each setting changed alone."""
DOMINANT = 30.0
"""A difference of weights that removes the effect of the other part."""


@dataclass(frozen=True)
class AblationResult:
    """HR@20 and MRR@20 on the validation days, epochs, and CPU seconds of one epoch."""

    name: str
    hr: float
    mrr: float
    network_hr: float
    network_mrr: float
    epochs: int
    seconds: float


def train_with(name: str, sessions: Sessions) -> tuple[AblationResult, Validated]:
    """Train with a setting and return its result."""
    began = time.process_time()
    validated = validate(sessions, SETTINGS[name], SilentWatcher())
    seconds = (time.process_time() - began) / len(validated.history)
    best = validated.history[validated.epochs - 1]
    both = validated.blended or Accuracy(best.hr, best.mrr)
    return AblationResult(name, both.hr, both.mrr, best.hr, best.mrr, validated.epochs, seconds), validated


def parts(validated: Validated) -> dict[str, Accuracy]:
    """Return the accuracy of the ranking without each of its parts."""
    targets, blend = validated.targets, validated.blend
    if targets is None or blend is None:
        return {}
    without = {
        "memory alone": _replace(blend, weight=blend.weight + DOMINANT),
        "unweighted repeats": _replace(blend, repeat_votes=1.0, repeat_score=0.0),
        "network, repeats and revisits": _replace(blend, weight=targets.level - DOMINANT),
        "no weight for revisits": _replace(blend, revisit=targets.level - DOMINANT),
    }
    return {name: accuracy(targets.ranks(changed)) for name, changed in without.items()}


def _replace(blend: Blend, **changes: float) -> Blend:
    """Return a blend with other weights."""
    return Blend(**{**{name: getattr(blend, name) for name in blend.__struct_fields__}, **changes})


def main() -> None:
    """Print the table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("events", type=Path, help="file of events")
    parser.add_argument(
        "--only", action="append", choices=list(SETTINGS), help="a setting to measure; may be repeated (default: all)"
    )
    arguments = parser.parse_args()
    sessions = read_sessions(arguments.events, Layout())
    print(f"{'':32} HR@20  MRR@20 | network: HR@20  MRR@20  epochs  s/epoch", flush=True)
    rows = []
    for name in arguments.only or SETTINGS:
        row, validated = train_with(name, sessions)
        rows.append(asdict(row))
        print(
            f"{name:32} {row.hr:.4f} {row.mrr:.4f} | {row.network_hr:14.4f} {row.network_mrr:.4f} "
            f"{row.epochs:6} {row.seconds:8.1f}",
            flush=True,
        )
        if name == "defaults":
            for part, accuracy_ in parts(validated).items():
                rows.append({"name": part, "hr": accuracy_.hr, "mrr": accuracy_.mrr})
                print(f"  {part:30} {accuracy_.hr:.4f} {accuracy_.mrr:.4f}", flush=True)
    write_json({"rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
