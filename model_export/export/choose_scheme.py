"""Which scoring scheme a model gets: each is written, measured against fp32 and weighed by a counted cost.

The cost is counted and not timed, so that the same losses give the same choice on any machine. Knows no run.
"""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from model_export.export.measure_loss import Graphs, Loss, Ranking, Session, loss, rankings
from model_export.export.onnx.parameters import Parameters
from model_export.export.onnx_graphs import WrittenGraphs, write_graphs
from model_export.export.schemes import SCHEMES, Scheme
from model_export.export.schemes.scheme import Floats
from nextitem.errors import InputError
from nextitem.model.manifest import WEIGHTS, Bounds, ConsideredScheme

NODE_US = 2.0
"""Microseconds that ONNX Runtime spends on a small node."""
RESCORED_US = 0.6
"""Microseconds to select, read and rescore one candidate."""
BYTES_PER_US = 20_000
"""Memory that one core reads in a microsecond: 20 GB/s."""
CHANCE_HITS = 3
"""Hits that may be lost under any bound above 0: of few targets, chance alone takes more than a small share."""


class BoundsMissed(InputError):
    """No scheme, or not the pinned one, keeps what is demanded, so there is no artifact."""


@dataclass(frozen=True)
class Choice:
    """The scheme that a model gets.

    Attributes:
        scheme: its name.
        folder: where its graphs are.
        written: what the scheme wrote there.
        graphs: these, opened.
        loss: what it loses.
        considered: the whole table.
    """

    scheme: str
    folder: Path
    written: WrittenGraphs
    graphs: Graphs
    loss: Loss
    considered: tuple[ConsideredScheme, ...]


@dataclass(frozen=True)
class Trial:
    """What schemes are tried on.

    Attributes:
        parameters: the network.
        exact: what its fp32 graphs rank best in these sessions.
        states: float32[n, hidden], states as they are scored, to calibrate by.
        sessions: held-out sessions, to measure on.
        bounds: what may be lost.
    """

    parameters: Parameters
    exact: Sequence[Ranking]
    states: Floats
    sessions: Sequence[Session]
    bounds: Bounds


def named(name: str) -> Scheme:
    """Return a scheme by its name.

    Raises:
        InputError: there is none of that name.
    """
    for scheme in SCHEMES:
        if scheme.name == name:
            return scheme
    raise InputError(f"scheme must be one of {', '.join(one.name for one in SCHEMES)}, not {name!r}")


def choose(trial: Trial, folder: Path, pinned: str | None, progress: Callable[[str], None]) -> Choice:
    """Try the schemes that suit the catalogue's size and take the cheapest that keeps the bounds.

    Args:
        trial: what to try them on.
        folder: where each scheme's folder is made.
        pinned: the only scheme to try, whatever the catalogue's size; None for all.
        progress: told of each scheme, and how far it is.

    Raises:
        BoundsMissed: none keeps the bounds.
        InputError: no scheme has the pinned name.
    """
    items, hidden = trial.parameters.table.shape
    best: tuple[float, Choice] | None = None
    table: list[ConsideredScheme] = []
    missed: list[str] = []
    for scheme in SCHEMES if pinned is None else (named(pinned),):
        refusal = scheme.refusal(items, hidden) if pinned is None else ""
        if refusal:
            table.append(ConsideredScheme(scheme.name, f"not tried: {refusal}"))
            continue
        choice = _tried(trial, scheme, folder / scheme.name, progress)
        refusal = "; ".join(_misses(choice.loss, trial.bounds))
        cost = cost_us(choice.written)
        table.append(
            ConsideredScheme(
                scheme.name,
                refused=refusal,
                cost_us=round(cost, 1),
                bytes=(choice.folder / WEIGHTS).stat().st_size,
                overlap=choice.loss.overlap,
                hr_delta=choice.loss.hr_delta,
                mrr_delta=choice.loss.mrr_delta,
            )
        )
        if refusal:
            missed.append(f"{scheme.name}: {refusal}")
        if refusal or (best is not None and best[0] <= cost):
            shutil.rmtree(choice.folder)  # each is as large as the artifact
            continue
        if best is not None:
            shutil.rmtree(best[1].folder)
        best = cost, choice
    if best is None:
        raise BoundsMissed(f"the export fails its bounds: {' | '.join(missed)}")
    return _with_table(best[1], table)


def cost_us(written: WrittenGraphs) -> float:
    """Return the microseconds that scoring takes by the model: nodes, rescored candidates, bytes of memory."""
    prepared = written.prepared
    return NODE_US * written.nodes + RESCORED_US * prepared.rescored + prepared.traffic / BYTES_PER_US


def _tried(trial: Trial, scheme: Scheme, folder: Path, progress: Callable[[str], None]) -> Choice:
    progress(f"writing {scheme.name}")
    folder.mkdir()
    written = write_graphs(folder, trial.parameters, scheme, trial.states)
    items, hidden = trial.parameters.table.shape
    graphs = Graphs(folder, len(trial.parameters.layers), hidden, items)
    served = rankings(graphs, trial.sessions, items, lambda how_far: progress(f"measuring {scheme.name}: {how_far}"))
    lost = loss(trial.exact, served)
    return Choice(scheme.name, folder, written, graphs, lost, ())


def _misses(found: Loss, bounds: Bounds) -> list[str]:
    chance = CHANCE_HITS / found.targets if found.targets else math.nan
    allowed = max(bounds.hr_delta, chance) if bounds.hr_delta > 0 else bounds.hr_delta
    return [
        f"{what} is {value:.4g}, allowed is {limit:.4g}"
        for what, value, limit in (
            ("top-20 overlap with fp32", found.overlap, bounds.overlap),
            ("the HR@20 delta", found.hr_delta, -allowed),
        )
        if not value >= limit  # so that no NaN passes
    ]


def _with_table(chosen: Choice, table: list[ConsideredScheme]) -> Choice:
    costs = {row.scheme: row.cost_us or 0.0 for row in table}
    rows = [
        row
        if row.refused or row.scheme == chosen.scheme
        else replace(row, refused=f"costs {costs[row.scheme]:.0f} us, {chosen.scheme} {costs[chosen.scheme]:.0f} us")
        for row in table
    ]
    return Choice(chosen.scheme, chosen.folder, chosen.written, chosen.graphs, chosen.loss, tuple(rows))
