"""`nextitem availability` reads the same ids from a file and from standard input, and never changes one."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from nextitem.ids import id_fault
from tests.model_export.cli.commandline import Answer, done, nextitem
from tests.nextitem.parts import STEADY

BUCKET = "registry"
MARK = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def registry() -> Iterator[None]:
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("NEXTITEM_BUCKET", BUCKET)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ids")


def set_unavailable(data: bytes, source: Path | None) -> Answer:
    """Run the command with these bytes in a file, or on standard input."""
    if source is not None:
        source.write_bytes(data)
        return nextitem("availability", "--unavailable", source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        return nextitem("availability", "--unavailable", "-")


def unavailable() -> list[str]:
    return list(done("availability", "--json").document["unavailable"])


@pytest.mark.parametrize("source", ["file", "-"])
@pytest.mark.parametrize("mark", [b"", MARK], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
@pytest.mark.usefixtures("registry")
def test_a_byte_order_mark_and_line_ends_belong_to_no_id(source: str, mark: bytes, end: bytes, folder: Path) -> None:
    set_unavailable(b"other\n", None)
    data = mark + b"tea" + end + end + "café 🦊".encode()
    answer = set_unavailable(data, folder / "ids.txt" if source == "file" else None)
    assert answer.code == 0, answer
    assert unavailable() == ["café 🦊", "tea"]


@settings(STEADY, max_examples=20)
@given(
    st.lists(st.text(st.characters(exclude_characters="\n\ufeff", codec="utf-8")), min_size=1, max_size=3),
    st.sampled_from(["ids.txt", "-"]),
)
@example(["tea\x0bpot"], "ids.txt")
@example(["tea\x85pot"], "-")
@example(["tea\u2028pot"], "ids.txt")
@example(["tea\rpot"], "ids.txt")
@example(["tea\rpot"], "-")
@pytest.mark.usefixtures("registry")
def test_an_id_is_set_whole_or_refused(folder: Path, lines: list[str], source: str) -> None:
    set_unavailable(b"before\n", None)
    data = "".join(f"{line}\n" for line in lines).encode()
    answer = set_unavailable(data, None if source == "-" else folder / source)
    ids = {line.removesuffix("\r") for line in lines} - {""}
    if any(id_fault(item_id) for item_id in ids):
        assert "is not an id" in answer.fault
        assert unavailable() == ["before"]
    else:
        assert answer.code == 0, answer
        assert unavailable() == sorted(ids)


@pytest.mark.usefixtures("registry")
def test_input_that_is_not_utf_8_is_named() -> None:
    assert "standard input cannot be read" in set_unavailable(b"\xff\xfet\0", None).fault
