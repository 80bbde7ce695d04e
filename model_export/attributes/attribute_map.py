"""A linear map from the attributes of an item to its row of the item table."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model_export.attributes.features import SIZE, Features, Floats, Place, features_of
from nextitem.catalogue.arrays_file import open_arrays, write_arrays
from nextitem.catalogue.file import Catalogue
from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact
from nextitem.model.manifest import ATTRIBUTES, DECODE_ERRORS, digest_of

MAGIC = b"NIATTR_1"
_CHUNK = 2048
"""Items whose features are held as a dense matrix at a time."""
_TINY = 1e-12


class _About(msgspec.Struct, frozen=True):
    places: tuple[Place, ...]
    length: float
    networks: int


class AttributeMap(NamedTuple):
    """A map that was learned from the items of one model version.

    Attributes:
        places: the columns that it looks at.
        rarity: the weight of each feature, float32[SIZE].
        weights: float32[SIZE, hidden].
        centre: the mean row of the table, float32[hidden].
        length: the length of each row that it makes.
        networks: networks that score as one; their parts of a row are equally long, as in the table.
    """

    places: tuple[Place, ...]
    rarity: Floats
    weights: Floats
    centre: Floats
    length: float
    networks: int = 1

    def rows(self, catalogue: Catalogue, positions: NDArray[np.int32]) -> Floats:
        """Return the rows of items of a catalogue, float32[positions, hidden], on the scale of the item table."""
        return self.rows_of(features_of(catalogue, positions, self.places, self.rarity))

    def rows_of(self, features: Features) -> Floats:
        """Return the rows of items by their features, float32[items, hidden]."""
        rows = np.empty((len(features), self.weights.shape[1]), np.float32)
        for first in range(0, len(features), _CHUNK):
            last = min(first + _CHUNK, len(features))
            rows[first:last] = features.dense(first, last) @ self.weights + self.centre
        parts = rows.reshape(len(rows), self.networks, -1)
        lengths = np.maximum(np.linalg.norm(parts, axis=2, keepdims=True), _TINY)
        return np.asarray((parts * (self.length / self.networks**0.5 / lengths)).reshape(rows.shape), np.float32)


def write_map(path: Path, attribute_map: AttributeMap) -> None:
    """Write a map; the same map gives the same bytes."""
    arrays = {name: getattr(attribute_map, name) for name in ("rarity", "weights", "centre")}
    write_arrays(path, MAGIC, _About(attribute_map.places, attribute_map.length, attribute_map.networks), arrays)


def open_map(path: Path, hidden: int) -> AttributeMap:
    """Map the file of an attribute map into memory.

    Args:
        path: the file.
        hidden: the model's hidden size.

    Raises:
        ArtifactCorrupt: it is no map, it is truncated, or it belongs to another model.
    """
    file = open_arrays(path, MAGIC)
    try:
        about = msgspec.json.decode(file.about, type=_About)
        rarity, weights, centre = (file.arrays[name] for name in ("rarity", "weights", "centre"))
    except (KeyError, *DECODE_ERRORS) as error:
        raise ArtifactCorrupt(f"{path.name} is not an attribute map: {error}") from None
    fits = (rarity.shape, weights.shape, centre.shape) == ((SIZE,), (SIZE, hidden), (hidden,))
    if not fits or {array.dtype.str for array in (rarity, weights, centre)} != {"<f4"}:
        raise ArtifactCorrupt(
            f"{path.name} belongs to a model of another hidden size, or was learned by another release"
        )
    return AttributeMap(about.places, rarity, weights, centre, about.length, about.networks)


def new_item_rows(artifact: Artifact, catalogue: Catalogue, positions: NDArray[np.int32]) -> Floats | None:
    """Return the rows of items that a model version was not trained on.

    Args:
        artifact: the version; its folder holds the attribute map, if it has one.
        catalogue: a catalogue.
        positions: the catalogue's positions of the items.

    Returns:
        float32[positions, hidden] on the scale of the version's item table; None if it has no attribute map.

    Raises:
        ArtifactCorrupt: the map is missing from the folder, or damaged.
    """
    expected = artifact.manifest.documents.get(ATTRIBUTES)
    if expected is None:
        return None
    path = artifact.path(ATTRIBUTES)
    if not path.is_file() or digest_of(path) != expected:
        raise ArtifactCorrupt(f"{ATTRIBUTES} of {artifact.version} is missing or damaged")
    return open_map(path, artifact.manifest.model.hidden).rows(catalogue, positions)
