"""From a run and a shop's file of items to new items in the join of catalogue and model, by commands alone."""

import csv
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from model_export.training.run_folder import write_run
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.join import open_join
from nextitem.registry.reader import Registry
from tests.model_export.attributes.shops import NEW, run_of_shop, shop
from tests.model_export.cli.commandline import done

pytestmark = pytest.mark.slow
BUCKET = "registry"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoObjectStore]:
    with mock_aws():
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield BotoObjectStore(BUCKET, client)
        client.close()


def items_file(path: Path, *, telling: bool = True) -> Path:
    catalogue = shop(path.with_suffix(".bin"), telling=telling)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", *catalogue.columns])
        for position in range(len(catalogue)):
            values = [catalogue.value(name, position) for name in catalogue.columns]
            rows.writerow([catalogue.vocabulary.item_id(position), *values])
    return path


@pytest.mark.parametrize("catalogue_first", [True, False])
def test_new_items_get_rows_whether_catalogue_or_version_comes_first(
    store: BotoObjectStore, tmp_path: Path, catalogue_first: bool
) -> None:
    # GIVEN a run that was exported with the shop's items
    Path("run").mkdir()
    write_run(Path("run"), run_of_shop())
    items = items_file(tmp_path / "items.csv")
    loose = ["--min-overlap", "0", "--max-hr-loss", "1"]
    exported = done("export", "run", "--items", items, "--out", "artifacts", *loose, "--json").document
    assert exported["attributes"]["hr_among_new"] > exported["attributes"]["random_among_new"]
    version = done("publish", exported["folder"], "--json").document["version"]
    # WHEN a catalogue with new items and the version come to the route, in either order
    steps = [("items", "publish", str(items)), ("promote", version)]
    for step in steps if catalogue_first else steps[::-1]:
        done(*step)
    catalogue = done("items", "versions", "--json").document[0]["version"]
    # THEN their join has the rows of the new items
    path = Registry(store, tmp_path / "function").catalogues.fetch_join(catalogue, version)
    assert open_join(path, catalogue, version).new_rows.shape == (len(NEW), 32)


def test_a_map_that_is_no_better_than_chance_is_refused_aloud(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_run(folder, run_of_shop())
    items = items_file(tmp_path / "items.csv", telling=False)
    loose = ["--min-overlap", "0", "--max-hr-loss", "1"]
    answer = done("export", folder, "--items", items, "--out", tmp_path / "artifacts", *loose)
    assert "warning: no attribute map, so new items wait for the next training: among new items its HR@20" in answer.err
