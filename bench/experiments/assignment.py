"""Simulated assignments with a look after every batch of sessions: false alarms, and the sessions that a fault needs.

    python -m bench.experiments.assignment [--experiments 1000] [--json PATH]

The figures follow from the seed alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from model_export.experiments.assignment import MISMATCH_LEVEL, assignment_p_values
from model_export.experiments.decide import Rules
from model_export.experiments.sequential import Floats

EXPERIMENTS = 1_000
SESSIONS_PER_LOOK = 200
LOOKS = 200
SEED = 23
RISING = Rules().steps


@dataclass(frozen=True)
class Scenario:
    """Experiments of one kind.

    Attributes:
        name: for the table.
        shares: the challenger's, each for the same number of looks.
        lost: the part of the challenger's sessions that is not counted.
    """

    name: str
    shares: tuple[float, ...]
    lost: float = 0.0


SCENARIOS = (
    Scenario("right, share .05", (0.05,)),
    Scenario("right, share .5", (0.5,)),
    Scenario("right, share rises", RISING),
    Scenario("all lost, share .05", (0.05,), 1.0),
    Scenario("a tenth lost, share .05", (0.05,), 0.1),
    Scenario("a tenth lost, share rises", RISING, 0.1),
    Scenario("a tenth lost, share .5", (0.5,), 0.1),
)


@dataclass(frozen=True)
class Row:
    """Figures of a scenario.

    Attributes:
        scenario: its name.
        experiments: number of experiments.
        found: share of the experiments in which a look found a mismatch.
        median_sessions: assigned sessions until half of the experiments had found it; None if fewer had.
    """

    scenario: str
    experiments: int
    found: float
    median_sessions: int | None


def main() -> None:
    """Print the table and write JSON if asked."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--experiments", type=int, default=EXPERIMENTS, help="experiments of a scenario (default: %(default)s)"
    )
    arguments = parser.parse_args()
    rows = [simulate(scenario, arguments.experiments, SEED + number) for number, scenario in enumerate(SCENARIOS)]
    _print(rows)
    document = {"seed": SEED, "looks": LOOKS, "sessions_per_look": SESSIONS_PER_LOOK, "rows": list(map(asdict, rows))}
    write_json(document, arguments.json)


def simulate(scenario: Scenario, experiments: int, seed: int, looks: int = LOOKS) -> Row:
    """Draw the sessions of experiments, and look for a mismatch after each batch."""
    p_values = assignment_p_values(np.array(scenario.shares), *_draw(scenario, experiments, looks, seed))
    found = p_values < MISMATCH_LEVEL
    first = np.where(found.any(axis=1), found.argmax(axis=1), looks)
    median = int(np.quantile(first, 0.5, method="higher"))
    sessions = (median + 1) * SESSIONS_PER_LOOK if median < looks else None
    return Row(scenario.name, experiments, float(found.any(axis=1).mean()), sessions)


def _draw(scenario: Scenario, experiments: int, looks: int, seed: int) -> tuple[Floats, Floats]:
    """Return the counted sessions of both arms, float64[experiments, looks, shares]."""
    rng = np.random.default_rng(seed)
    shares = len(scenario.shares)
    champion, challenger = np.zeros((2, experiments, looks, shares))
    at_look = np.arange(looks) * shares // looks
    for look, number in enumerate(at_look):
        assigned = rng.binomial(SESSIONS_PER_LOOK, scenario.shares[number], experiments)
        champion[:, look, number] = SESSIONS_PER_LOOK - assigned
        challenger[:, look, number] = rng.binomial(assigned, 1.0 - scenario.lost)
    return champion, challenger


def _print(rows: Sequence[Row]) -> None:
    table = Table("assignment", "mismatch found", "sessions, median")
    for row in rows:
        sessions = "" if row.median_sessions is None else f"{row.median_sessions:,}"
        table.add_row(row.scenario, f"{row.found:.1%}", sessions)
    Console().print(table)


if __name__ == "__main__":
    main()
