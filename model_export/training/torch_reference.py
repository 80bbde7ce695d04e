"""Compute scores with torch, and with the session memory in numpy. The exported graphs must give the same."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.training.network import Network, NetworkConfig
from model_export.training.run_folder import Run
from nextitem.model.manifest import Calibration


@torch.inference_mode()
def torch_scores(run: Run, sessions: Sequence[SessionEvents]) -> list[NDArray[np.float32]]:
    """Return the score of every item after each whole session, each float32[items].

    Args:
        run: the run.
        sessions: sessions with at least one event.
    """
    record = run.record
    config = NetworkConfig(
        items=record.items,
        hidden=record.hidden,
        layers=record.layers,
        normalised=record.normalised,
        temperature=record.temperature,
        dropout=0.0,
        networks=record.networks,
        types=max(len(record.types), 1),
    )
    with torch.device("meta"):  # allocates no weights: the run's own are assigned
        network = Network(config)
    network.load_state_dict({name: torch.from_numpy(values) for name, values in run.weights.items()}, assign=True)
    network.eval()
    rows = network.rows()
    scores_of_sessions = []
    for session in sessions:
        items, types = (torch.from_numpy(part.astype(np.int64))[None] for part in (session.items, session.types))
        states = network(items, rows, types)[:, -1]
        scores = np.asarray(network.scores(states, rows)[0].numpy(), np.float32)
        scores = scores if run.memory is None else run.memory.scores(scores, session.items)
        scores_of_sessions.append(scores if record.calibration is None else _calibrated(scores, record.calibration))
    return scores_of_sessions


def _calibrated(scores: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    below = (scores - np.float32(calibration.level)) * np.float32(-1.0 / calibration.temperature)
    return np.asarray(-np.logaddexp(np.float32(0.0), below), np.float32)
