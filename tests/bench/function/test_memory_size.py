"""What a memory size costs, and the control group that stands for its share of a CPU."""

from pathlib import Path

import pytest

from bench.function.cpu_quota import PERIOD_US, limited
from bench.function.memory_size import row_of
from model_export.cost import prices
from model_export.cost.estimate import VCPU_MB


def test_a_size_is_priced_by_what_lambda_bills() -> None:
    # GIVEN requests that take 0.4 and 1.2 ms, and starts of 500 ms, at 1,024 MB
    row = row_of(1024, [500.0, 500.0], [0.4, 1.2], resident_mb=100.0)

    # WHEN priced THEN each request is billed the milliseconds that it has begun, one and two
    assert row.million_requests == pytest.approx(0.20 + 1_000_000 * 0.0015 * prices.LAMBDA_GB_SECOND, abs=1e-3)
    assert row.thousand_cold_starts == pytest.approx(1000 * 0.5 * prices.LAMBDA_GB_SECOND, abs=1e-5)
    assert (row.vcpus, row.cold_max_ms) == (round(1024 / VCPU_MB, 2), 500.0)


def test_half_a_cpu_is_half_of_each_period_on_version_2_of_control_groups(tmp_path: Path) -> None:
    # GIVEN a root as version 2 has it, its groups without a CPU controller
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io\n")
    (tmp_path / "cgroup.subtree_control").write_text("\n")

    # WHEN processes are limited THEN the group has the quota
    with limited("half", 0.5, tmp_path) as processes:
        assert processes == tmp_path / "half" / "cgroup.procs"
        assert (tmp_path / "half" / "cpu.max").read_text() == f"{PERIOD_US // 2} {PERIOD_US}"
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
        (tmp_path / "half" / "cpu.max").unlink()  # the kernel's files go with the folder

    # AND it is gone afterwards
    assert not (tmp_path / "half").exists()


def test_and_on_version_1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    with limited("half", 0.5, tmp_path) as processes:
        group = tmp_path / "cpu" / "half"
        assert processes == group / "cgroup.procs"
        assert (group / "cpu.cfs_period_us").read_text() == str(PERIOD_US)
        assert (group / "cpu.cfs_quota_us").read_text() == str(PERIOD_US // 2)
        for file in list(group.iterdir()):
            file.unlink()
    assert not (tmp_path / "cpu" / "half").exists()
