"""The training profile counts what a window of the lake counts, and is bounded."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.export.export import export
from model_export.profile.categories import categories_of
from model_export.profile.document import (
    MAX_CATEGORIES,
    Categories,
    Validation,
    decode_profile,
    encode_profile,
    profile_of,
    read_profile,
)
from model_export.profile.habits import Habits, counted, habits_of, unknown_share
from model_export.progress import Unwatched
from model_export.training.run_folder import read_run, write_run
from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import MAX_FILE_BYTES, PROFILE
from tests.model_export.attributes.shops import IDS, run_of_shop, shop
from tests.model_export.handmade import events_of, handmade
from tests.model_export.random_sessions import calendars
from tests.model_export.tiny import LOOSE
from tests.nextitem.catalogue.strategies import written

NONE = Validation(0, 0.5, 0.25, 0.1, ())


def test_repeats_and_single_events_do_not_count() -> None:
    habits = habits_of(handmade("a a b b:cart", "c c", "d", "a b a", start=7 * 3600), unknown=0.25)
    profile = profile_of(habits, "abcd", ("view", "cart"), NONE)
    assert profile.items == {"a": 3, "b": 3}
    assert (profile.sessions, profile.events, profile.types) == (2, 6, {"view": 5, "cart": 1})
    assert profile.lengths[:3] == (0, 2, 0)
    assert profile.hours == ()  # before 1990, times are only an order


def test_hours_are_those_of_utc() -> None:
    nine = 1_600_000_000 // 86_400 * 86_400 + 9 * 3600 + 3599
    assert np.flatnonzero(habits_of(handmade("a b", start=nine), 0).hours).tolist() == [9, 10]


@given(calendars())
@pytest.mark.slow
def test_what_counts_is_the_same_when_counted_again(sessions: Sessions) -> None:
    once = counted(sessions)
    assert events_of(counted(once)) == events_of(once)
    expected = [
        [item for item, last in zip(items, [None, *items], strict=False) if item != last]
        for items in events_of(sessions)
    ]
    assert events_of(once) == [items for items in expected if len(items) > 1]


def test_unknown_items_are_those_that_the_days_before_did_not_have() -> None:
    assert unknown_share(handmade("a x", "x y"), "abc") == 0.75
    assert unknown_share(handmade("a").subset([]), "abc") == 0.0


def test_rare_items_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_export.profile.document.MAX_ITEMS", 2)
    profile = profile_of(habits_of(handmade("a b c a b", "a d"), 0), "abcd", ("view",), NONE)
    assert (profile.items, profile.other_items) == ({"a": 3, "b": 2}, 2)


def test_the_longest_document_fits_its_limit() -> None:
    ids = [f"{number:0>128}" for number in range(3_000)]
    items, types, lengths, hours = (np.full(size, 10**9) for size in (3_000, 100, 9, 24))
    habits = Habits(items, types, lengths, hours, np.array(0.5))
    categories = Categories("c", dict.fromkeys(ids[:MAX_CATEGORIES], 10**12), 0)
    document = encode_profile(profile_of(habits, ids, ids[:100], NONE, categories))
    assert len(document) < MAX_FILE_BYTES[PROFILE] / 4
    assert decode_profile(document, "v1").categories == categories


def test_items_without_a_category_count_as_others(tmp_path: Path) -> None:
    catalogue = written(tmp_path / "c.bin", ["a", "b", "c", "d"], {"category": ("string", ["tea", "tea", None, "cup"])})
    found = categories_of(catalogue, ["x", "a", "b", "c", "d"], np.array([10, 1, 2, 4, 5]))
    assert found == Categories("category", {"cup": 5, "tea": 3}, 14)
    assert categories_of(written(tmp_path / "d.bin", ["a"], {"price": ("number", [1.0])}), ["a"], np.array([1])) is None


@pytest.mark.slow
def test_an_exported_run_has_its_profile(tmp_path: Path) -> None:
    # GIVEN a run that learned from events, in its folder
    sessions = handmade(*(f"{IDS[place]} {IDS[place + 1]} {IDS[place]}" for place in range(40)))
    codes: NDArray[np.int64] = np.zeros(len(IDS), np.int64)
    codes[[IDS.index(item) for item in sessions.catalogue]] = np.bincount(sessions.codes)
    habits = Habits(codes, np.array([120]), np.array([0, 40, *[0] * 7]), np.empty(0, np.int64), np.array(0.125))
    write_run(tmp_path, msgspec.structs.replace(run_of_shop(), habits=habits))
    # WHEN it is exported with attributes
    run = read_run(tmp_path)
    catalogue = shop(tmp_path / "catalogue.bin")
    artifact = open_artifact(export(run, tmp_path / "out", LOOSE, Unwatched(), items=catalogue), documents=True)
    # THEN the artifact has the profile among its documents
    assert PROFILE in artifact.manifest.documents
    profile = read_profile(artifact.path(PROFILE), artifact.version)
    assert (profile.sessions, profile.events) == (40, 120)
    assert sum(profile.items.values()) + profile.other_items == 120
    assert profile.categories is not None
    assert sum(profile.categories.events.values()) + profile.categories.others == 120
    # AND how the model answers: every return to an item is a miss where seen items are left out
    validation = profile.validation
    assert validation.hit_rate == run.record.validation["hr@20"]
    assert 0 < validation.hit_rate_new <= validation.hit_rate
    assert list(validation.scores) == sorted(validation.scores)
    assert (len(validation.scores), validation.unknown) == (21, 0.125)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]"])
def test_a_damaged_profile_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match="is not a profile"):
        decode_profile(data, "v1")


def test_a_profile_with_other_bins_is_refused() -> None:
    profile = profile_of(habits_of(handmade("a b"), 0), "ab", ("view",), NONE)
    for changed in ({"schema": 2}, {"lengths": (1,)}, {"hours": (1, 2)}):
        with pytest.raises(ArtifactCorrupt, match="export the run again"):
            decode_profile(encode_profile(msgspec.structs.replace(profile, **changed)), "v1")
