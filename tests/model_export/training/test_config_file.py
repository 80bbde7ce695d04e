"""Settings in a file: they come back as they were, and what is wrong with them is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.training.config import FitConfig
from model_export.training.config_file import config_from, write_config
from model_export.training.run_folder import read_run
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.event_files import write_events
from tests.model_export.tiny import cycle


@given(
    st.builds(
        FitConfig,
        hidden=st.integers(1, 64).map(lambda unit: 16 * unit),
        batch=st.integers(1, 4096),
        learning_rate=st.floats(1e-9, 1.0, exclude_min=True),
        dropout=st.floats(0.0, 1.0, exclude_max=True),
        normalised=st.booleans(),
        loss=st.sampled_from(["auto", "softmax"]),
        seed=st.integers(0, 2**63 - 1),
    )
)
def test_settings_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, config: FitConfig) -> None:
    # GIVEN any settings
    path = tmp_path_factory.mktemp("settings") / "best.json"
    # WHEN they are written and read
    write_config(path, config)
    # THEN they are the same
    assert config_from(path) == config


def test_train_takes_a_file_and_options_go_before_it(tmp_path: Path) -> None:
    # GIVEN settings in a file, one of which has no option, and events
    write_events(tmp_path / "events.csv", cycle())
    config = tmp_path / "best.json"
    config.write_text('{"epochs": 1, "hidden": 32, "window": 7, "dropout": 0.0}')
    # WHEN a run is trained with the file, and another setting on the command line, equal to the default
    default = FitConfig().dropout
    done("train", tmp_path / "events.csv", "--out", tmp_path / "run", "--config", config, "--dropout", str(default))
    # THEN the file's count, but for the option
    wanted = replace(FitConfig(), epochs=1, hidden=32, window=7)
    found = read_run(tmp_path / "run").record.training.hyperparameters
    names = ("epochs", "hidden", "window", "dropout", "learning_rate")
    assert {name: found[name] for name in names} == {name: wanted.values()[name] for name in names}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not a JSON object of settings"),
        ("[1]", "is not a JSON object of settings"),
        ('{"hiden": 32}', "unknown setting 'hiden'. Known settings: epochs, hidden,"),
        ('{"hidden": "32"}', "is not a JSON object of settings: Expected `int`, got `str` - at `$.hidden`"),
        ('{"hidden": 33}', "hidden must be a multiple of 16, not 33"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_makes_no_sense_is_told(tmp_path: Path, text: str | None, why: str) -> None:
    # GIVEN a file that is none of settings
    path = tmp_path / "best.json"
    if text is not None:
        path.write_text(text)
    # WHEN a training is to use it
    answer = nextitem("train", tmp_path / "events.csv", "--out", tmp_path / "run", "--config", path)
    # THEN one line says what is wrong
    assert why in answer.fault
