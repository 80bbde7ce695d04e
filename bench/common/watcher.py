"""A training watcher for benchmarks."""


class SilentWatcher:
    """Watches a training and prints nothing: see `model_export.training.watcher.Watcher`."""

    def plan(self, phases: object) -> None:
        """Ignore the phases."""

    def step(self, phase: str, done: int) -> None:
        """Ignore a step."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """Ignore a batch."""

    def epoch(self, stage: str, epoch: object) -> None:
        """Ignore an epoch."""

    def blend(self, accuracy: object) -> None:
        """Ignore the blend."""
