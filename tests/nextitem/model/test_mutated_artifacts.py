"""A mutated artifact whose digests are right either works or is refused with an error of the tree."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nextitem.errors import NextItemError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import CERTIFICATE, FILES, MANIFEST, MAX_TOP, VOCABULARY, version_of
from tests.nextitem.parts import remade

SEEDS = 12
"""Mutations of each file. 600 of all files were tried once, with more seeds."""
OTHER_VALUES: list[Any] = [None, True, -1, 0, 2**70, 1e300, "", "text", [], [None], {}, {"a": 1}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value of a document, except its root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def mutate_document(data: bytes, chance: random.Random) -> bytes:
    """Give one field of a JSON document another type or value, or remove it."""
    document = msgspec.json.decode(data)
    depth = chance.randint(1, 4)
    *path, last = chance.choice([path for path in places(document) if len(path) <= depth])
    parent = document
    for key in path:
        parent = parent[key]
    if chance.random() < 0.2:
        del parent[last]
    else:
        parent[last] = chance.choice(OTHER_VALUES)
    return msgspec.json.encode(document)


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip some bits, overwrite some bytes, remove some, or truncate."""
    changed = bytearray(data)
    start = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            for _ in range(chance.choice([1, 3, 20])):
                changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 1:
            changed[start : start + 8] = chance.randbytes(len(changed[start : start + 8]))
        case 2:
            del changed[start : start + chance.choice([1, 8, 100])]
        case 3:
            del changed[start:]
    return bytes(changed)


def use(model: Model) -> None:
    """Use everything that requests use."""
    item_ids = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    for known in (item_ids[:3], item_ids[7:60], ["no such item"]):
        session = model.vocabulary.indices(known)
        hidden = model.replay(None, session)
        for k in (1, MAX_TOP):
            rankings = model.top(hidden, session, k, session), model.rank(hidden, [1, 5], (), k, session)
            for item in (*rankings[0], *rankings[1], *model.popular((), k)):
                model.vocabulary.item_id(item.index)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_mutated_artifact_works_or_is_refused(demo: Path, tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(f"{name} {seed}")
    mutate = mutate_document if name in {MANIFEST, CERTIFICATE} and chance.random() < 0.8 else mutate_bytes
    data = mutate((demo / name).read_bytes(), chance)
    try:
        if name == MANIFEST:
            folder = Path(shutil.copytree(demo, tmp_path / version_of(data)))
            (folder / MANIFEST).write_bytes(data)
        else:
            folder = remade(demo, tmp_path, {name: data})
        use(Model(open_artifact(folder)))
    except NextItemError:
        pass


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (24 + 8 * 5, 2**63),  # an offset into the text
        (24 + 8 * 401 + 4 * 5, 2**31),  # the begin of a bucket
        (24 + 8 * 401 + 4 * 513 + 4 * 5, 400),  # an index
        (-1, 0xFF),  # a byte of an id
    ],
    ids=["offset", "bucket", "index", "id"],
)
def test_a_vocabulary_that_leads_out_of_the_file_is_refused(demo: Path, tmp_path: Path, at: int, value: int) -> None:
    data = bytearray((demo / VOCABULARY).read_bytes())
    size = 1 if at < 0 else 8 if value > 2**32 else 4
    at %= len(data)
    data[at : at + size] = value.to_bytes(size, "little")
    with pytest.raises(NextItemError, match=r"vocabulary\.bin"):
        Model(open_artifact(remade(demo, tmp_path, {VOCABULARY: bytes(data)})))
