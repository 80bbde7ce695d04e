"""The shape of the tree: small modules, few of them at the root of the library, tests that mirror the code."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 300
MAX_LIBRARY_ROOT_MODULES = 12
PARTS = ("clients", "functions", "model_export", "devstack", "docsite", "observability", "bench", "tests")


def modules() -> list[Path]:
    return [path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))]


def test_no_module_is_too_long() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_the_library_has_few_modules_at_its_root() -> None:
    assert len(list((ROOT / "functions" / "nextitem").glob("*.py"))) <= MAX_LIBRARY_ROOT_MODULES


def test_each_folder_of_tests_mirrors_a_package() -> None:
    packages = {path.parent.relative_to(ROOT) for path in modules()}
    mirrored = {
        package.relative_to("functions") if package.parts[0] == "functions" else package for package in packages
    }
    folders = {path.parent.relative_to(ROOT / "tests") for path in modules() if path.name.startswith("test_")}
    nested = {folder for folder in folders if len(folder.parts) > 1}
    assert nested - mirrored == set()


def test_the_wheel_installs_no_generic_names() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) == {"functions/nextitem", "model_export"}


def imports_before_its_package(path: Path) -> list[str]:
    """Return the submodules of numpy that a module imports at its top before numpy itself."""
    names: list[str] = []
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Import):
            names += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module is not None:
            names.append(statement.module)
    before = names[: names.index("numpy")] if "numpy" in names else names
    return [name for name in before if name.startswith("numpy.")]


def test_numpy_is_imported_before_its_parts() -> None:
    # Threads of a cold start import at once. `import numpy` waits for another thread that is importing it; an import of
    # `numpy.typing` does not, finds half of numpy, and breaks the import of the other thread.
    faults = {path.relative_to(ROOT): imports_before_its_package(path) for path in (ROOT / "functions").rglob("*.py")}
    assert {path: names for path, names in faults.items() if names} == {}


def imports_without_waiting(path: Path) -> list[str]:
    """Return the functions that import a module of the catalogue, which imports numpy, before they wait for numpy."""
    names = []
    for function in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)):
        nodes = [node for node in ast.walk(function) if isinstance(node, ast.ImportFrom | ast.Call)]
        waits = [node.lineno for node in nodes if ast.unparse(node) == "_wait_for_numpy()"]
        imports = [
            node.lineno
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nextitem.catalogue")
        ]
        if imports and min(waits, default=min(imports)) >= min(imports):
            names.append(function.name)
    return names


def test_the_threads_of_a_cold_start_wait_for_numpy() -> None:
    registry = ROOT / "functions" / "nextitem" / "registry"
    faults = {path.name: imports_without_waiting(path) for path in registry.glob("*.py")}
    assert {name: functions for name, functions in faults.items() if functions} == {}


CONTRACT = """
[tool.importlinter]
root_packages = ["shop"]
include_external_packages = true
contract_types = ["allowed_libraries: tests.architecture.allowed_libraries.AllowedLibraries"]

[[tool.importlinter.contracts]]
name = "shop"
type = "allowed_libraries"
packages = ["shop"]
libraries = [LIBRARY]
"""
LINT = """
import sys
sys.path[:0] = sys.argv[1:]
from importlinter.cli import lint_imports_command
lint_imports_command(["--no-cache", "--no-logo"])
"""


@pytest.mark.parametrize(("library", "kept"), [("numpy", True), ("msgspec", False)])
def test_a_library_that_a_contract_does_not_list_is_refused(library: str, kept: bool, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("def load():\n    import numpy\n\n    return numpy\n")
    (tmp_path / "pyproject.toml").write_text(CONTRACT.replace("LIBRARY", f'"{library}"'))
    command = [sys.executable, "-c", LINT, str(ROOT), str(tmp_path)]
    lint = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (lint.returncode == 0) == kept, lint.stdout
    assert ("shop imports numpy" in lint.stdout) != kept
