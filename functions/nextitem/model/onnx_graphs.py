"""Open a model version's two graphs in ONNX Runtime.

`step.onnx` (items, hidden -> hidden) steps one event or many. `score.onnx` (hidden, session, only, exclude,
unavailable, k -> scores, items) ranks the whole catalogue or a part of it. Both share one weights file (decision 2).

A module of its own, which imports little: at a cold start graphs are opened while numpy and `engine` are imported.
"""

from pathlib import Path
from typing import NamedTuple

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH
from nextitem.model.onnx_runtime import ort

_QUIET = 3
"""ONNX Runtime's log severity, errors only: it warns of mapped weights, which are inputs with a default."""


class ModelGraphs(NamedTuple):
    """The two open graphs."""

    step: ort.InferenceSession
    score: ort.InferenceSession


def open_graphs(artifact: Artifact) -> ModelGraphs:
    """Open a verified artifact's graphs. It takes milliseconds, mostly for the catalogue's table.

    Raises:
        ArtifactCorrupt: ONNX Runtime cannot open a graph.
    """
    try:
        return ModelGraphs(*(open_graph(artifact.path(name)) for name in (STEP_GRAPH, SCORE_GRAPH)))
    except Exception as error:  # ONNX Runtime's errors have no other common base
        raise ArtifactCorrupt(f"{artifact.version} cannot be opened by ONNX Runtime: {error}") from error


def open_graph(path: Path) -> ort.InferenceSession:
    """Open a graph to run on one thread, without optimising it.

    Raises:
        Exception: ONNX Runtime cannot open it; its errors have no other common base.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # The exporter writes optimal graphs: optimising changes nothing and takes some ms of each cold start.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options)
