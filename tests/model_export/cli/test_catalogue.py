"""`nextitem items`: from a shop's file to the catalogue of a route, and back."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from devstack.publish import demo_artifact
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import Publisher
from tests.model_export.cli.commandline import done, nextitem

pytestmark = pytest.mark.slow

BUCKET = "registry"
FIRST = "item_id,title,price,tags\ntea,Tea,4.5,new|hot\npot,Pot,12,\n"
SECOND = "item_id,title,price,tags\ntea,Tea,5,new|hot\ncup,Cup,3,new\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A bucket, and a folder with two files of items."""
    with mock_aws():
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        Path("first.csv").write_text(FIRST)
        Path("second.csv").write_text(SECOND)
        yield tmp_path
        client.close()


@pytest.mark.usefixtures("work")
def test_a_catalogue_is_published_shown_compared_and_taken_back() -> None:
    # GIVEN nothing, a route has no catalogue
    assert "route live has no catalogue; nextitem items publish gives it one" in nextitem("items", "show", "tea").err

    # WHEN a file is published THEN its columns are shown, and its items can be looked at
    shown = done("items", "publish", "first.csv", "--type", "price=number")
    assert "with 2 items (revision 1)" in shown.err
    assert all(word in shown.out for word in ("title", "string", "price", "number", "tags", "strings"))
    assert done("items", "show", "tea", "--json").document["fields"] == {
        "title": "Tea",
        "price": 4.5,
        "tags": ["new", "hot"],
    }
    assert "has no item 'cup'" in nextitem("items", "show", "cup").err

    # WHEN another one is published THEN the two can be compared, with each other and with a file
    second = done("items", "publish", "second.csv", "--json").document
    assert (second["revision"], second["items"]) == (2, 2)
    assert second["columns"][1] == {"name": "price", "kind": "number", "missing": 0}
    changes = done("items", "diff", "--json").document
    assert changes["after"] == second["version"]
    assert (changes["added"], changes["removed"]) == (
        {"count": 1, "first": ["cup"]},
        {"count": 1, "first": ["pot"]},
    )
    assert changes["by_column"] == {"price": 1}
    text = done("items", "diff").out
    assert "1 items added: cup\n1 items removed: pot\n1 items changed: tea\n  price: 1 items\n" in text
    assert done("items", "diff", "second.csv", "--json").document["changed"]["count"] == 0
    assert done("items", "diff", changes["before"], "first.csv", "--json").document["changed"]["count"] == 0

    # WHEN it is taken back THEN the first one is live again
    assert done("items", "rollback", "--json").document["version"] == changes["before"]
    history = done("items", "versions", "--json").document
    assert [(entry["revision"], entry["live"], entry["restores"]) for entry in history] == [
        (3, True, 1),
        (2, False, None),
        (1, False, None),
    ]
    assert "live, restores 1" in done("items", "versions").out


@pytest.mark.usefixtures("work")
def test_nothing_is_published_if_a_row_is_wrong() -> None:
    Path("wrong.csv").write_text(FIRST + "cup,Cup,cheap,\n")
    answer = nextitem("items", "publish", "wrong.csv", "--type", "price=number")
    assert answer.fault.startswith("nextitem: wrong.csv, line 4, column 'price': 'cheap' is not a number")
    for wrong in ("price", "price=money"):
        answer = nextitem("items", "publish", "first.csv", "--type", wrong)
        assert "must be a column, = and one of string" in answer.fault
    assert BotoObjectStore(BUCKET, region="us-east-1").keys("") == []


@pytest.mark.usefixtures("work")
def test_the_settings_file_has_defaults_of_commands_in_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTITEM_BUCKET")
    Path("nextitem.toml").write_text(f'bucket = "{BUCKET}"\n["items publish"]\ntype = ["price=string"]\n')
    published = done("items", "publish", "first.csv", "--json").document
    assert published["columns"][1]["kind"] == "string"
    assert len(done("items", "versions", "--json").document) == 1
    Path("nextitem.toml").write_text('["items publish"]\nroutes = "x"\n')
    assert "`nextitem items publish` has no option --routes" in nextitem("items", "publish", "first.csv").fault


@pytest.mark.usefixtures("work")
def test_a_promoted_version_is_joined_with_the_catalogue(caplog: pytest.LogCaptureFixture) -> None:
    # GIVEN a catalogue and a published version
    done("items", "publish", "first.csv")
    bucket = BotoObjectStore(BUCKET, region="us-east-1")
    version = Publisher(bucket).publish(demo_artifact())
    assert not any("/models/" in key for key in bucket.keys("catalogues/"))

    # WHEN it is promoted, and another catalogue is published THEN there is a join with each
    done("promote", version)
    done("items", "publish", "second.csv")
    assert len([key for key in bucket.keys("catalogues/") if key.endswith(f"/models/{version}.bin")]) == 2
    # AND a warning that they have no item in common, with an example of both
    [at_promotion, at_publishing] = [record.getMessage() for record in caplog.records]
    assert f"items of {version} is in the catalogue" in at_promotion
    ids = "Ids of the model are such as 'board-001', 'board-002', 'board-003'; of the catalogue such as"
    assert at_promotion.endswith(f"{ids} 'pot', 'tea'")
    assert at_publishing.endswith(f"{ids} 'cup', 'tea'")
