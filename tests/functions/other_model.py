"""A second model version, made in milliseconds: the exporter's graphs with random weights."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx.parameters import Layer, Parameters
from model_export.export.schemes.nbits import EightBit
from nextitem.model.artifact import open_artifact
from nextitem.model.certificate import GOLDEN_TOP, MIN_GOLDENS, Certificate, Golden
from nextitem.model.manifest import (
    CERTIFICATE,
    DOCUMENTS,
    FILES,
    MANIFEST,
    VOCABULARY,
    digest_of,
    encode_document,
    version_of,
)
from nextitem.model.vocabulary import Vocabulary

HIDDEN = 32
"""Not the demo model's 64, so that its snapshots do not fit."""
SEED = 11
SCALE = 6.0


def write_other_model(demo: Path, folder: Path) -> Path:
    """Write an artifact for the catalogue of `demo`; returns its own folder within `folder`."""
    manifest = open_artifact(demo).manifest
    draft = folder / "draft"
    draft.mkdir()
    parameters = _random_parameters(manifest.model.items)
    write_graphs(draft, parameters, EightBit(), parameters.table)
    for name in (VOCABULARY, *DOCUMENTS):
        shutil.copy(demo / name, draft / name)
    (draft / CERTIFICATE).write_bytes(encode_document(_certificate(draft, manifest.model.items)))
    shape = msgspec.structs.replace(manifest.model, hidden=HIDDEN)
    files = {name: digest_of(draft / name) for name in FILES}
    documents = {name: digest_of(draft / name) for name in DOCUMENTS}  # it has no attribute map
    made = msgspec.structs.replace(
        manifest, model=shape, files=files, documents=documents, memory=None, types=(), attributes=None
    )
    document = encode_document(made)
    (draft / MANIFEST).write_bytes(document)
    return draft.rename(folder / version_of(document))


def _random_parameters(items: int) -> Parameters:
    chance = np.random.default_rng(SEED)

    def some(*shape: int) -> NDArray[np.float32]:
        return chance.normal(0, HIDDEN**-0.5, shape).astype(np.float32)

    table = some(items, HIDDEN)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    layer = Layer(w=some(1, 3 * HIDDEN, HIDDEN) * 3, r=some(1, 3 * HIDDEN, HIDDEN), b=some(1, 6 * HIDDEN))
    return Parameters(table, (layer,), normalised=True, scale=SCALE)


def _certificate(folder: Path, items: int) -> Certificate:
    vocabulary = Vocabulary(folder / VOCABULARY)
    graphs = GraphRunner(folder, 1, HIDDEN, items)
    goldens = []
    for first in range(MIN_GOLDENS):
        session = np.array([first, items - 1], np.int32)
        state = graphs.step(graphs.start(), SessionEvents.views(session))
        best, scores = graphs.top(state, GOLDEN_TOP).tolist(), graphs.scores(state)
        golden = Golden(
            items=tuple(vocabulary.item_id(int(item)) for item in session),
            top=tuple(vocabulary.item_id(item) for item in best),
            scores=tuple(float(scores[item]) for item in best),
        )
        goldens.append(golden)
    return Certificate(tuple(goldens))
