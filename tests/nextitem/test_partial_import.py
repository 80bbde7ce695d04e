"""Packages whose parts are imported without the package itself, and modules that run late."""

import importlib
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from nextitem.partial_import import import_lazily, parts_of

NAME, RUNS = "partial_package", "partial_package_runs"
INIT = f"""
import {RUNS}

{RUNS}.count += 1
from {NAME}.first import FIRST
from {NAME} import second

WHOLE = "whole"
"""

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the package's `__init__.py`; beside it are its modules `first` and `second`, and a counter of its runs."""
    (tmp_path / f"{RUNS}.py").write_text("count = 0\n")
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "first.py").write_text('FIRST = "first"\n')
    (folder / "second.py").write_text(f"import {NAME}\n\nhad_whole = hasattr({NAME}, 'WHOLE')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])

    def write(text: str) -> None:
        (folder / "__init__.py").write_text(text)

    yield write
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]


def runs() -> int:
    """Return how often the package ran."""
    return int(importlib.import_module(RUNS).count)


def test_a_part_is_imported_without_its_package(write: Write) -> None:
    write(INIT)

    with parts_of(NAME):
        first = importlib.import_module(f"{NAME}.first")

    assert first.FIRST == "first"
    assert runs() == 0


def test_the_package_runs_when_it_is_imported_and_has_the_parts_that_were_imported(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        first = importlib.import_module(f"{NAME}.first")

    package = importlib.import_module(NAME)

    assert (package.WHOLE, package.FIRST) == ("whole", "first")
    assert package.first is first
    assert package.second.had_whole is False
    assert runs() == 1


def test_another_module_of_the_package_runs_it_first(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        importlib.import_module(f"{NAME}.first")

    second = importlib.import_module(f"{NAME}.second")

    assert sys.modules[NAME].WHOLE == "whole"
    assert sys.modules[NAME].second is second
    assert runs() == 1


def test_a_part_that_imported_its_package_has_the_one_that_ran(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        second = importlib.import_module(f"{NAME}.second")

    package = importlib.import_module(NAME)

    assert vars(second)[NAME] is package


def test_a_part_that_imported_its_package_can_use_all_of_it_later(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        second = importlib.import_module(f"{NAME}.second")

    assert runs() == 0
    assert vars(second)[NAME].WHOLE == "whole"
    assert runs() == 1


def test_another_thread_that_imports_the_package_meanwhile_gets_all_of_it(write: Write) -> None:
    write(INIT)
    begun, read = threading.Event(), list[str]()

    def import_whole() -> None:
        begun.set()
        read.append(importlib.import_module(NAME).WHOLE)

    thread = threading.Thread(target=import_whole)
    with parts_of(NAME):
        first = importlib.import_module(f"{NAME}.first")
        thread.start()
        begun.wait()
        thread.join(0.1)
        assert (read, runs()) == ([], 0)
    thread.join()

    assert (read, runs()) == (["whole"], 1)
    assert sys.modules[NAME].first is first


@pytest.mark.parametrize("begins", ["before it looks", "after it has looked", "after it has seen none"])
def test_a_thread_that_has_begun_to_run_the_package_goes_on(
    write: Write, monkeypatch: pytest.MonkeyPatch, begins: str
) -> None:
    # GIVEN a thread that runs the package while another one looks whether it was imported
    write(f"import {RUNS}\n\n{RUNS}.begin()\n{INIT}")
    begun, find_spec, module_from_spec = threading.Event(), importlib.util.find_spec, importlib.util.module_from_spec
    whole = threading.Thread(target=importlib.import_module, args=[NAME], daemon=True)

    def begin() -> None:
        begun.set()
        threading.Event().wait(0.2)  # until the other one has gone on

    def start() -> None:
        whole.start()
        begun.wait()

    def find_meanwhile(name: str) -> ModuleSpec | None:
        spec = find_spec(name) if begins == "after it has looked" else None
        start()
        return spec or find_spec(name)

    def make_meanwhile(spec: ModuleSpec) -> ModuleType:
        start()
        return module_from_spec(spec)

    monkeypatch.setattr(importlib.import_module(RUNS), "begin", begin, raising=False)
    if begins == "after it has seen none":
        monkeypatch.setattr(importlib.util, "module_from_spec", make_meanwhile)
    else:
        monkeypatch.setattr(importlib.util, "find_spec", find_meanwhile)
    finders = [*sys.meta_path]
    # WHEN the other one imports parts
    with parts_of(NAME):
        first = importlib.import_module(f"{NAME}.first")
    whole.join(10)
    # THEN neither waits for the other for ever, and both have the same modules
    assert not whole.is_alive()
    assert (sys.modules[NAME].WHOLE, runs()) == ("whole", 1)
    assert sys.modules[NAME].first is first
    assert sys.meta_path == finders


def test_a_name_that_the_package_does_not_have_is_an_attribute_error(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        package = importlib.import_module(NAME)
        with pytest.raises(AttributeError, match="no attribute 'WHOLE'"):
            _ = package.WHOLE

    with pytest.raises(AttributeError, match="no attribute 'NOTHING'"):
        _ = package.NOTHING
    assert runs() == 1


def test_a_package_that_fails_can_be_imported_again(write: Write) -> None:
    write("raise OSError('no disk')\n")
    with parts_of(NAME):
        importlib.import_module(f"{NAME}.first")

    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            importlib.import_module(NAME)


def test_a_part_that_fails_leaves_the_package_importable(write: Write) -> None:
    write(INIT)

    with pytest.raises(ModuleNotFoundError), parts_of(NAME):
        importlib.import_module(f"{NAME}.nothing")

    assert importlib.import_module(NAME).WHOLE == "whole"


def test_a_package_that_was_imported_stays(write: Write) -> None:
    write(INIT)
    package = importlib.import_module(NAME)

    with parts_of(NAME):
        assert sys.modules[NAME] is package

    assert importlib.import_module(NAME) is package
    assert package.__spec__ is not None
    assert package.__spec__.loader is package.__loader__
    assert runs() == 1


def test_a_package_that_is_not_installed_is_still_missing() -> None:
    with parts_of("partial_but_not_installed"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("partial_but_not_installed")


def test_tools_find_the_source_of_the_package(write: Write) -> None:
    write(INIT)
    with parts_of(NAME):
        importlib.import_module(f"{NAME}.first")

    importlib.import_module(NAME)

    assert pkgutil.get_data(NAME, "__init__.py") == INIT.encode()


def test_a_module_runs_when_one_of_its_names_is_read(write: Write) -> None:
    write(INIT)

    import_lazily(NAME)

    assert runs() == 0
    assert sys.modules[NAME].WHOLE == "whole"
    assert runs() == 1


def test_threads_that_read_names_at_once_run_a_module_once(write: Write) -> None:
    write(f"import time\n\ntime.sleep(0.05)\n{INIT}")
    import_lazily(NAME)
    module, count = sys.modules[NAME], 4
    together = threading.Barrier(count)

    def read(_: int) -> str:
        together.wait()
        return str(module.WHOLE)

    with ThreadPoolExecutor(count) as threads:
        assert list(threads.map(read, range(count))) == ["whole"] * count
    assert runs() == 1


def test_a_lazy_module_is_a_name_of_its_package(write: Write) -> None:
    write("")
    package = importlib.import_module(NAME)

    import_lazily(f"{NAME}.first")

    assert package.first.FIRST == "first"


def test_a_module_that_was_imported_stays(write: Write) -> None:
    write(INIT)
    package = importlib.import_module(NAME)

    import_lazily(NAME)

    assert sys.modules[NAME] is package
