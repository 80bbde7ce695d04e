"""Manifests and certificates: round trips, versions, and documents that are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported
from nextitem.model.certificate import decode_certificate
from nextitem.model.manifest import (
    FILES,
    MANIFEST,
    SCHEMA,
    decode_manifest,
    digest_of,
    encode_document,
    is_version,
    version_of,
)
from tests.nextitem.parts import STEADY, VERSION

ITEMS = 400
"""Size of the demo model's catalogue."""


@pytest.fixture
def data(demo: Path) -> bytes:
    """The demo model's manifest."""
    return (demo / MANIFEST).read_bytes()


def test_a_manifest_is_read_as_it_was_written(data: bytes) -> None:
    manifest = decode_manifest(data, version_of(data))
    assert encode_document(manifest) == data
    assert set(manifest.files) == set(FILES)
    assert manifest.schema == SCHEMA


def test_the_version_is_the_manifest_s_digest(demo: Path, data: bytes) -> None:
    assert version_of(data) == demo.name
    assert is_version(demo.name)
    assert version_of(data + b" ") != demo.name


@pytest.mark.parametrize("text", ["", "v", "v0123456789abcde", "v0123456789ABCDEF", VERSION + "\n", "../" + VERSION])
def test_other_texts_are_not_versions(text: str) -> None:
    assert not is_version(text)


def test_a_changed_manifest_is_corrupt(data: bytes) -> None:
    changed = data.replace(b'"seed"', b'"sEed"', 1)
    with pytest.raises(ArtifactCorrupt, match=rf"^manifest\.json of {version_of(data)} was changed"):
        decode_manifest(changed, version_of(data))


def test_a_truncated_manifest_is_corrupt(data: bytes) -> None:
    for size in range(0, len(data), 97):
        with pytest.raises(ArtifactCorrupt, match=rf"^manifest\.json of {VERSION} "):
            decode_manifest(data[:size], VERSION)


@STEADY
@given(
    st.binary(max_size=100)
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        msgspec.json.encode
    )
)
@pytest.mark.slow
def test_other_bytes_and_documents_are_not_manifests(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt):
        decode_manifest(data, version_of(data))


DEEP = b"[" * 5000
THIS_SCHEMA = f'{{"schema": {SCHEMA}, '.encode()


@pytest.mark.parametrize(
    "data",
    [THIS_SCHEMA + b'"files": {"\xff": {}}}', THIS_SCHEMA + b'"files": ' + DEEP, THIS_SCHEMA + b'"unknown": ' + DEEP],
    ids=["utf-8", "deep", "deep-unknown"],
)
def test_invalid_or_deep_json_is_not_a_manifest(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"^manifest\.json of v.* is not a manifest"):
        decode_manifest(data, version_of(data))


@pytest.mark.parametrize(
    "data", [b'{"sessions": [{"items": ["\xff"]}]}', b'{"unknown": ' + DEEP], ids=["utf-8", "deep-unknown"]
)
def test_invalid_or_deep_json_is_not_a_certificate(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"^certificate\.json of v.* is not a certificate"):
        decode_certificate(data, VERSION, ITEMS)


@pytest.mark.parametrize(
    ("schema", "remedy"), [(SCHEMA + 1, "deploy newer code"), (SCHEMA - 1, "export the run again")]
)
def test_another_schema_is_unsupported(schema: int, remedy: str) -> None:
    data = f'{{"schema": {schema}, "files": ["in", "another", "form"]}}'.encode()
    message = f"^{version_of(data)} has manifest schema {schema}; this code reads {SCHEMA}: {remedy}"
    with pytest.raises(ArtifactUnsupported, match=message):
        decode_manifest(data, version_of(data))


def rename(kind: str, name: str, new: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[kind].update({new: document[kind].pop(name)})


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document["files"].pop("weights.bin"),
        lambda document: document["files"]["weights.bin"].update(sha256="00"),
        rename("files", "weights.bin", "../weights.bin"),
        lambda document: document["documents"].clear(),
        *(rename("documents", "card.md", name) for name in ("../card.md", "weights.bin", "card.html")),
    ],
)
def test_a_manifest_must_list_each_file_and_document_and_no_other(data: bytes, edit: Any) -> None:
    document = msgspec.json.decode(data)
    edit(document)
    changed = msgspec.json.encode(document)
    with pytest.raises(ArtifactCorrupt, match=r"must list a digest for each of: step\.onnx, .*, card\.md$"):
        decode_manifest(changed, version_of(changed))


def test_a_certificate_is_read_as_it_was_written(demo: Path) -> None:
    data = (demo / "certificate.json").read_bytes()
    assert encode_document(decode_certificate(data, demo.name, ITEMS)) == data
    with pytest.raises(ArtifactCorrupt, match=rf"^certificate\.json of {demo.name} is not a certificate"):
        decode_certificate(data[:-9], demo.name, ITEMS)


@STEADY
@given(content=st.binary(max_size=3000))
def test_a_digest_counts_every_byte(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "digested"
    path.write_bytes(content)
    digest = digest_of(path)
    path.write_bytes(content + b"\x00")
    assert digest.size == len(content)
    assert digest_of(path) != digest
