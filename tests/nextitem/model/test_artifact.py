"""Opening an artifact: each kind of damage is found and named."""

import shutil
from pathlib import Path

import pytest

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import CARD, FILES, MANIFEST


@pytest.fixture
def copy(demo: Path, tmp_path: Path) -> Path:
    """The demo artifact, to be damaged."""
    return Path(shutil.copytree(demo, tmp_path / demo.name))


def test_a_whole_artifact_opens(copy: Path, demo: Path) -> None:
    artifact = open_artifact(copy)
    assert (artifact.version, artifact.folder) == (demo.name, copy)
    assert artifact.path("step.onnx") == copy / "step.onnx"
    assert artifact.certificate().sessions


def test_a_relative_path_has_the_folders_name(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    assert open_artifact(Path()).version == copy.name


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactCorrupt, match=rf"{copy.name} cannot be read: {name}: there is no such file"):
        open_artifact(copy)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [-1, 1], ids=["truncated", "extended"])
def test_a_file_of_another_size_is_named(copy: Path, name: str, change: int) -> None:
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[:-1] if change < 0 else data + b"\x00")
    sizes = f"has {len(data) + change} bytes, its manifest says {len(data)}"
    with pytest.raises(ArtifactCorrupt, match=f"^{name} of {copy.name} {sizes}$"):
        open_artifact(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_one_flipped_bit_is_named(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ArtifactCorrupt, match=f"^{name} of {copy.name} is damaged"):
        open_artifact(copy)


def test_a_damaged_document_is_named_if_documents_are_verified(copy: Path) -> None:
    (copy / CARD).write_bytes(b"x" * (copy / CARD).stat().st_size)
    with pytest.raises(ArtifactCorrupt, match=f"^{CARD} of {copy.name} is damaged"):
        open_artifact(copy, documents=True)
    assert open_artifact(copy).version == copy.name


def test_a_renamed_folder_is_refused(copy: Path) -> None:
    renamed = copy.rename(copy.with_name("v0123456789abcdef"))
    with pytest.raises(ArtifactCorrupt, match=f"v0123456789abcdef .* says {copy.name}"):
        open_artifact(renamed)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"^nothing cannot be read"):
        open_artifact(tmp_path / "nothing")
