"""The time and the memory that a training with defaults takes, beside what `nextitem train` expects.

    python -m bench.training.minutes [--sessions 200000] [--items 40000] [--minutes 25] [--json FILE]

The events are synthetic: the time depends on their number, and not on what visitors do. The rates of
`model_export.training.defaults` come from this.
"""

import resource
import time
from dataclasses import asdict, dataclass

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.watcher import SilentWatcher
from bench.training.regimes import Regime, sessions_of
from model_export.data.sessions import Sessions
from model_export.training.config import FitConfig
from model_export.training.defaults import DataShape, complete_config, expected_seconds
from model_export.training.fit import fit


@dataclass(frozen=True)
class MinutesResult:
    """Sizes, what the defaults chose, minutes expected and taken, and the process's largest memory."""

    events: int
    items: int
    networks: int
    epochs: int
    loss: str
    expected: float
    taken: float
    gib: float


def measure(sessions: Sessions, config: FitConfig) -> MinutesResult:
    """Train on sessions and return what it took."""
    complete = complete_config(config, sessions)
    began = time.monotonic()
    fit(sessions, config, SilentWatcher())
    taken = time.monotonic() - began
    return MinutesResult(
        events=len(sessions.codes),
        items=len(sessions.catalogue),
        networks=complete.networks,
        epochs=complete.epochs,
        loss=complete.loss,
        expected=expected_seconds(complete, DataShape.of(sessions)) / 60,
        taken=taken / 60,
        gib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    )


def main() -> None:
    """Print the result."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=200_000, help="sessions (default: %(default)s)")
    parser.add_argument("--items", type=int, default=40_000, help="items (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=FitConfig.minutes, help="see `nextitem train --minutes`")
    options = parser.parse_args()
    sessions = sessions_of(Regime(options.sessions, options.items))
    result = measure(sessions, FitConfig(minutes=options.minutes))
    print(
        f"{result.events:,} events, {result.items:,} items: {result.networks} networks, {result.epochs} epochs of "
        f"{result.loss}: {result.taken:.1f} minutes ({result.expected:.1f} expected), "
        f"at most {result.gib:.1f} GiB"
    )
    write_json({"rows": [asdict(result)]}, options.json)


if __name__ == "__main__":
    main()
