"""Show a training: its phases, and a line for each epoch."""

import math
from collections.abc import Callable

from model_export.metrics.ranking import Accuracy
from model_export.progress import Progress
from model_export.training.fit import Epoch


class TrainingLines:
    """A `Watcher` of a training.

    Args:
        progress: follows the batches.
        say: prints a line.
    """

    def __init__(self, progress: Progress, say: Callable[[str], None]) -> None:
        self._say = say
        self._best: dict[str, float] = {}
        self.plan, self.step = progress.plan, progress.step

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """See `Watcher`."""
        self.step(stage, (epoch - 1) * total + done)

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """See `Watcher`."""
        metrics = ""
        if not math.isnan(epoch.hr):
            metrics = f", HR@20 {epoch.hr:.4f}, MRR@20 {epoch.mrr:.4f}"
            if epoch.objective > self._best.get(stage, -math.inf):
                self._best[stage], metrics = epoch.objective, f"{metrics}, the best so far"
        self._say(f"{stage}: epoch {epoch.number}: loss {epoch.loss:.4f}{metrics}")

    def blend(self, accuracy: Accuracy) -> None:
        """See `Watcher`."""
        self._say(f"validate: with the session memory: HR@20 {accuracy.hr:.4f}, MRR@20 {accuracy.mrr:.4f}")
