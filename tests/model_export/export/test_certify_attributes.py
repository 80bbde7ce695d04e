"""An artifact has an attribute map if it places held-out items better than chance; the manifest says how well."""

from pathlib import Path

import numpy as np
import pytest

from model_export.attributes.attribute_map import new_item_rows
from model_export.export.certify_attributes import MAX_WARM_LOSS, MIN_ITEMS
from model_export.export.export import export
from model_export.progress import Unwatched
from nextitem.catalogue.file import Catalogue
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import ATTRIBUTES, CARD
from tests.model_export.attributes.shops import CATEGORY, IDS, ITEMS, NEW, run_of_shop, shop
from tests.model_export.tiny import LOOSE
from tests.nextitem.catalogue.strategies import written

pytestmark = pytest.mark.slow


def artifact(folder: Path, catalogue: Catalogue) -> Artifact:
    return open_artifact(export(run_of_shop(), folder / "out", LOOSE, Unwatched(), items=catalogue), documents=True)


def test_a_map_that_places_items_well_is_in_the_artifact(tmp_path: Path) -> None:
    # GIVEN a catalogue whose attributes say where an item belongs
    catalogue = shop(tmp_path / "catalogue.bin")
    # WHEN the run is exported with it
    exported = artifact(tmp_path, catalogue)
    # THEN the manifest says how well held-out items were placed
    quality = exported.manifest.attributes
    assert quality is not None
    assert not quality.refused
    assert (quality.items, quality.held_out, quality.category) == (ITEMS, 40, "category")
    assert quality.columns == ("title", "category", "price")
    assert quality.random_among_new == 0.5 < quality.hr_among_new
    assert quality.hr > 0
    assert quality.warm_delta >= -MAX_WARM_LOSS
    assert quality.targets + quality.warm_targets == sum(session.targets for session in run_of_shop().held_out)
    assert f"| HR@20 among held-out items | {quality.hr_among_new:.4f} |" in exported.path(CARD).read_text()
    # AND the map places new items: the engine recommends them beside those of their category
    positions = np.array([catalogue.vocabulary.index(item) for item in NEW], np.int32)
    rows = new_item_rows(exported, catalogue, positions)
    assert rows is not None
    model = Model(exported)
    of_kind_3 = [model.vocabulary.index(item) or 0 for item, kind in zip(IDS, CATEGORY, strict=True) if kind == 3]
    hidden = model.replay(None, of_kind_3[:1])
    scores = {item.index: item.score for item in model.rank(hidden, [ITEMS, ITEMS + 1], (), 2, new_rows=rows)}
    assert scores[ITEMS] > scores[ITEMS + 1]


def test_attributes_that_say_nothing_are_refused(tmp_path: Path) -> None:
    exported = artifact(tmp_path, shop(tmp_path / "catalogue.bin", telling=False))
    quality = exported.manifest.attributes
    assert quality is not None
    assert quality.refused.startswith("among new items its HR@20 is 0.")
    assert ATTRIBUTES not in exported.manifest.documents
    assert not exported.path(ATTRIBUTES).exists()
    assert quality.refused in exported.path(CARD).read_text()
    assert new_item_rows(exported, shop(tmp_path / "catalogue.bin"), np.zeros(1, np.int32)) is None


def test_too_few_items_with_attributes_are_refused(tmp_path: Path) -> None:
    catalogue = written(tmp_path / "few.bin", IDS[:7], {"title": ("string", list("abcdefg"))})
    quality = artifact(tmp_path, catalogue).manifest.attributes
    assert quality is not None
    assert quality.refused == f"7 of {ITEMS} items have attributes; a map needs {MIN_ITEMS}"
