"""`nextitem availability` reads the same ids from a file and from standard input, and never changes one.

It ignores a header, and reports ids that the route's models do not know.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from devstack.publish import demo_artifact
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.writer import write_catalogue
from nextitem.ids import id_fault
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import VOCABULARY
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import model_key
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
@pytest.mark.slow
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
@pytest.mark.slow
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
    assert "standard input is not UTF-8" in set_unavailable(b"\xff\xfet\0", None).fault


@pytest.mark.parametrize("source", ["ids.txt", "-"])
@pytest.mark.usefixtures("registry")
def test_a_header_is_no_id_and_said_so(folder: Path, source: str) -> None:
    # WHEN a file has the column's name as its first line, and once more below
    answer = set_unavailable(MARK + b"item_id\r\ntea\r\n", None if source == "-" else folder / source)
    # THEN the first is no id, and a message says so
    assert unavailable() == ["tea"]
    where = "standard input" if source == "-" else folder / source
    assert f"{where}: the first line is the header item_id, and no id" in answer.err
    set_unavailable(b"tea\nitem_id\n", None)
    assert unavailable() == ["item_id", "tea"]


@pytest.mark.usefixtures("registry")
def test_an_empty_list_is_said_so() -> None:
    set_unavailable(b"tea\nmug\n", None)
    assert done("availability").out == "mug\ntea\n"
    set_unavailable(b"", None)
    shown = done("availability")
    assert (shown.out, shown.err) == ("", "route live: no item is unavailable\n")


@pytest.mark.usefixtures("registry")
def test_without_a_route_ids_are_not_compared() -> None:
    answer = set_unavailable(b"tea\n", None)
    assert answer.code == 0
    assert "the ids are not compared with a catalogue: route live names no version yet" in answer.err
    assert done("availability", "--json").document["unavailable"] == ["tea"]


def served(route: str, tmp_path: Path) -> list[str]:
    """Give the demo model all traffic of a route; return some of its items."""
    publisher = Publisher(BotoObjectStore(BUCKET), route)
    publisher.promote(publisher.publish(demo_artifact()), tmp_path)
    vocabulary = Vocabulary(open_artifact(demo_artifact()).path(VOCABULARY))
    return [vocabulary.item_id(index) for index in range(3)]


@pytest.mark.usefixtures("registry")
@pytest.mark.slow
def test_ids_that_no_model_of_the_route_knows_are_reported(tmp_path: Path) -> None:
    # GIVEN a route with a model
    known = served("compared", tmp_path / "models")
    ids = tmp_path / "ids.txt"

    def answer(*more: str) -> Answer:
        return done("availability", "--route", "compared", "--unavailable", ids, *more)

    # WHEN known and unknown items are unavailable
    ids.write_text("\n".join([*known, *(f"unheard-{number}" for number in range(7))]))
    # THEN the number of unknown ones and the first of them are reported, and all are set
    first = [f"unheard-{number}" for number in range(5)]
    assert answer().err.splitlines() == [
        "route compared: 10 items are unavailable (revision 1)",
        f"7 of them are in no catalogue of the route: {', '.join(first)}, ...",
    ]
    document = answer("--json").document
    assert document["unknown"] == {"count": 7, "first": first}
    assert len(document["unavailable"]) == 10
    # AND nothing is reported if all are known
    ids.write_text("\n".join(known))
    assert answer().err == "route compared: 3 items are unavailable (revision 3)\n"
    assert answer("--json").document["unknown"] == {"count": 0, "first": []}

    # WHEN the route's catalogue has an item that no model was trained on THEN it is known, too
    write_catalogue(tmp_path / "catalogue.bin", ["unheard-1"], {}, {})
    CataloguePublisher(BotoObjectStore(BUCKET), tmp_path / "models", "compared").publish(tmp_path / "catalogue.bin")
    ids.write_text("unheard-1\nunheard-2\n")
    assert answer("--json").document["unknown"] == {"count": 1, "first": ["unheard-2"]}


@pytest.mark.usefixtures("registry")
def test_a_catalogue_that_cannot_be_read_hinders_no_change(tmp_path: Path) -> None:
    # GIVEN a route whose version has lost its vocabulary
    [item, *_] = served("damaged", tmp_path / "models")
    version = demo_artifact().name
    client = boto3.client("s3")
    client.delete_object(Bucket=BUCKET, Key=model_key(version, VOCABULARY))
    client.close()
    # WHEN an item becomes unavailable
    ids = tmp_path / "ids.txt"
    ids.write_text(item)
    answer = done("availability", "--route", "damaged", "--unavailable", ids, "--json")
    # THEN it is, and a message says that its id was not compared
    assert (answer.document["unavailable"], answer.document["unknown"]) == ([item], None)
    assert f"the ids are not compared with a catalogue: version {version} has no vocabulary" in answer.err
