"""Write and read a training run: `nextitem train` writes it, `nextitem export` reads it.

Folder: ``run.json`` (settings, data, history), ``weights.npz`` (the network, in torch's names and layouts),
``vocabulary.bin``, ``held_out.npz`` (the validation sessions, for golden sessions and quantization's loss),
``memory.npz`` (the session memory, where there is one), ``habits.npz`` (how the training events were distributed, for
the artifact's profile), ``summary.json`` (figures and warnings of the events, where a file was read), ``metrics/``
(TensorBoard).
"""

from pathlib import Path
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from model_export.memory import Blend, BlendedMemory, Memory, MemoryConfig, MemoryIndex
from model_export.profile.habits import Habits
from nextitem.errors import ArtifactCorrupt, InputError, PathUnusable
from nextitem.model.manifest import DECODE_ERRORS, MANIFEST, VOCABULARY, Calibration, PopularItem, Training, is_version
from nextitem.model.vocabulary import Vocabulary, write_vocabulary

RUN_SCHEMA = 3
TRAIN_OUT = "`nextitem train --out`"
"""Names the folder of a run, for errors."""
RUN = "run.json"
SUMMARY = "summary.json"
WEIGHTS = "weights.npz"
HELD_OUT = "held_out.npz"
MEMORY = "memory.npz"
HABITS = "habits.npz"
METRICS = "metrics"

Weights = dict[str, NDArray[np.float32]]


class Curve(msgspec.Struct, frozen=True):
    """The training of one network: loss, HR@20 and MRR@20 of each epoch, and the number of the one that was used."""

    epochs: tuple[tuple[float, float, float], ...]
    used: int


class MemoryRecord(msgspec.Struct, frozen=True):
    """The settings of a session memory, and its weight beside the network."""

    config: MemoryConfig
    blend: Blend


class RunRecord(msgspec.Struct, frozen=True):
    """A run without its arrays.

    Attributes:
        training: the data and the settings; copied into the manifest.
        items: size of the catalogue.
        hidden: hidden size.
        layers: GRU layers.
        networks: networks that were merged to one; each has its part of the hidden size.
        normalised: scores are cosines, divided by the temperature.
        temperature: see `normalised`.
        validation: HR@20 and MRR@20 on the validation days, of the float model. With a session memory also
            "network-hr@20" and "network-mrr@20", of the networks alone; with enough targets "calibration-error@20".
        curves: the training of each network on the validation split.
        popular: the most frequent items.
        libraries: versions of the libraries that trained it.
        types: the types of events, the first one `view`; empty if there is only one.
        memory: the session memory; None for the network alone.
        calibration: what makes scores probabilities; None for weights that no training left.
    """

    training: Training
    items: int
    hidden: int
    layers: int
    normalised: bool
    temperature: float
    validation: dict[str, float]
    curves: tuple[Curve, ...]
    popular: tuple[PopularItem, ...]
    libraries: dict[str, str]
    schema: int = RUN_SCHEMA
    types: tuple[str, ...] = ()
    memory: MemoryRecord | None = None
    networks: int = 1
    calibration: Calibration | None = None


class _SchemaOnly(msgspec.Struct):
    schema: int


class Run(msgspec.Struct, frozen=True):
    """A whole run. Held-out sessions are indices of `item_ids`. A network that learned from no events has no habits."""

    record: RunRecord
    weights: Weights
    item_ids: tuple[str, ...]
    held_out: tuple[SessionEvents, ...]
    memory: BlendedMemory | None = None
    habits: Habits | None = None


def write_run(folder: Path, run: Run) -> None:
    """Write a run's files into a folder."""
    (folder / RUN).write_bytes(msgspec.json.format(msgspec.json.encode(run.record), indent=1))
    np.savez(folder / WEIGHTS, allow_pickle=False, **run.weights)
    write_vocabulary(folder / VOCABULARY, run.item_ids)
    lengths = np.array([len(session) for session in run.held_out], np.int64)
    codes = np.concatenate([np.empty(0, np.int32), *(session.items for session in run.held_out)])
    types = np.concatenate([np.empty(0, np.int8), *(session.types for session in run.held_out)])
    np.savez(folder / HELD_OUT, allow_pickle=False, codes=codes, types=types, lengths=lengths)
    if run.memory is not None:
        arrays = run.memory.memory.index.arrays()
        np.savez(folder / MEMORY, allow_pickle=False, **arrays)
    if run.habits is not None:
        np.savez(folder / HABITS, allow_pickle=False, **run.habits.arrays())


