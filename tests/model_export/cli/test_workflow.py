"""The command line from simulated events to a served version."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import numpy as np
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from model_export.data.ingestion.reader import read_sessions
from model_export.training.run_folder import read_run
from nextitem.model.artifact import open_artifact
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import listed

pytestmark = pytest.mark.slow

BUCKET = "registry"
WHAT_PEOPLE_DID = ["promotion 1", "forced-promotion None", "promotion 2", "rollback 3", "promotion 4"]


@dataclass(frozen=True)
class Shop:
    """The files of the first commands."""

    folder: Path
    artifact: Path

    @property
    def version(self) -> str:
        return self.artifact.name


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    events, train, test = folder / "events.csv.gz", folder / "train.csv", folder / "test.parquet"
    done("simulate", "--sessions", "300", "--products", "40", "--out", events, "--items-out", folder / "items.csv")
    done("split", events, "--test-days", "3", "--train-out", train, "--test-out", test)
    done("train", train, "--out", folder / "run", "--epochs", "2", "--hidden", "16", "--seed", "5")
    exported = done("export", folder / "run", "--out", folder / "artifacts", "--max-hr-loss", "0.5")
    return Shop(folder, Path(exported.out.strip()))


def test_split_counts_what_it_writes(shop: Shop, tmp_path: Path) -> None:
    train, test = tmp_path / "train.parquet", tmp_path / "test.csv.gz"
    printed = done("split", shop.folder / "events.csv.gz", "--train-out", train, "--test-out", test, "--json").document
    for side, path in (("train", train), ("test", test)):
        sessions = read_sessions(path)
        assert printed[side] == {
            "file": str(path),
            "sessions": len(sessions),
            "events": len(sessions.codes),
            "items": len(sessions.catalogue),
        }
    assert printed["by"].startswith("the sessions that start on the last 3 UTC days (")
    # The same split in another format is the same data
    assert read_sessions(train).digest == read_sessions(shop.folder / "train.csv").digest


def test_train_and_export_report_their_results(shop: Shop, tmp_path: Path) -> None:
    # GIVEN the training events in another format
    train = tmp_path / "train.parquet"
    done("split", shop.folder / "events.csv.gz", "--train-out", train, "--test-out", tmp_path / "test.csv")
    # WHEN they are trained on with the same settings, and exported
    settings = ("--epochs", "2", "--hidden", "16", "--seed", "5")
    run = done("train", train, "--out", tmp_path / "run", *settings, "--json").document
    printed = done("export", tmp_path / "run", "--out", tmp_path / "out", "--max-hr-loss", "0.5", "--json").document
    # THEN the same data and seed give the same version, byte for byte
    assert printed["version"] == shop.version
    assert printed["folder"] == str(tmp_path / "out" / shop.version)
    # AND the JSON equals the file, and says what was chosen
    assert [decision["setting"] for decision in run["decisions"]] == ["loss", "networks", "batch", "batching"]
    assert run["training"]["seed"] == 5
    record = read_run(tmp_path / "run").record
    assert run["training"]["data_sha256"] == read_sessions(train).digest == record.training.data_sha256
    assert printed["quantization"]["overlap"] == open_artifact(shop.artifact).manifest.quantization.overlap


def test_every_setting_reaches_the_training(shop: Shop, tmp_path: Path) -> None:
    settings = {  # each other than its default
        "epochs": 1,
        "minutes": 7.0,
        "networks": 2,
        "neighbour_rows": 0.25,
        "hidden": 16,
        "layers": 2,
        "loss": "sampled-softmax",
        "learning_rate": 0.004,
        "batch": 32,
        "dropout": 0.125,
        "temperature": 0.25,
        "item_dropout": 0.0625,
        "smoothing": 0.03125,
        "samples": 77,
        "weight_decay": 0.015625,
        "averaging": 0.75,
        "type_weight": "view=2",
        "recency": 0.5,
        "memory_sessions": 99,
        "validation_days": 3,
        "seed": 9,
    }
    options = [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    done("train", shop.folder / "train.csv", "--out", tmp_path / "run", *options)
    record = read_run(tmp_path / "run").record
    assert settings.items() <= record.training.hyperparameters.items()
    assert (record.hidden, record.layers, record.temperature, record.training.seed) == (32, 2, 0.25, 9)  # of both


def test_evaluate_writes_report_and_ranks(shop: Shop, tmp_path: Path) -> None:
    # GIVEN an artifact, test and training events
    arguments = (
        "evaluate",
        shop.artifact,
        "--events",
        shop.folder / "test.parquet",
        "--train",
        shop.folder / "train.csv",
    )
    # WHEN they are evaluated into files, one without the suffix .npy
    ranks = tmp_path / "deep" / "ranks.bin"
    page = tmp_path / "deep" / "report.html"
    shown = done(*arguments, "--ranks", ranks, "--report", page, "--run", shop.folder / "run")
    # THEN the files are complete and agree, and there are no others
    assert listed(tmp_path) == ["deep", "deep/ranks.bin", "deep/report.html"]
    assert f"{page}: the report" in shown.err.splitlines()
    for curve in read_run(shop.folder / "run").record.curves:
        assert f"Marked: epoch {curve.used}, which validation chose." in page.read_text()
    document = done(*arguments, "--json").document
    written_ranks = np.load(ranks, allow_pickle=False)
    assert written_ranks.shape == (document["targets"],)
    assert float((written_ranks <= 20).mean()) == pytest.approx(document["model"]["hr@20"])
    # AND the table shows every metric of every ranker in full
    new = document["without_seen"]
    for figures in (document["model"], *document["baselines"].values(), new["model"], *new["baselines"].values()):
        for name, value in figures.items():
            assert name in shown.out
            assert f"{value:.4f}" in shown.out
    assert f"{document['targets']} targets; the model is {shop.version}" in shown.out
    assert f"Seen items left out: {new['targets']} targets new to their session" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_evaluate_takes_several_files(shop: Shop, tmp_path: Path) -> None:
    # GIVEN the test events in two files
    lines = shop_lines(shop.folder / "test.parquet")
    half = len(lines) // 2
    for name, part in (("a.csv", lines[:half]), ("b.csv", lines[half:])):
        (tmp_path / name).write_text("\n".join(["session_id,item_id,timestamp", *part]) + "\n")
    # WHEN they are evaluated together, and as one file
    both = ("--events", tmp_path / "a.csv", "--events", tmp_path / "b.csv")
    together = done("evaluate", shop.artifact, *both, "--json").document
    whole = done("evaluate", shop.artifact, "--events", shop.folder / "test.parquet", "--json").document
    # THEN no event is lost
    assert together["targets"] == whole["targets"]
    assert together["model"] == whole["model"]


def shop_lines(path: Path) -> list[str]:
    """The events of a file as lines of CSV."""
    table = pq.read_table(path).to_pylist()
    return [f"{row['session_id']},{row['item_id']},{row['timestamp']}" for row in table]


def test_evaluate_warns_of_other_training_data_and_of_overlap(shop: Shop) -> None:
    # The events before the split, as training data
    test, events = shop.folder / "test.parquet", shop.folder / "events.csv.gz"
    answer = done("evaluate", shop.artifact, "--events", test, "--train", events, "--json")
    lines = answer.err.splitlines()
    assert f"{events}, as these options read it, is not the data that {shop.version} was trained on" in lines
    # A second message says that the test sessions are among them.
    overlap = answer.document["overlap"]
    assert overlap["sessions"] == overlap["later_sessions"] == len(read_sessions(test))
    [known] = [line for line in lines if line.startswith("train and test overlap")]
    assert known.startswith(f"train and test overlap: {overlap['sessions']} test sessions are in train")
    assert answer.document["baselines"]


def test_recommend_shows_items_and_names(shop: Shop) -> None:
    items = read_sessions(shop.folder / "train.csv").catalogue[:2]
    # One item of the session is not in the catalogue.
    answer = done("recommend", shop.artifact, *items, "unheard-of", "--limit", "5", "--exclude-seen", "--json")
    assert answer.document["version"] == shop.version
    recommendations = answer.document["recommendations"]
    assert len(recommendations) == 5
    assert not {item["item_id"] for item in recommendations} & set(items)
    scores = [item["score"] for item in recommendations]
    assert scores == sorted(scores, reverse=True)
    assert answer.err.splitlines() == ["ignored, because not in the catalogue: unheard-of"]
    # The table has the same items, with names
    table = done(
        "recommend", shop.artifact, *items, "--limit", "5", "--exclude-seen", "--names", shop.folder / "items.csv"
    ).out
    assert [line.split("│")[2].strip() for line in table.splitlines() if line.startswith("│")] == [
        item["item_id"] for item in recommendations
    ]


def test_without_a_known_item_recommend_shows_the_most_popular(shop: Shop) -> None:
    answer = done("recommend", shop.artifact, "[/no]", ":markup:", "--limit", "3", "--json")
    popular = open_artifact(shop.artifact).manifest.popular[:3]
    items = read_sessions(shop.folder / "train.csv").catalogue
    assert [item["item_id"] for item in answer.document["recommendations"]] == [items[item.index] for item in popular]
    assert "[/no], :markup:" in answer.err
    assert "most popular" in answer.err


@pytest.fixture(scope="module")
def registry() -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", "http://{}:{}".format(*server.get_host_and_port()))
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("NEXTITEM_BUCKET", BUCKET)
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield
    server.stop()


@pytest.mark.usefixtures("registry")
def test_a_version_is_published_promoted_and_rolled_back(shop: Shop, tmp_path: Path) -> None:
    # GIVEN an empty registry, and a second artifact
    assert done("versions", "--json").document == []
    settings = ("--epochs", "1", "--hidden", "16", "--seed", "6")
    done("train", shop.folder / "train.csv", "--out", tmp_path / "run", *settings)
    loose = ("--max-hr-loss", "0.5", "--min-overlap", "0.5")
    exported = done("export", tmp_path / "run", "--out", tmp_path / "out", *loose)
    other = Path(exported.out.strip())
    # The schemes that were not tried share a line for each reason
    reasons = [line.partition(": not tried: ")[2] for line in exported.err.splitlines() if ": not tried: " in line]
    assert len(reasons) == len(set(reasons)) >= 1
    considered = open_artifact(other).manifest.quantization.considered
    assert all(re.search(rf"(^  |, ){row.scheme}[,:]", exported.err, re.MULTILINE) for row in considered)

    def shares() -> dict[str, float]:
        return {row["version"]: row["share"] for row in done("versions", "--json").document}

    # WHEN both are published, one of them twice
    published = done("publish", shop.artifact)
    assert (published.out.split(), published.err) == ([shop.version], "")  # the hint is for terminals
    assert done("publish", shop.artifact, "--json").document == {"version": shop.version}
    done("publish", other)
    # THEN both are listed, without traffic
    assert shares() == {shop.version: 0.0, other.name: 0.0}
    # WHEN both are promoted, one after the other
    first = done("promote", shop.version, "--exclude-seen", "--json").document
    second = done("promote", other.name, "--force", "--json").document
    # THEN the second has all traffic
    assert (first["revision"], second["revision"]) == (1, 2)
    assert first["exclude_seen"] is second["exclude_seen"] is True
    assert shares() == {shop.version: 0.0, other.name: 1.0}
    # WHEN that is rolled back
    third = done("rollback", "--json").document
    # THEN the first is live again, in a new revision
    assert (third["revision"], third["restores"]) == (3, 1)
    assert shares() == {shop.version: 1.0, other.name: 0.0}
    # AND the JSON is a summary, with the whole manifest left in the bucket
    row = next(row for row in done("versions", "--json").document if row["version"] == shop.version)
    training = read_run(shop.folder / "run").record.training
    assert (row["events"], row["items"]) == (training.events, len(read_sessions(shop.folder / "train.csv").catalogue))
    assert set(row) == {"version", "share", "items", "events", "until", "validation", "verdict"}
    assert row["validation"]["hr@20"] == open_artifact(shop.artifact).manifest.evaluation["hr@20"]
    # AND the table names both in full
    table = done("versions").out
    assert [name for name in (shop.version, other.name, "100%") if name not in table] == []
    # AND a setting of the route alone is changed by promoting the live version
    said = done("promote", shop.version, "--no-exclude-seen").err
    assert said == f"route live, revision 4: {shop.version} (main); seen items: not left out\n"
    # AND the log of the route has what people did
    log = done("experiment", "log", "--json").document
    assert [f"{entry['what']} {entry['details'].get('revision')}" for entry in log] == WHAT_PEOPLE_DID
    refused = nextitem("rollback", "--route", "beta")
    assert refused.code == 1
    assert refused.err == "nextitem: routes/beta.json is not in the bucket: there is nothing to roll back\n"


@pytest.mark.usefixtures("registry")
def test_errors_of_the_registry_are_one_line(shop: Shop) -> None:
    for arguments, why in (
        (("promote", "v0123456789abcdef"), "the registry has no version v0123456789abcdef"),
        (("promote", "latest"), "the registry has no version latest"),
        (("versions", "--bucket", "no-such-bucket"), "bucket no-such-bucket cannot be used"),
        (("versions", "--bucket", "no bucket"), "bucket no bucket cannot be used"),
        (("publish", shop.artifact, "--bucket", "no-such-bucket"), "bucket no-such-bucket cannot be used"),
    ):
        answer = nextitem(*arguments)
        assert (answer.code, answer.out) == (1, "")
        assert len(answer.err.splitlines()) == 1
        assert why in answer.err
