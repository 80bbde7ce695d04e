"""A model of graphs alone, for catalogues that are too large to be exported for each measurement."""

from pathlib import Path

import numpy as np

from nextitem.model.engine import Model
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH, VOCABULARY
from nextitem.model.onnx_graphs import open_graph
from nextitem.model.vocabulary import Vocabulary


class GraphModel(Model):
    """The engine over a folder of graphs and a vocabulary, without a manifest and a certificate."""

    def __init__(self, folder: Path, sizes: tuple[int, int, int]) -> None:
        """Open the graphs.

        Args:
            folder: where they are.
            sizes: layers, hidden size and number of items.
        """
        layers, hidden, _ = sizes
        self.version = "graphs"
        self.vocabulary = Vocabulary(folder / VOCABULARY)
        self.has_memory = False
        self._types = {}
        self._shape = (layers, 1, hidden)
        self._no_rows = np.empty((0, hidden), np.float32)
        self._step, self._score = open_graph(folder / STEP_GRAPH), open_graph(folder / SCORE_GRAPH)
