"""What each training switch and each part of the answer brings, on the validation days of training events.

    python -m bench.training.ablation train.csv [--only NAME ...] [--json FILE]

The events' last days are only judged by, and no test event is read: settings are chosen here, claims made elsewhere.
"""

import argparse
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.common.results import write_json
from model_export.data.columns import Columns
from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.memory import Blend
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.training.config import FitConfig
from model_export.training.fit import Validated, validate

DEFAULTS = FitConfig()
SWITCHES: dict[str, FitConfig] = {
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
"""Each switch beside the defaults."""
ALONE = 30.0
"""A weight that leaves nothing of the other side."""


@dataclass(frozen=True)
class Row:
    """One line of the table: HR@20 and MRR@20 on the validation, epochs, and processor seconds of one epoch."""

    name: str
    hr: float
    mrr: float
    network_hr: float
    network_mrr: float
    epochs: int
    seconds: float


class Silent:
    """Watches a training and says nothing."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """See `Watcher`."""

    def epoch(self, stage: str, epoch: object) -> None:
        """See `Watcher`."""

    def blend(self, accuracy: object) -> None:
        """See `Watcher`."""


def measured(name: str, sessions: Sessions) -> tuple[Row, Validated]:
    """Train with a switch and return its line."""
    began = time.process_time()
    found = validate(sessions, SWITCHES[name], Silent())
    seconds = (time.process_time() - began) / len(found.history)
    best = found.history[found.epochs - 1]
    both = found.blended or Accuracy(best.hr, best.mrr)
    return Row(name, both.hr, both.mrr, best.hr, best.mrr, found.epochs, seconds), found


def parts(found: Validated) -> dict[str, Accuracy]:
    """Return what parts of the answer reach: each without one thing."""
    targets, blend = found.targets, found.blend
    if targets is None or blend is None:
        return {}
    without = {
        "memory alone": replaced(blend, weight=blend.weight + ALONE),
        "repeats as they come": replaced(blend, repeat_votes=1.0, repeat_score=0.0),
        "network, repeats and revisits": replaced(blend, weight=targets.level - ALONE),
        "no weight for revisits": replaced(blend, revisit=targets.level - ALONE),
    }
    return {name: accuracy(targets.ranks(one)) for name, one in without.items()}


def replaced(blend: Blend, **changes: float) -> Blend:
    """Return a blend with other weights."""
    return Blend(**{**{name: getattr(blend, name) for name in blend.__struct_fields__}, **changes})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("--only", action="append", choices=list(SWITCHES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sessions = read_sessions(given.events, Columns())
    print(f"{'':32} HR@20  MRR@20 | network: HR@20  MRR@20  epochs  s/epoch", flush=True)
    rows = []
    for name in given.only or SWITCHES:
        row, found = measured(name, sessions)
        rows.append(asdict(row))
        print(
            f"{name:32} {row.hr:.4f} {row.mrr:.4f} | {row.network_hr:14.4f} {row.network_mrr:.4f} "
            f"{row.epochs:6} {row.seconds:8.1f}",
            flush=True,
        )
        if name == "defaults":
            for part, reached in parts(found).items():
                rows.append({"name": part, "hr": reached.hr, "mrr": reached.mrr})
                print(f"  {part:30} {reached.hr:.4f} {reached.mrr:.4f}", flush=True)
    if given.json:
        write_json({"rows": rows}, given.json)


if __name__ == "__main__":
    main()
