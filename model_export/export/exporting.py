"""The story of an export: a run in, one artifact out, or a reason why not. Nothing half-written is left."""

from collections.abc import Callable
from importlib.metadata import version as library_version
from pathlib import Path
from tempfile import TemporaryDirectory

from model_export.export.graphs import write_graphs
from model_export.export.measuring import Graphs, Session, loss, parity, stepwise
from model_export.export.parameters import parameters_of, quantize
from model_export.runs import Run
from model_export.training.reference import torch_scores
from nextitem.artifact import open_artifact
from nextitem.engine import Model
from nextitem.errors import InputError
from nextitem.manifest import (
    CERTIFICATE,
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
    digest_of,
    encode_document,
    version_of,
)
from nextitem.session import WINDOW
from nextitem.vocabulary import write_vocabulary

GOLDENS = 32
"""Golden sessions in a certificate."""
MEASURED = 500
"""Held-out sessions that quantization's loss is measured on."""
DEPTH = 20
CHANCE_HITS = 3
"""Hits that may be lost under any bound above 0: of few targets, chance alone takes more than a small share."""


class BoundsMissed(InputError):
    """The quantized graphs lose more than is allowed, so there is no artifact."""


def export(run: Run, out: Path, bounds: Bounds, progress: Callable[[str], None]) -> Path:
    """Write the artifact of a run.

    Args:
        run: a training run.
        out: the folder in which the artifact's folder, named by its version, is made.
        bounds: what quantization may lose.
        progress: told of each stage.

    Returns:
        The artifact's folder; one that is there already has the same content and is left.

    Raises:
        BoundsMissed: a bound is missed.
        InputError: the run holds no session to certify with, or `out` cannot be written.
    """
    sessions = [session[-WINDOW:] for session in run.held_out if len(session) > 1][:MEASURED]
    if not sessions:
        raise InputError("the run has no held-out session of two events, so nothing can be certified")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".export-", dir=out) as folder:
            return _export(run, out, Path(folder), sessions, bounds=bounds, progress=progress)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}") from error


def _export(
    run: Run, out: Path, folder: Path, sessions: list[Session], *, bounds: Bounds, progress: Callable[[str], None]
) -> Path:
    record = run.record
    parameters = parameters_of(run)
    progress("writing the graphs")
    exact_folder, quantized_folder = folder / "exact", folder / "quantized"
    for place, quantized in ((exact_folder, None), (quantized_folder, quantize(parameters.table))):
        place.mkdir()
        write_graphs(place, parameters, quantized)
    size = record.layers, record.hidden, record.items
    exact, served = Graphs(exact_folder, *size), Graphs(quantized_folder, *size)

    progress("comparing with torch")
    goldens = sessions[:GOLDENS]
    against_torch = parity(exact, zip(goldens, torch_scores(run, goldens), strict=True))
    progress("measuring what 8 bits lose")
    lost = loss(exact, served, sessions, record.items)
    quantization = Quantization(
        scheme="8-bit",
        bits=8,
        block=quantize(parameters.table[:1]).block,
        overlap=lost.overlap,
        hr_delta=lost.hr_delta,
        parity=against_torch,
        stepwise=stepwise(served, goldens),
        targets=lost.targets,
        bounds=bounds,
    )
    _demand(quantization)

    progress("certifying")
    write_vocabulary(quantized_folder / VOCABULARY, run.item_ids)
    certificate = Certificate(tuple(_golden(served, session, run.item_ids) for session in goldens))
    (quantized_folder / CERTIFICATE).write_bytes(encode_document(certificate))
    manifest = encode_document(
        Manifest(
            schema=SCHEMA,
            files={name: digest_of(quantized_folder / name) for name in FILES},
            model=ModelShape(record.items, record.hidden, record.layers),
            training=record.training,
            quantization=quantization,
            libraries={**record.libraries, **_libraries()},
            evaluation=record.validation,
            popular=record.popular,
        )
    )
    (quantized_folder / MANIFEST).write_bytes(manifest)
    staged = folder / version_of(manifest)
    quantized_folder.rename(staged)
    Model(open_artifact(staged)).check(certificate)
    home = out / staged.name
    if home.exists():
        open_artifact(home)
    else:
        staged.rename(home)
    return home


def _demand(found: Quantization) -> None:
    bounds = found.bounds
    hr_loss = max(bounds.hr_delta, CHANCE_HITS / found.targets) if bounds.hr_delta > 0 else bounds.hr_delta
    missed = [
        f"{what} is {value:.2g}, allowed is {limit:.2g}"
        for what, value, limit, kept in (
            ("the score difference of torch and ONNX", found.parity, bounds.parity, found.parity <= bounds.parity),
            ("stepwise against whole replay", found.stepwise, bounds.stepwise, found.stepwise <= bounds.stepwise),
            ("top-20 overlap with fp32", found.overlap, bounds.overlap, found.overlap >= bounds.overlap),
            ("the HR@20 delta", found.hr_delta, -hr_loss, found.hr_delta >= -hr_loss),
        )
        if not kept
    ]
    if missed:
        raise BoundsMissed(f"the export fails its bounds: {'; '.join(missed)}")


def _golden(graphs: Graphs, session: Session, item_ids: tuple[str, ...]) -> Golden:
    state = graphs.step(graphs.start(), session)
    best = graphs.top(state, min(DEPTH, len(item_ids))).tolist()
    scores = graphs.scores(state)[best]
    return Golden(
        items=tuple(item_ids[item] for item in session),
        top=tuple(item_ids[item] for item in best),
        scores=tuple(round(float(score), 5) for score in scores),
    )


def _libraries() -> dict[str, str]:
    return {name: library_version(name) for name in ("nextitem", "numpy", "onnx", "onnxruntime")}
