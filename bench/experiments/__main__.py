"""Simulated experiments with a look after every batch of sessions: false decisions, and the sessions that a loss needs.

    python -m bench.experiments [--experiments 1000] [--json PATH]

Each experiment is judged twice, on the same sessions: by the always-valid interval that decides, and by the z-test of
fixed size, repeated at every look. The figures follow from the seed alone, up to rounding.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.experiments.interleaved import (
    draw_canary,
    draw_shares,
    make_pool,
    preferred_at,
    preferred_by_peeking,
)
from bench.experiments.simulation import Phase, Scenario, decided_at, decided_by_peeking, draw
from model_export.experiments.decide import Rules

EXPERIMENTS = 1_000
SESSIONS_PER_LOOK = 200
LOOKS = 200
SEED = 11
LOSS = 0.05
RULES = Rules()


def _constant(name: str, rate: float, *, share: float = 0.5, loss: float = 0.0, rare: bool = False) -> Scenario:
    return Scenario(name, (Phase(LOOKS, share, rate),), loss, rare)


FALLING = tuple(
    Phase(looks, share, rate) for looks, share, rate in zip((60, 60, 80), RULES.steps, (0.5, 0.45, 0.4), strict=True)
)
SCENARIOS = (
    _constant("equal, hit rate .4", 0.4),
    _constant("equal, hit rate .7", 0.7),
    _constant("equal, conversion .02", 0.02, rare=True),
    _constant("equal, conversion .005, share .05", 0.005, share=0.05, rare=True),
    Scenario("equal, share rises, hit rate falls", FALLING),
    _constant("5 % worse, hit rate .4", 0.4, loss=LOSS),
    _constant("5 % worse, hit rate .7", 0.7, loss=LOSS),
)

PREFERENCE = Rules(metric="preference")
WORSE_NOISE = 1.36
"""Of the challenger in the simulation of interleaving: it loses about 5 % of the hits."""
INTERLEAVED_EQUAL = "interleaved, equal"
INTERLEAVED_WORSE = "interleaved, 5 % worse"
SAME_CANARY = "canary of the same models"

EQUAL = {scenario.name for scenario in SCENARIOS if not scenario.loss} | {INTERLEAVED_EQUAL}

Found = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The look at which each experiment is decided, and the sign: see `decided_at`."""


@dataclass(frozen=True)
class Row:
    """Figures of a scenario.

    Attributes:
        scenario: its name.
        experiments: number of experiments.
        decided: share of the experiments in which a look found a difference.
        wrong: share in which it was a difference of the wrong sign, or there is none.
        peeking_decided, peeking_wrong: the same by the repeated z-test.
        median_sessions: sessions of both arms until half of the experiments were decided; None if fewer were.
        p90_sessions: likewise for 90 %.
        fixed_sessions: sessions with which a z-test with one look finds the loss in 90 % of experiments.
        decided_by_look: share of the experiments decided up to each look.
        peeking_by_look: the same by the repeated z-test.
    """

    scenario: str
    experiments: int
    decided: float
    wrong: float
    peeking_decided: float
    peeking_wrong: float
    median_sessions: int | None
    p90_sessions: int | None
    fixed_sessions: int | None
    decided_by_look: list[float]
    peeking_by_look: list[float]


def main() -> None:
    """Print the table and write JSON if asked."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--experiments", type=int, default=EXPERIMENTS, help="experiments of a scenario (default: %(default)s)"
    )
    arguments = parser.parse_args()
    rows, interleaved = simulate(arguments.experiments), simulate_interleaving(arguments.experiments)
    _print([*rows, *interleaved])
    document = {
        "seed": SEED,
        "looks": LOOKS,
        "sessions_per_look": SESSIONS_PER_LOOK,
        "rows": [asdict(row) for row in rows],
        "interleaved": [asdict(row) for row in interleaved],
    }
    write_json(document, arguments.json)


def simulate_interleaving(experiments: int) -> list[Row]:
    """Return the figures of interleaved experiments, and of a canary on the same visitors and models."""
    seed = SEED + len(SCENARIOS)
    equal, worse = make_pool(1.0, seed), make_pool(WORSE_NOISE, seed + 1)
    rows = []
    for number, (name, pool, truth) in enumerate(((INTERLEAVED_EQUAL, equal, 0), (INTERLEAVED_WORSE, worse, -1))):
        shares = draw_shares(pool, experiments, LOOKS, SESSIONS_PER_LOOK, seed + 2 + number, equal=truth == 0)
        found = preferred_at(shares, PREFERENCE), preferred_by_peeking(shares, PREFERENCE)
        rows.append(_found_row(name, experiments, truth, *found, None))
    drawn = draw_canary(worse, experiments, LOOKS, SESSIONS_PER_LOOK, seed + 4)
    found = decided_at(drawn, RULES), decided_by_peeking(drawn, RULES)
    rows.append(_found_row(SAME_CANARY, experiments, -1, *found, drawn.fixed_sessions))
    return rows


def simulate(experiments: int, scenarios: Sequence[Scenario] = SCENARIOS) -> list[Row]:
    """Return the figures of all scenarios."""
    return [_row(scenario, experiments, SEED + number) for number, scenario in enumerate(scenarios)]


def _row(scenario: Scenario, experiments: int, seed: int) -> Row:
    drawn = draw(scenario, experiments, SESSIONS_PER_LOOK, seed)
    truth = -1 if scenario.loss else 0
    found = decided_at(drawn, RULES), decided_by_peeking(drawn, RULES)
    return _found_row(scenario.name, experiments, truth, *found, drawn.fixed_sessions)


def _found_row(
    name: str, experiments: int, truth: int, always_valid: Found, peeking: Found, fixed_sessions: int | None
) -> Row:
    """Return the figures of experiments from the look and the sign of what either test finds first in each."""
    (looks, signs), (peeking_looks, peeking_signs) = always_valid, peeking
    total = LOOKS
    return Row(
        scenario=name,
        experiments=experiments,
        decided=_share(signs != 0),
        wrong=_share((signs != 0) & (signs != truth)),
        peeking_decided=_share(peeking_signs != 0),
        peeking_wrong=_share((peeking_signs != 0) & (peeking_signs != truth)),
        median_sessions=_sessions(looks, total, 0.5),
        p90_sessions=_sessions(looks, total, 0.9),
        fixed_sessions=fixed_sessions,
        decided_by_look=[_share(looks <= look) for look in range(total)],
        peeking_by_look=[_share(peeking_looks <= look) for look in range(total)],
    )


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean())


def _sessions(looks: NDArray[np.int64], total: int, share: float) -> int | None:
    look = int(np.quantile(looks, share, method="higher"))
    return (look + 1) * SESSIONS_PER_LOOK if look < total else None


def _print(rows: Sequence[Row]) -> None:
    table = Table(
        "challenger",
        "decided",
        "wrongly",
        "z-test at every look",
        "wrongly",
        "sessions, median",
        "90 %",
        "one look, 90 %",
    )
    for row in rows:
        shares = (row.decided, row.wrong, row.peeking_decided, row.peeking_wrong)
        sessions = (None,) * 3 if row.scenario in EQUAL else (row.median_sessions, row.p90_sessions, row.fixed_sessions)
        table.add_row(
            row.scenario,
            *(f"{share:.1%}" for share in shares),
            *("" if number is None else f"{number:,}" for number in sessions),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
