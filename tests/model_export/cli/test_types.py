"""Types of events on the command line, from an export to the evaluation."""

from pathlib import Path

import pytest

from nextitem.model.artifact import open_artifact
from tests.model_export.cli.commandline import done


@pytest.mark.slow
def test_types_of_events_reach_the_model_and_its_evaluation(tmp_path: Path) -> None:
    # GIVEN events with types, whose labels in the file are others
    events, train, test = tmp_path / "events.csv", tmp_path / "train.csv", tmp_path / "test.csv"
    done("simulate", "--sessions", "200", "--products", "40", "--types", "--out", events)
    events.write_text(events.read_text().replace(",purchase\n", ",order placed\n"))
    layout = ("--type-column", "type", "--keep", "view,cart,order placed=purchase")
    split = done("split", events, *layout, "--test-days", "3", "--train-out", train, "--test-out", test)
    assert "train and evaluate read it with --type-column type" in split.err
    # WHEN a model is trained with them THEN it knows three types
    typed = ("--type-column", "type")
    done(
        "train",
        train,
        *typed,
        "--type-weight",
        "purchase=4",
        "--out",
        tmp_path / "run",
        "--epochs",
        "1",
        "--hidden",
        "16",
    )
    exported = done("export", tmp_path / "run", "--out", tmp_path / "artifacts", "--max-hr-loss", "0.5")
    artifact = Path(exported.out.strip())
    assert open_artifact(artifact).manifest.types == ("view", "cart", "purchase")
    # AND the evaluation has a slice for each target type
    document = done("evaluate", artifact, "--events", test, *typed, "--json").document
    slices = {part["slice"]: part["targets"] for part in document["slices"] if part["by"] == "type of the target"}
    assert {"view", "purchase"} <= slices.keys() <= {"view", "cart", "purchase"}
    assert sum(slices.values()) == document["targets"]
    # AND a warning where the column of types is forgotten, or a type is unknown
    assert "name the column of their types with --type-column" in done("evaluate", artifact, "--events", test).err
    listed = done("batch", test, "--artifact", artifact, "--out", tmp_path / "lists.parquet")
    assert "name the column of their types with --type-column" in listed.err
    test.write_text(test.read_text().replace(",purchase\n", ",rent\n"))
    assert "does not know events of the type rent" in done("evaluate", artifact, "--events", test, *typed).err
