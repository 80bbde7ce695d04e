"""The list of planted faults is in step with the code. `make mutants` runs the faults themselves."""

from collections import Counter

import pytest

from tests.planted_faults.catalogue import ROOT, plant, read_faults


@pytest.mark.slow
def test_each_fault_can_be_planted_once() -> None:
    faults = read_faults()
    for fault in faults:
        text = plant(fault, (ROOT / fault.file).read_text())
        if fault.file.endswith(".py"):
            compile(text, fault.file, "exec")
        assert all((ROOT / test).is_file() for test in fault.tests), fault
    assert [fault for fault, times in Counter(faults).items() if times > 1] == []


def test_the_list_is_broad() -> None:
    assert len(read_faults()) >= 60
