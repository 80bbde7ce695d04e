"""The entry point of training jobs: what it leaves for SageMaker and for the state machine."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from model_export.job_failure import MAX_FAILURE
from model_export.retraining import sagemaker
from model_export.retraining.result import TrainingResult
from nextitem.errors import InputError

JOB = {"NEXTITEM_BUCKET": "models", "NEXTITEM_RETRAINING_JOB": "shop-1"}


def test_a_job_without_a_name_does_not_begin_to_train() -> None:
    with pytest.raises(InputError, match="NEXTITEM_RETRAINING_JOB is not set"):
        sagemaker.train({"NEXTITEM_BUCKET": "models"})


@pytest.mark.parametrize("passed", [True, False])
def test_a_judged_version_ends_well_and_its_result_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], passed: bool
) -> None:
    # GIVEN a training that publishes a version
    verdict = SimpleNamespace(passed=passed, reason="measured")
    written = {}
    monkeypatch.setattr(sagemaker, "run", lambda _: SimpleNamespace(version="v1", verdict=verdict))
    monkeypatch.setattr(sagemaker, "BotoObjectStore", lambda name: name)
    monkeypatch.setattr(sagemaker, "write_result", lambda *given: written.update({given[:2]: given[2]}))
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)

    # WHEN the job ends THEN its exit code is that of a success, and the result says what the gate said
    assert sagemaker.main() == 0
    assert written == {("models", "shop-1"): TrainingResult("v1", passed, "measured")}
    assert "v1: measured" in capsys.readouterr().err


def test_a_failure_is_where_sagemaker_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_environment: object) -> None:
        raise InputError("too few events: " + "x" * 2000)

    monkeypatch.setattr(sagemaker, "run", fail)
    monkeypatch.setenv("NEXTITEM_FAILURE_FILE", str(tmp_path / "output" / "failure"))
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)

    assert sagemaker.main() == 1
    shown = (tmp_path / "output" / "failure").read_text()
    assert shown.startswith("too few events")
    assert len(shown) == MAX_FAILURE


def test_a_fault_of_ours_is_there_too_and_its_traceback_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_environment: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sagemaker, "run", fail)
    monkeypatch.setenv("NEXTITEM_FAILURE_FILE", str(tmp_path / "failure"))
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(OSError, match="No space"):
        sagemaker.main()
    assert (tmp_path / "failure").read_text() == "OSError: [Errno 28] No space left on device"
