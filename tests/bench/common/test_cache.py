"""A cache is made again when anything that it was made from has changed."""

from pathlib import Path

import pytest

from bench.common.cache import cached, digest_of

SETTINGS = {"hidden": 16, "sources": "a"}


def fill(text: str, home: Path, settings: dict[str, object], name: str = "run") -> Path:
    return cached(name, settings, lambda folder: (folder / "content").write_text(text), home)


def test_the_same_settings_are_made_once(tmp_path: Path) -> None:
    first = fill("first", tmp_path, SETTINGS)
    assert fill("second", tmp_path, dict(reversed(SETTINGS.items()))) == first
    assert (first / "content").read_text() == "first"


@pytest.mark.parametrize("changed", [{"hidden": 32}, {"sources": "b"}, {"more": 1}])
def test_others_are_made_again_and_replace_them(tmp_path: Path, changed: dict[str, object]) -> None:
    # GIVEN a folder, another kind whose name begins like it, and a folder of a person
    fill("first", tmp_path, SETTINGS)
    other = fill("other", tmp_path, SETTINGS, "run-16")
    (tmp_path / "run-mine").mkdir()
    # WHEN something else is asked for THEN it is made, and only its forerunner is removed
    made = fill("second", tmp_path, SETTINGS | changed)
    assert (made / "content").read_text() == "second"
    assert set(tmp_path.iterdir()) == {made, other, tmp_path / "run-mine"}


def test_a_failure_keeps_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cached("run", SETTINGS, fail, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_digest_is_of_content_and_names(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    digests = set()
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2")):
        (package / name).write_text(text)
        digests.add(digest_of([package]))
    assert len(digests) == 3
    (package / "a.pyc").touch()
    assert digest_of([package]) in digests
