"""Export a run: write one artifact, or return the reason why not. It never leaves a partial artifact."""

from importlib.metadata import version as library_version
from pathlib import Path

import msgspec

from model_export.attributes.attribute_map import write_map
from model_export.data.atomic_file import temporary_folder
from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.certify_attributes import certify
from model_export.export.choose_scheme import BoundsMissed, SelectionData, choose, measuring, schemes_to_try
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import parity, rank_sessions, states_of, stepwise_difference
from model_export.export.measure_profile import training_profile
from model_export.export.model_card import card
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.schemes.fp32 import Fp32
from model_export.memory import BlendedMemory
from model_export.profile.document import encode_profile
from model_export.progress import Phase, Work
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from nextitem.catalogue.file import Catalogue
from nextitem.errors import InputError, PathUnusable
from nextitem.model.artifact import open_artifact
from nextitem.model.attribute_quality import AttributeQuality
from nextitem.model.certificate import GOLDEN_TOP, MIN_GOLDENS, Certificate, Golden
from nextitem.model.engine import Model
from nextitem.model.manifest import (
    ATTRIBUTES,
    CARD,
    CERTIFICATE,
    DOCUMENTS,
    FILES,
    MANIFEST,
    OPTIONAL_DOCUMENTS,
    PROFILE,
    SCHEMA,
    VOCABULARY,
    Bounds,
    Manifest,
    ModelShape,
    Quantization,
    SessionMemory,
    digest_of,
    encode_document,
    version_of,
)
from nextitem.model.vocabulary import write_vocabulary
from nextitem.sessions.session import WINDOW

FP32_RANKS = "ranking in fp32"
GOLDENS = 32
"""Golden sessions in a certificate."""
MEASURED, CALIBRATING = 500, 1000
"""Held-out sessions on which the loss of each scheme is measured, and others whose states calibrate the schemes. With
fewer sessions, two thirds are measured. Never the same ones: a scheme loses nothing on states that calibrated it."""


