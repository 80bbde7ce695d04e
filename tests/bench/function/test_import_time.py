"""Python's import times, added up by package."""

from bench.function.import_time import milliseconds_by_package, modules

TEXT = """import time: self [us] | cumulative | imported package
import time:       400 |        400 |   site
import time:      3000 |       3400 |   numpy
import time:      5000 |       5000 | onnxruntime
import time:       700 |        700 |     asyncio.events
import time:       300 |       1000 |   redis.connection
import time:       600 |       1600 | nextitem.redis_client.connection
import time:       200 |        200 | ssl
a warning on standard error
"""


def test_modules_are_read_in_the_order_of_their_import() -> None:
    assert modules(TEXT)[:3] == [("site", 400), ("numpy", 3000), ("onnxruntime", 5000)]
    assert len(modules(TEXT)) == 7


def test_the_shortest_time_of_each_module_counts_for_its_package() -> None:
    slower = [(name, microseconds * 2) for name, microseconds in modules(TEXT)]
    slower[4] = ("redis.connection", 100)

    assert milliseconds_by_package([modules(TEXT), slower]) == {
        "numpy, onnxruntime and what they import": 8.4,
        "asyncio (for redis-py)": 0.7,
        "our modules": 0.6,
        "the rest of the standard library": 0.2,
        "redis-py and hiredis": 0.1,
    }
