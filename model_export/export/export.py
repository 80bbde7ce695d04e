"""The story of an export: a run in, one artifact out, or a reason why not. Nothing half-written is left."""

from collections.abc import Callable
from importlib.metadata import version as library_version
from pathlib import Path
from tempfile import TemporaryDirectory

from model_export.export.choose_scheme import BoundsMissed, Choice, Trial, choose
from model_export.export.measure_loss import Graphs, Session, parity, rankings, states_of, stepwise
from model_export.export.model_card import card
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes.fp32 import Fp32
from model_export.memory import BlendedMemory
from model_export.metrics.ranking import CUTOFF
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import (
    CARD,
    CERTIFICATE,
    DOCUMENTS,
    FILES,
    MANIFEST,
    SCHEMA,
    VOCABULARY,
    Bounds,
    Certificate,
    Golden,
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

GOLDENS = 32
"""Golden sessions in a certificate."""
MEASURED, CALIBRATING = 500, 1000
"""Held-out sessions that each scheme's loss is measured on, and others whose states calibrate it, if there are as many:
two thirds are measured otherwise. Never the same ones, for a scheme that knows the states loses nothing on them."""


def export(run: Run, out: Path, bounds: Bounds, progress: Callable[[str], None], *, scheme: str | None = None) -> Path:
    """Write the artifact of a run.

    Args:
        run: a training run.
        out: the folder in which the artifact's folder, named by its version, is made.
        bounds: what the scoring scheme may lose.
        progress: told of each stage.
        scheme: the scoring scheme; None for the cheapest that keeps the bounds.

    Returns:
        The artifact's folder; one that is there already has the same content and is left.

    Raises:
        BoundsMissed: a bound is missed.
        InputError: the run holds no session to certify with, there is no such scheme, or `out` cannot be written.
    """
    sessions = [session[-WINDOW:] for session in run.held_out if len(session) > 1]
    if not sessions:
        raise InputError("the run has no held-out session of two events, so nothing can be certified")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".export-", dir=out) as folder:
            return _export(run, out, Path(folder), sessions, bounds=bounds, progress=progress, pinned=scheme)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}") from error


def _export(
    run: Run,
    out: Path,
    folder: Path,
    sessions: list[Session],
    *,
    bounds: Bounds,
    progress: Callable[[str], None],
    pinned: str | None,
) -> Path:
    record = run.record
    parameters = parameters_of(run)
    progress("writing the graphs")
    exact = _exact(folder / "exact", parameters)
    progress("comparing with torch")
    goldens = sessions[:GOLDENS]
    against_torch = parity(exact, zip(goldens, torch_scores(run, goldens), strict=True))
    _demand("the score difference of torch and ONNX", against_torch, bounds.parity)

    measured, calibrating = _parts(sessions)
    states = parameters.scored(states_of(exact, calibrating))
    ranked = rankings(exact, measured, record.items, lambda how_far: progress(f"ranking in fp32: {how_far}"))
    trial = Trial(parameters, ranked, states, measured, bounds)
    choice = choose(trial, folder, pinned, progress)
    stepped = stepwise(choice.graphs, goldens)
    _demand("stepwise against whole replay", stepped, bounds.stepwise)

    progress("certifying")
    write_vocabulary(choice.folder / VOCABULARY, run.item_ids)
    golden = tuple(_golden(choice.graphs, session, run.item_ids) for session in goldens)
    certificate = Certificate(golden, considered=choice.considered)
    (choice.folder / CERTIFICATE).write_bytes(encode_document(certificate))
    shape = ModelShape(record.items, record.hidden, record.layers)
    scheme = _quantization(choice, bounds, against_torch, stepped, pinned is not None)
    libraries = {**record.libraries, **_libraries()}
    text = card(shape, record.training, record.validation, scheme, libraries)
    (choice.folder / CARD).write_text(text, encoding="utf-8")
    manifest = encode_document(
        Manifest(
            schema=SCHEMA,
            files={name: digest_of(choice.folder / name) for name in FILES},
            model=shape,
            training=record.training,
            quantization=scheme,
            libraries=libraries,
            evaluation=record.validation,
            popular=record.popular,
            documents={name: digest_of(choice.folder / name) for name in DOCUMENTS},
            memory=None if run.memory is None else _session_memory(run.memory),
        )
    )
    (choice.folder / MANIFEST).write_bytes(manifest)
    staged = folder / version_of(manifest)
    choice.folder.rename(staged)
    Model(open_artifact(staged, documents=True)).check(certificate)
    home = out / staged.name
    if home.exists():
        open_artifact(home, documents=True)
    else:
        staged.rename(home)
    return home


def _parts(sessions: list[Session]) -> tuple[list[Session], list[Session]]:
    share = min(MEASURED, -(-2 * len(sessions) // 3))
    return sessions[:share], sessions[share : share + CALIBRATING]


def _exact(folder: Path, parameters: Parameters) -> Graphs:
    folder.mkdir()
    items, hidden = parameters.table.shape
    yardstick = Fp32(by_rows=bool(Fp32().refusal(items, hidden)))
    write_graphs(folder, parameters, yardstick, parameters.table[:1])
    return Graphs(folder, len(parameters.layers), hidden, items)


def _demand(what: str, value: float, allowed: float) -> None:
    if not value <= allowed:  # so that no NaN passes
        raise BoundsMissed(f"the export fails its bounds: {what} is {value:.2g}, allowed is {allowed:.2g}")


def _quantization(choice: Choice, bounds: Bounds, against_torch: float, stepped: float, pinned: bool) -> Quantization:
    return Quantization(
        scheme=choice.scheme,
        bits=choice.written.prepared.bits,
        block=choice.written.prepared.block,
        overlap=choice.loss.overlap,
        hr_delta=choice.loss.hr_delta,
        parity=against_torch,
        stepwise=stepped,
        targets=choice.loss.targets,
        bounds=bounds,
        pinned=pinned,
        considered=choice.considered,
    )


def _session_memory(learnt: BlendedMemory) -> SessionMemory:
    blend = learnt.blend
    return SessionMemory(
        sessions=len(learnt.memory.index.session_weights) - 1,
        events=learnt.memory.config.events,
        weight=blend.weight,
        repeat_score=blend.repeat_score,
        repeat_votes=blend.repeat_votes,
        revisit=blend.revisit,
        revisit_decay=blend.revisit_decay,
    )


def _golden(graphs: Graphs, session: Session, item_ids: tuple[str, ...]) -> Golden:
    state = graphs.step(graphs.start(), session)
    best = graphs.top(state, min(CUTOFF, len(item_ids)), session).tolist()
    scores = graphs.scores(state, session)[best]
    return Golden(
        items=tuple(item_ids[item] for item in session),
        top=tuple(item_ids[item] for item in best),
        scores=tuple(round(float(score), 5) for score in scores),
    )


def _libraries() -> dict[str, str]:
    return {name: library_version(name) for name in ("nextitem", "numpy", "onnx", "onnxruntime")}
