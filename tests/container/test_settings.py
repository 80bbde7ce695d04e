"""The settings of the container's server."""

import os
from pathlib import Path

import pytest

from container.settings import FORMS, ContainerSettings, usable_cores
from nextitem.errors import SettingsError


def test_without_variables_there_are_defaults() -> None:
    settings = ContainerSettings.read({})

    assert (settings.host, settings.port) == ("0.0.0.0", 8080)  # noqa: S104 - in a pod, the pod
    assert settings.workers == usable_cores()
    assert (settings.concurrency, settings.queue) == (4, 32)
    assert (settings.drain_delay_seconds, settings.drain_seconds) == (5, 20)


def test_variables_are_read() -> None:
    settings = ContainerSettings.read(
        {
            "NEXTITEM_HOST": "::1",
            "NEXTITEM_PORT": "0",
            "NEXTITEM_WORKERS": "3",
            "NEXTITEM_CONCURRENCY": "8",
            "NEXTITEM_QUEUE": "0",
            "NEXTITEM_DRAIN_DELAY_SECONDS": "0.25",
            "NEXTITEM_DRAIN_SECONDS": "3600",
        }
    )

    assert settings == ContainerSettings("::1", 0, 3, 8, 0, 0.25, 3600)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("value", ["-1", "1e3", "99999999", "x y", "nan", "٣"])
def test_a_wrong_value_is_refused_with_its_name(name: str, value: str) -> None:
    if name == "NEXTITEM_HOST" and value in {"-1", "1e3", "99999999", "nan"}:
        return  # the resolver decides
    with pytest.raises(SettingsError, match=f"{name} must be "):
        ContainerSettings.read({name: value})


@pytest.mark.parametrize(("name", "value"), [("NEXTITEM_WORKERS", "0"), ("NEXTITEM_PORT", "65536")])
def test_a_number_out_of_its_range_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be a whole number from .*, not {value}"):
        ContainerSettings.read({name: value})


@pytest.mark.parametrize(
    ("text", "cores"),
    [("100000 100000", 1), ("50000 100000", 1), ("110000 100000", 2), ("max 100000", None), ("", None)],
)
def test_a_quota_limits_the_workers(tmp_path: Path, text: str, cores: int | None) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    available = len(os.sched_getaffinity(0))

    assert usable_cores(quota) == (available if cores is None else min(cores, available))
    assert usable_cores(tmp_path / "absent") == available
