"""Choose how trained networks and a session memory rank together, on sessions that neither has seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from model_export.data.sessions import Sessions
from model_export.memory import Blend, Memory, MemoryConfig, build_index
from model_export.memory.fit_recall import TRIALS, fit_recall
from model_export.metrics.ranking import Accuracy, accuracy
from model_export.progress import Phase
from model_export.training.blend_targets import MAX_TARGETS, BlendTargets, Votes, blend_targets, recalled_votes
from model_export.training.calibration import fit_calibration
from model_export.training.config import BY_VALIDATION, FitConfig
from model_export.training.fit_blend import EVALUATIONS, fit_blend
from model_export.training.neighbour_rows import with_neighbours
from model_export.training.network import Network
from model_export.training.validation_metrics import network_accuracy, sample_sessions
from nextitem.model.manifest import Calibration

RECALL_TARGETS = 3000
"""Next items that the memory's settings are chosen by."""
SCORES = "validation scores"
RECALL, VOTES, WEIGHTS = (f"session memory: {part}" for part in ("recall", "votes", "weights"))
"""Phases of the choice."""
SHARES = (0.0, 0.3, 0.6)
"""Values of `FitConfig.neighbour_rows` that are tried."""
MIN_GAIN = 0.002
"""Minimum gain of HR@20 + 2 MRR@20 for another share than the first: less is chance."""

OnStep = Callable[[str, int], None]


@dataclass(frozen=True)
class Recalled:
    """The chosen settings of a session memory, and what it recalls before each target of the validation's sample."""

    recall: MemoryConfig
    votes: Votes


@dataclass(frozen=True)
class Ranking:
    """How networks and memory rank.

    Attributes:
        neighbour_rows: the chosen share: see `FitConfig.neighbour_rows`.
        accuracy: of the networks alone, with it.
        recall: settings of the session memory; None without one.
        targets: the data that blend and calibration were learned from.
        blend: weights of network and memory; None without a memory.
        calibration: what makes the scores probabilities.
    """

    neighbour_rows: float
    accuracy: Accuracy
    recall: MemoryConfig | None = None
    targets: BlendTargets | None = None
    blend: Blend | None = None
    calibration: Calibration | None = None

    @property
    def blended(self) -> Accuracy | None:
        """The accuracy of network and memory together; None without a memory."""
        return accuracy(self.targets.ranks(self.blend)) if self.targets and self.blend else None


def ranking_phases(held_out: Sessions, config: FitConfig) -> list[Phase]:
    """Return the phases of `choose_ranking`."""
    recalled, blended = (len(sample_sessions(held_out, size, config.seed)) for size in (RECALL_TARGETS, MAX_TARGETS))
    shares = len(_shares(config))
    scoring = Phase(SCORES, shares * blended)
    if not config.memory_sessions:
        return [scoring]
    weighing = Phase(WEIGHTS, shares * EVALUATIONS)
    return [Phase(RECALL, TRIALS * recalled), Phase(VOTES, blended), scoring, weighing]


def choose_ranking(
    network: Network,
    train: Sessions,
    held_out: Sessions,
    config: FitConfig,
    step: OnStep,
    recalled: Recalled | None = None,
) -> Ranking:
    """Choose the settings of a session memory, its weight beside the network, and the share of neighbours in rows.

    Args:
        network: trained on `train`.
        train: the sessions that the memory searches.
        held_out: later sessions, over the same catalogue.
        config: complete settings.
        step: receives the steps of each phase.
        recalled: what `choose_recall` returned for the same sessions and memory; None to choose it here.
    """
    sample = sample_sessions(held_out, MAX_TARGETS, config.seed)
    if config.memory_sessions and recalled is None:
        recalled = choose_recall(train, held_out, config, step)
    recall, votes = (recalled.recall, recalled.votes) if recalled else (None, None)
    rankings = []
    for number, share in enumerate(_shares(config)):
        mixed = with_neighbours(network, train, share)
        targets = blend_targets(mixed, votes, sample, _steps(step, SCORES, number * len(sample)))
        blend = None if votes is None else fit_blend(targets, _steps(step, WEIGHTS, number * EVALUATIONS))
        rankings.append(Ranking(share, network_accuracy(mixed, held_out), recall, targets, blend))
    best = _best(rankings)
    return replace(best, calibration=fit_calibration(best.targets, best.blend) if best.targets else None)


def choose_recall(train: Sessions, held_out: Sessions, config: FitConfig, step: OnStep) -> Recalled:
    """Choose the settings of a session memory; for the arguments see `choose_ranking`."""
    sample = sample_sessions(held_out, MAX_TARGETS, config.seed)
    recall = MemoryConfig(sessions=config.memory_sessions, events=config.memory_events)
    index = build_index(train, recall)
    own = sample_sessions(held_out, RECALL_TARGETS, config.seed)
    recall = fit_recall(index, recall, own, lambda done: step(RECALL, done))
    return Recalled(recall, recalled_votes(Memory(index, recall), sample, lambda done: step(VOTES, done)))


def _steps(step: OnStep, phase: str, before: int) -> Callable[[int], None]:
    return lambda done: step(phase, before + done)


def _best(rankings: list[Ranking]) -> Ranking:
    """Return the first of some rankings, unless another one is clearly better."""
    values = [(ranking.blended or ranking.accuracy).objective for ranking in rankings]
    best = max(range(len(values)), key=values.__getitem__)
    return rankings[best] if values[best] > values[0] + MIN_GAIN else rankings[0]


def _shares(config: FitConfig) -> tuple[float, ...]:
    return SHARES if config.neighbour_rows == BY_VALIDATION else (config.neighbour_rows,)