def export(
    run: Run, out: Path, bounds: Bounds, progress: Work, *, scheme: str | None = None, items: Catalogue | None = None
) -> Path:
    """Write the artifact of a run.

    Args:
        run: a training run.
        out: the folder in which the artifact's folder, named by its version, is made.
        bounds: the maximum losses of the scoring scheme.
        progress: follows the phases.
        scheme: name of the scoring scheme; None for the cheapest that keeps the bounds.
        items: the attributes of items, to learn the attribute map from; None for no map.

    Returns:
        The artifact's folder; one that is there already has the same content and is left.

    Raises:
        BoundsMissed: a bound is missed.
        InputError: the run has too few sessions to certify with, there is no such scheme, or `out` cannot be
            written.
    """
    sessions = [session[-WINDOW:] for session in run.held_out if session.targets]
    if len(sessions) < MIN_GOLDENS:
        raise InputError(
            f"the run has {len(sessions)} held-out sessions of two or more events; a certificate needs {MIN_GOLDENS}: "
            "train with more data, or hold out a longer period"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with temporary_folder(out) as folder:
            return _export(run, out, folder, sessions, bounds=bounds, progress=progress, pinned=scheme, items=items)
    except OSError as error:
        raise PathUnusable(out, "written", error) from error


def _export(
    run: Run,
    out: Path,
    folder: Path,
    sessions: list[SessionEvents],
    *,
    bounds: Bounds,
    progress: Work,
    pinned: str | None,
    items: Catalogue | None,
) -> Path:
    parameters = parameters_of(run)
    progress.begin("writing the graphs")
    exact = _exact_graphs(folder / "exact", parameters)
    progress.begin("comparing with torch")
    goldens = sessions[:GOLDENS]
    torch_difference = parity(exact, zip(goldens, torch_scores(run, goldens), strict=True))
    _require("the score difference of torch and ONNX", torch_difference, bounds.parity)

    measured_count = min(MEASURED, -(-2 * len(sessions) // 3))
    measured, calibrating = sessions[:measured_count], sessions[measured_count : measured_count + CALIBRATING]
    states = parameters.scored(states_of(exact, calibrating))
    tried = schemes_to_try(parameters, pinned)
    names = (FP32_RANKS, *(measuring(scheme) for scheme in tried))
    progress.plan([Phase(name, measured_count, "sessions") for name in names])
    ranked = rank_sessions(exact, measured, run.record.items, lambda done: progress.step(FP32_RANKS, done))
    choice = choose(SelectionData(parameters, ranked, states, measured, bounds), folder, pinned, progress)
    stepwise = stepwise_difference(choice.scheme.graphs, goldens)
    _require("stepwise against whole replay", stepwise, bounds.stepwise)

    if run.habits is not None:
        progress.begin("measuring the profile")
        document = encode_profile(training_profile(run, run.habits, choice.scheme.graphs, measured, items))
        (choice.scheme.folder / PROFILE).write_bytes(document)
    attributes = None
    if items is not None:
        progress.begin("learning the attribute map")
        graphs, popular = choice.scheme.graphs, run.record.popular
        attribute_map, attributes = certify(
            items, run.item_ids, parameters.table, graphs, sessions, popular, parameters.networks
        )
        if attribute_map is not None:
            write_map(choice.scheme.folder / ATTRIBUTES, attribute_map)
    progress.begin("certifying")
    golden = tuple(_golden(choice.scheme.graphs, session, run) for session in goldens)
    certificate = Certificate(golden, considered=choice.considered)
    quantization = Quantization(
        scheme=choice.scheme.name,
        bits=choice.scheme.written.prepared.bits,
        block=choice.scheme.written.prepared.block,
        overlap=choice.scheme.loss.overlap,
        hr_delta=choice.scheme.loss.hr_delta,
        parity=torch_difference,
        stepwise=stepwise,
        targets=choice.scheme.loss.targets,
        bounds=bounds,
        pinned=pinned is not None,
        considered=choice.considered,
    )
    version = _write_documents(choice.scheme.folder, run, certificate, quantization, attributes)
    staged = choice.scheme.folder.rename(folder / version)
    Model(open_artifact(staged, documents=True))  # checks all golden sessions
    home = out / version
    try:
        staged.rename(home)
    except OSError:
        if not home.exists():
            raise
        open_artifact(home, documents=True)  # of an earlier export, or of one at the same time
    return home


def _exact_graphs(folder: Path, parameters: Parameters) -> GraphRunner:
    folder.mkdir()
    items, hidden = parameters.table.shape
    fp32 = Fp32(by_rows=bool(Fp32().refusal(items, hidden)))
    write_graphs(folder, parameters, fp32, parameters.table[:1])
    return GraphRunner(folder, len(parameters.layers), hidden, items)


def _require(name: str, value: float, allowed: float) -> None:
    if not value <= allowed:  # so that no NaN passes
        raise BoundsMissed(f"the export fails its bounds: {name} is {value:.2g}, allowed is {allowed:.2g}")


def _write_documents(
    folder: Path,
    run: Run,
    certificate: Certificate,
    quantization: Quantization,
    attributes: AttributeQuality | None,
) -> str:
    """Complete an artifact whose graphs are in a folder, and return its version."""
    record = run.record
    write_vocabulary(folder / VOCABULARY, run.item_ids)
    (folder / CERTIFICATE).write_bytes(encode_document(certificate))
    shape = ModelShape(record.items, record.hidden, record.layers)
    exporters = {name: library_version(name) for name in ("nextitem", "numpy", "onnx", "onnxruntime")}
    libraries = {**record.libraries, **exporters}
    text = card(shape, record.training, record.validation, quantization, libraries, attributes)
    (folder / CARD).write_text(text, encoding="utf-8")
    documents = (*DOCUMENTS, *(name for name in OPTIONAL_DOCUMENTS if (folder / name).is_file()))
    manifest = encode_document(
        Manifest(
            schema=SCHEMA,
            files={name: digest_of(folder / name) for name in FILES},
            model=shape,
            training=record.training,
            quantization=quantization,
            libraries=libraries,
            evaluation=record.validation,
            popular=record.popular,
            documents={name: digest_of(folder / name) for name in documents},
            types=record.types,
            memory=None if run.memory is None else _session_memory(run.memory),
            calibration=record.calibration,
            attributes=attributes,
        )
    )
    (folder / MANIFEST).write_bytes(manifest)
    return version_of(manifest)


def _session_memory(blended: BlendedMemory) -> SessionMemory:
    config, sessions = blended.memory.config, len(blended.memory.index.session_weights) - 1
    return SessionMemory(sessions=sessions, events=config.events, blend=msgspec.to_builtins(blended.blend))


def _golden(graphs: GraphRunner, session: SessionEvents, run: Run) -> Golden:
    item_ids, types = run.item_ids, run.record.types
    state = graphs.step(graphs.start(), session)
    best = graphs.top(state, min(GOLDEN_TOP, len(item_ids)), session.items).tolist()
    scores = graphs.scores(state, session.items)[best]
    return Golden(
        items=tuple(item_ids[item] for item in session.items),
        top=tuple(item_ids[item] for item in best),
        scores=tuple(round(float(score), 5) for score in scores),
        types=tuple(types[kind] for kind in session.types) if types else (),
    )
