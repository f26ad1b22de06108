"""How the house stands: whose modules these are, who imports whom, and what is not loaded before it is needed."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "trl", "vllm", "great_expectations", "datasets", "accelerate"}
MAY_IMPORT_DAGSTER = {
    "ot_assets/definitions.py", "ot_assets/partitions.py", "ot_assets/specs.py", "ot_assets/stage.py",
    "ot_assets/materialized.py", "ot_assets/running.py", "ot_assets/step_output.py", "ot_assets/previews.py",
    "resources/handles.py", "resources/training/pipes.py",
}  # fmt: skip
LOADED_LATE = {
    "resources/training/sft.py", "resources/training/answer_trainer.py", "resources/training/callbacks.py",
    "ot_assets/quality/site.py",
}  # fmt: skip
"""Modules that only the training process, or Great Expectations, loads."""
ASSETS_HOLD_NO_HELPERS_OVER = 4


def modules(*packages: str) -> list[Path]:
    return sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))


def imported(file: Path, *, at_import: bool) -> Iterator[str]:
    """Names of imported modules; with `at_import` only those that importing the file itself loads."""

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}: imports are absolute"
                yield child.module or ""
            elif at_import and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            elif at_import and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from (name for other in child.orelse for name in walk(other))
            else:
                yield from walk(child)

    yield from walk(ast.parse(file.read_text()))


def where(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", ["ot_assets", "resources", "schemas"])
def test_the_packages_are_ours(package: str):
    assert Path(importlib.import_module(package).__file__ or "").parent == ROOT / package


def test_imports_go_in_one_direction():
    wrong = [
        f"{where(file)} imports {name}"
        for package, never in (("schemas", ("resources", "ot_assets")), ("resources", ("ot_assets",)))
        for file in modules(package)
        for name in imported(file, at_import=False)
        if name.split(".")[0] in never
    ]
    assert wrong == []


def test_nothing_of_ours_imports_tests():
    wrong = [where(f) for f in modules("ot_assets", "resources", "schemas")
             if any(name.split(".")[0] == "tests" for name in imported(f, at_import=False))]  # fmt: skip
    assert wrong == []


def test_only_a_few_modules_know_dagster():
    wrong = [
        where(file)
        for file in modules("ot_assets", "resources", "schemas")
        if any(name.split(".")[0].startswith("dagster") for name in imported(file, at_import=True))
        and where(file) not in MAY_IMPORT_DAGSTER
        and file.name != "assets.py"
    ]
    assert wrong == []


def test_the_registry_never_imports_dagster_nor_any_heavy_library():
    wrong = [
        f"{where(file)} imports {name}"
        for file in modules("ot_assets/registry", "ot_assets/planning", "schemas")
        for name in imported(file, at_import=False)
        if name.split(".")[0] in HEAVY | {"dagster"}
    ]
    assert wrong == []


def test_heavy_libraries_are_imported_inside_functions():
    wrong = [
        f"{where(file)} imports {name}"
        for file in modules("ot_assets", "resources", "schemas")
        if where(file) not in LOADED_LATE
        for name in imported(file, at_import=True)
        if name.split(".")[0] in HEAVY
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("ot_assets.definitions", HEAVY | {"scipy", "matplotlib", "reasoning_gym", "math_verify", "sympy"}),
        ("ot_assets.cli", HEAVY | {"dagster", "polars", "pandera", "sqlalchemy"}),
    ],
)
def test_importing_loads_nothing_that_is_not_needed_yet(module: str, never: set[str]):
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OT_", "DAGSTER_"))}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & never == set()
    assert done.stderr == ""


def test_assets_files_hold_assets():
    """A body opens, calls and publishes; what it calls stands elsewhere."""
    for file in ROOT.glob("ot_assets/*/assets.py"):
        functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
        helpers = [f.name for f in functions if not f.decorator_list]
        assert len(helpers) <= ASSETS_HOLD_NO_HELPERS_OVER, f"{file}: {helpers}"
        for function in functions:
            assert function.end_lineno is not None
            assert function.end_lineno - function.lineno < 40, f"{where(file)}: {function.name} is long"
            assert ast.get_docstring(function) or not function.decorator_list, f"{where(file)}: {function.name}"


def test_files_stay_small():
    long = {where(f): n for f in modules("ot_assets", "resources", "schemas")
            if (n := len(f.read_text().splitlines())) > 400}  # fmt: skip
    assert long == {}


def test_every_module_says_what_belongs_in_it():
    silent = [where(f) for f in modules("ot_assets", "resources", "schemas")
              if f.read_text().strip() and not ast.get_docstring(ast.parse(f.read_text()))]  # fmt: skip
    assert silent == []


def test_the_ui_is_configured_by_workspace_yaml_alone():
    """A `[tool.dagster]` table would silently win over it."""
    import tomllib

    assert "dagster" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert "ot_assets.definitions" in (ROOT / "workspace.yaml").read_text()
