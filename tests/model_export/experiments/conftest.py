"""The scene of experiments on a route."""

from tests.model_export.experiments.scene import scene

__all__ = ["scene"]
