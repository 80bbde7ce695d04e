"""Which tests of the contracts run on Spark, where a test takes some three seconds of a core."""

import pytest

from tests.model_export.data.ingestion.sparks import ALL


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with many parameters, leave the first and the last ones to Spark; DuckDB has all."""
    if ALL:
        return
    of_test: dict[str, list[pytest.Item]] = {}
    for item in items:
        if "::TestSpark::" in item.nodeid:
            of_test.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out = {item.nodeid for group in of_test.values() for item in group[1:-1]}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]
