"""A model version's two graphs, opened by ONNX Runtime: apart from `engine`, so that they open while that is imported.

They share one weights file: `step.onnx` (items, hidden -> hidden) serves one event and a replay alike, `score.onnx`
(hidden, session, only, exclude, unavailable, k -> scores, items) ranks the whole catalogue, or only some of it.
Must import nothing else that takes long.
"""

from pathlib import Path
from typing import NamedTuple

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH
from nextitem.model.onnx_runtime import ort

_QUIET = 3
"""ONNX Runtime's log severity: errors and worse. Mapped weights are inputs with a default, of which it would warn."""


class ModelGraphs(NamedTuple):
    """Both, open."""

    step: ort.InferenceSession
    score: ort.InferenceSession


def open_graphs(artifact: Artifact) -> ModelGraphs:
    """Open a verified artifact's graphs: milliseconds, most of them for the catalogue's table.

    Raises:
        ArtifactCorrupt: ONNX Runtime cannot open one.
    """
    try:
        return ModelGraphs(*(open_graph(artifact.path(name)) for name in (STEP_GRAPH, SCORE_GRAPH)))
    except Exception as error:  # ONNX Runtime's errors share no other base
        raise ArtifactCorrupt(f"{artifact.version} cannot be opened by ONNX Runtime: {error}") from error


def open_graph(path: Path) -> ort.InferenceSession:
    """Open one graph as it is served: on one thread, as it is written.

    Raises:
        Exception: ONNX Runtime cannot open it; its errors share no other base.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # The graphs are written as they are to run: optimising finds nothing, and takes some ms of each cold start.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options)
