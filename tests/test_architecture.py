"""Imports go one way, names that are public exist, and MXNet comes through one door: read off the sources."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import mxgan

ROOT = Path(mxgan.__file__).resolve().parent

# Each part may import from the parts above it (and from itself), as ARCHITECTURE.md draws them.
ORDER = [
    "version",
    "errors",
    "checks",
    "files",
    "progress",
    "config",
    "openmp",
    "nvidia",
    "x_events",
    "mxnet_modules",
    "runtime",
    "distributions",
    "divergences",
    "shapes",
    "ndarray_files",
    "params_files",
    "memory",
    "data",
    "objectives",
    "noise",
    "schedule",
    "networks",
    "initializers",
    "tangent",
    "spectral",
    "penalties",
    "steps",
    "optimizers",
    "precision",
    "bound_pair",
    "modules",
    "averaging",
    "metrics",
    "sampling",
    "evaluation",
    "classifier_training",
    "classifier_cache",
    "run_folder",
    "checkpoint",
    "visualize",
    "figures",
    "outputs",
    "windows",
    "callbacks",
    "guard",
    "diagnosis",
    "history",
    "checkpointer",
    "monitor",
    "pictures",
    "discriminator_accuracy",
    "trainer",
    "recipe",
    "recipes",
    "run_config",
    "references",
    "evaluator",
    "assembly",
    "resuming",
    "session",
    "loading",
    "run_evaluation",
    "doctor",
    "flags",
    "terminal",
    "evaluation_commands",
    "summary_command",
    "cli",
    "__main__",
]
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set:
    """Every module that the source names in an import, at the top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    place = ORDER.index(part_of(path))
    for name in imported(path):
        if name.startswith("mxgan."):
            part = name.split(".")[1]
            if part in ORDER:  # else a name of the package itself
                assert ORDER.index(part) <= place, f"{part_of(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_mxnet_and_opencv_come_through_runtime_alone(path):
    heavy = {name.split(".")[0] for name in imported(path)} & {"mxnet", "cv2"}
    assert not heavy or part_of(path) == "runtime"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_all_lists_what_is_public(path):
    if path.stem == "__main__" or path.name == "version.py":
        pytest.skip("no public names")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = importlib.import_module(
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    )
    assert list(module.__all__) == sorted(module.__all__, key=ruff_order)
    assert all(hasattr(module, name) for name in module.__all__)
    used_outside = set(module.__all__)
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    undocumented = {name for name in defined & used_outside if not getattr(module, name).__doc__}
    assert not undocumented


def ruff_order(name: str) -> tuple:
    """Constants, then classes, then functions, each by the alphabet: the order that ruff holds `__all__` to."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def test_the_packages_own_names_exist():
    assert set(mxgan.__all__) <= set(dir(mxgan))
    for name in mxgan.__all__:
        assert getattr(mxgan, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        mxgan.no_such_name  # noqa: B018


def test_no_recipe_is_named_where_recipes_are_run():
    parts = "trainer modules objectives steps schedule penalties assembly run_config callbacks pictures session"
    for name in parts.split():
        tree = ast.parse((ROOT / f"{name}.py").read_text(encoding="utf-8"))
        named = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in mxgan.RECIPES
        ]
        assert named == (["dcgan"] if name == "run_config" else []), name  # that one is the default of a run
