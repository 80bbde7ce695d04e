"""Choose a model's scoring scheme: write each, measure it against fp32 and compute its cost.

The cost is counted and not timed, so the same losses give the same choice on any machine.
"""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import WrittenGraphs, write_graphs
from model_export.export.graph_runner import Floats, GraphRunner
from model_export.export.measure_loss import Loss, RankedTarget, compare, rank_sessions
from model_export.export.onnx.parameters import Parameters
from model_export.export.schemes import SCHEMES, Scheme
from model_export.progress import Work
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
    """No scheme, or not the pinned one, keeps the bounds, so there is no artifact."""


@dataclass(frozen=True)
class SelectionData:
    """The data on which schemes are tried.

    Attributes:
        parameters: the network.
        exact: the fp32 graphs' top 20 and target ranks in these sessions.
        states: float32[n, hidden], states as they are scored, to calibrate with.
        sessions: held-out sessions, to measure on.
        bounds: the maximum losses.
    """

    parameters: Parameters
    exact: Sequence[RankedTarget]
    states: Floats
    sessions: Sequence[SessionEvents]
    bounds: Bounds


@dataclass(frozen=True)
class TriedScheme:
    """A scheme whose graphs are written and measured."""

    name: str
    folder: Path
    written: WrittenGraphs
    graphs: GraphRunner
    loss: Loss

    @property
    def cost_us(self) -> float:
        """See `cost_us`."""
        return cost_us(self.written)


@dataclass(frozen=True)
class Choice:
    """The chosen scheme, and the whole table for the manifest."""

    scheme: TriedScheme
    considered: tuple[ConsideredScheme, ...]


def find_scheme(name: str) -> Scheme:
    """Return a scheme by its name.

    Raises:
        InputError: no scheme has that name.
    """
    for scheme in SCHEMES:
        if scheme.name == name:
            return scheme
    raise InputError(f"scheme must be one of {', '.join(scheme.name for scheme in SCHEMES)}, not {name!r}")


def choose(data: SelectionData, folder: Path, pinned: str | None, progress: Work) -> Choice:
    """Try the schemes that suit the catalogue's size and take the cheapest that keeps the bounds.

    Args:
        data: the data on which to try them.
        folder: where each scheme's folder is made.
        pinned: the only scheme to try, whatever the catalogue's size; None for all.
        progress: follows the phases.

    Raises:
        BoundsMissed: no scheme keeps the bounds.
        InputError: no scheme has the pinned name.
    """
    best: TriedScheme | None = None
    table: list[ConsideredScheme] = []
    tried_schemes = schemes_to_try(data.parameters, pinned)
    for scheme in SCHEMES if pinned is None else tried_schemes:
        if scheme not in tried_schemes:
            refusal = scheme.refusal(*data.parameters.table.shape)
            table.append(ConsideredScheme(scheme.name, f"not tried: {refusal}"))
            continue
        tried = _try_scheme(data, scheme, folder / scheme.name, progress)
        refusal = "; ".join(_misses(tried.loss, data.bounds))
        table.append(_considered(tried, refusal))
        if refusal or (best is not None and best.cost_us <= tried.cost_us):
            shutil.rmtree(tried.folder)  # each is as large as the artifact
            continue
        if best is not None:
            shutil.rmtree(best.folder)
        best = tried
    if best is None:
        missed = (f"{row.scheme}: {row.refused}" for row in table if row.cost_us is not None)
        remedy = "relax --min-overlap or --max-hr-loss"
        raise BoundsMissed(f"the export fails its bounds: {' | '.join(missed)}; {remedy}")
    return Choice(best, tuple(_with_costs(row, best) for row in table))


def schemes_to_try(parameters: Parameters, pinned: str | None) -> tuple[Scheme, ...]:
    """Return the pinned scheme, or all that suit the catalogue's size.

    Raises:
        InputError: no scheme has the pinned name.
    """
    if pinned is not None:
        return (find_scheme(pinned),)
    return tuple(scheme for scheme in SCHEMES if not scheme.refusal(*parameters.table.shape))


def measuring(scheme: Scheme) -> str:
    """Return the name of the phase that measures a scheme."""
    return f"measuring {scheme.name}"


def cost_us(written: WrittenGraphs) -> float:
    """Return the counted microseconds of scoring: of nodes, rescored candidates and bytes of memory."""
    prepared = written.prepared
    return NODE_US * written.nodes + RESCORED_US * prepared.rescored + prepared.traffic / BYTES_PER_US


def _try_scheme(data: SelectionData, scheme: Scheme, folder: Path, progress: Work) -> TriedScheme:
    progress.begin(f"writing {scheme.name}")
    folder.mkdir()
    written = write_graphs(folder, data.parameters, scheme, data.states)
    items, hidden = data.parameters.table.shape
    graphs = GraphRunner(folder, len(data.parameters.layers), hidden, items)
    served = rank_sessions(graphs, data.sessions, items, lambda done: progress.step(measuring(scheme), done))
    return TriedScheme(scheme.name, folder, written, graphs, compare(data.exact, served))


def _misses(loss: Loss, bounds: Bounds) -> list[str]:
    chance = CHANCE_HITS / loss.targets if loss.targets else math.nan
    allowed = max(bounds.hr_delta, chance) if bounds.hr_delta > 0 else bounds.hr_delta
    return [
        f"{name} is {value:.4g}, allowed is {limit:.4g}"
        for name, value, limit in (
            ("top-20 overlap with fp32", loss.overlap, bounds.overlap),
            ("the HR@20 delta", loss.hr_delta, -allowed),
        )
        if not value >= limit  # so that no NaN passes
    ]


def _considered(tried: TriedScheme, refusal: str) -> ConsideredScheme:
    return ConsideredScheme(
        tried.name,
        refused=refusal,
        cost_us=round(tried.cost_us, 1),
        bytes=(tried.folder / WEIGHTS).stat().st_size,
        overlap=tried.loss.overlap,
        hr_delta=tried.loss.hr_delta,
        mrr_delta=tried.loss.mrr_delta,
    )


def _with_costs(row: ConsideredScheme, chosen: TriedScheme) -> ConsideredScheme:
    """Give the reason why a scheme that keeps the bounds was not chosen."""
    if row.refused or row.scheme == chosen.name or row.cost_us is None:
        return row
    return replace(row, refused=f"costs {row.cost_us:.0f} us, {chosen.name} {round(chosen.cost_us, 1):.0f} us")