def refuse_run(folder: Path) -> None:
    """Check that a folder that should be an artifact is neither a run nor a folder of artifacts.

    Raises:
        InputError: it is one of these.
    """
    if holds(folder, RUN):
        raise InputError(
            f"{folder} is a training run, not an artifact. Export it first, then name the folder that this prints: "
            f"nextitem export {folder} --out artifacts"
        )
    inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if is_version(path.parent.name))
    if inside and not holds(folder, MANIFEST):
        raise InputError(f"{folder} is not an artifact, but holds {len(inside)}. Name one, such as {inside[-1]}")


def refuse_artifact(folder: Path) -> None:
    """Check that a folder that should be a run is not an artifact.

    Raises:
        InputError: it is one.
    """
    if holds(folder, MANIFEST):
        raise InputError(f"{folder} is an artifact, not a training run. Name the folder of {TRAIN_OUT}.")


def holds(folder: Path, name: str) -> bool:
    """Return whether a folder has a file.

    Raises:
        PathUnusable: it cannot be known.
    """
    try:
        return (folder / name).is_file()
    except OSError as error:
        raise PathUnusable(folder, "read", error) from error


def read_run(folder: Path) -> Run:
    """Return the run in a folder.

    Raises:
        InputError: it is not a run, or has an unknown format.
    """
    try:
        data = (folder / RUN).read_bytes()
        schema = msgspec.json.decode(data, type=_SchemaOnly).schema
        if schema != RUN_SCHEMA:
            raise InputError(f"{folder} has run schema {schema}; this version reads {RUN_SCHEMA}. Train again.")
        record = msgspec.json.decode(data, type=RunRecord)
        weights = {name: np.asarray(values, np.float32) for name, values in _arrays(folder / WEIGHTS).items()}
        held_out = _arrays(folder / HELD_OUT)
        vocabulary = Vocabulary(folder / VOCABULARY)
        memory = None if record.memory is None else _memory(folder / MEMORY, record.memory)
        habits = _habits(folder / HABITS) if (folder / HABITS).exists() else None
    except (FileNotFoundError, NotADirectoryError) as error:
        name = Path(str(error.filename)).name
        raise InputError(f"{folder} is not a training run: it has no {name}. Name the folder of {TRAIN_OUT}") from error
    except OSError as error:
        raise PathUnusable(folder, "read", error) from error
    except (*DECODE_ERRORS, ArtifactCorrupt) as error:
        raise InputError(f"{folder} is not a training run, or a damaged one: {error}") from error
    items = {len(vocabulary), len(weights["table"])} | ({memory.items} if memory else set())
    items |= set() if habits is None else {len(habits.items)}
    if items != {record.items} or weights["table"].shape[1] != record.hidden:
        raise InputError(f"{folder} is a damaged training run: its files belong to different catalogues")
    ends = np.cumsum(held_out["lengths"])
    codes, types = (np.split(held_out[name], ends[:-1]) for name in ("codes", "types"))
    sessions = tuple(
        SessionEvents(items.astype(np.int32), kinds.astype(np.int8))
        for items, kinds in zip(codes[: len(ends)], types[: len(ends)], strict=True)
    )
    return Run(record, weights, tuple(map(vocabulary.item_id, range(len(vocabulary)))), sessions, memory, habits)


def _memory(path: Path, record: MemoryRecord) -> BlendedMemory:
    try:
        index = MemoryIndex(**_arrays(path))  # type: ignore[arg-type]  # a wrong name raises TypeError
    except TypeError as error:
        raise InputError(f"{path} is damaged") from error
    return BlendedMemory(Memory(index, record.config), record.blend)


def _habits(path: Path) -> Habits:
    try:
        return Habits(**_arrays(path))  # type: ignore[arg-type]  # a wrong name raises TypeError
    except TypeError as error:
        raise InputError(f"{path} is damaged") from error


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (EOFError, ValueError, TypeError, BadZipFile) as error:
        raise InputError(f"{path} is damaged") from error
