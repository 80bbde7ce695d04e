"""The price of a memory size, and the CPU quota."""

from pathlib import Path

import pytest

from bench.function.cpu_quota import PERIOD_US, cpu_quota
from bench.function.memory_size import size_result
from model_export.cost import prices
from model_export.cost.estimate import VCPU_MB


def test_a_size_is_priced_by_what_lambda_bills() -> None:
    row = size_result(1024, [500.0, 500.0], [0.4, 1.2], resident_mb=100.0)

    # Requests of 0.4 and 1.2 ms are billed as 1 and 2 ms.
    assert row.million_requests == pytest.approx(0.20 + 1_000_000 * 0.0015 * prices.LAMBDA_GB_SECOND, abs=1e-3)
    assert row.thousand_cold_starts == pytest.approx(1000 * 0.5 * prices.LAMBDA_GB_SECOND, abs=1e-5)
    assert (row.vcpus, row.cold_max_ms) == (round(1024 / VCPU_MB, 2), 500.0)


def test_the_quota_with_control_groups_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io\n")
    (tmp_path / "cgroup.subtree_control").write_text("\n")

    with cpu_quota("half", 0.5, tmp_path) as processes:
        assert processes == tmp_path / "half" / "cgroup.procs"
        assert (tmp_path / "half" / "cpu.max").read_text() == f"{PERIOD_US // 2} {PERIOD_US}"
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
        (tmp_path / "half" / "cpu.max").unlink()  # the kernel's files go with the folder

    assert not (tmp_path / "half").exists()


def test_the_quota_with_control_groups_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    with cpu_quota("half", 0.5, tmp_path) as processes:
        group = tmp_path / "cpu" / "half"
        assert processes == group / "cgroup.procs"
        assert (group / "cpu.cfs_period_us").read_text() == str(PERIOD_US)
        assert (group / "cpu.cfs_quota_us").read_text() == str(PERIOD_US // 2)
        for file in list(group.iterdir()):
            file.unlink()
    assert not (tmp_path / "cpu" / "half").exists()
