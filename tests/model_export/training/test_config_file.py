"""Settings in a file: read as they were written, and errors name the file and the setting."""

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
def test_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, config: FitConfig) -> None:
    path = tmp_path_factory.mktemp("settings") / "best.json"
    write_config(path, config)
    assert config_from(path) == config


@pytest.mark.slow
def test_options_of_train_replace_settings_of_the_file(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", cycle())
    config = tmp_path / "best.json"
    config.write_text('{"epochs": 1, "hidden": 32, "window": 7, "dropout": 0.0}')
    # An option counts even if it equals the default.
    default = FitConfig().dropout
    done("train", tmp_path / "events.csv", "--out", tmp_path / "run", "--config", config, "--dropout", str(default))
    wanted = replace(FitConfig(), epochs=1, hidden=32, window=7)
    hyperparameters = read_run(tmp_path / "run").record.training.hyperparameters
    names = ("epochs", "hidden", "window", "dropout", "learning_rate")
    assert {name: hyperparameters[name] for name in names} == {name: wanted.values()[name] for name in names}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not a JSON object of settings"),
        ("[1]", "is not a JSON object of settings"),
        ('{"hiden": 32}', "unknown setting 'hiden'. Known settings: epochs, minutes,"),
        ('{"hidden": "32"}', "is not a JSON object of settings: Expected `int`, got `str` - at `$.hidden`"),
        ('{"hidden": 33}', "hidden must be a multiple of 16, or 0 for what suits the data, not 33"),
        (None, "cannot be read: there is no such file"),
    ],
)
def test_refuses_a_wrong_file(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "best.json"
    if text is not None:
        path.write_text(text)
    answer = nextitem("train", tmp_path / "events.csv", "--out", tmp_path / "run", "--config", path)
    assert reason in answer.fault
