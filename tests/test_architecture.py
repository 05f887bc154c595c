"""Rooms import from rooms above them, no module in a circle, public names exist, MXNet comes through one door."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mxgan

PACKAGE = Path(mxgan.__file__).resolve().parent

# A room imports from the rooms above it and from itself, as ARCHITECTURE.md draws them.
ROOMS = (
    "errors",
    "runtime",
    "graphs",
    "data",
    "objectives",
    "networks",
    "training",
    "recipes",
    "evaluation",
    "pictures",
    "callbacks",
    "export",
    "runs",
    "web",
    "legacy",
    "cli",
    "__main__",
)
# Modules in the longest chain of imports; six of them mend MXNet before it is imported. It goes from a command
# through a training, the report at its end (what differs between runs, the view of one, its settings), the recipes, and
# the networks that are symbols from a file.
# The pages of mxgan serve add four: command, app, pages, site.
DEEPEST = 24
MOST_ENTRIES = 18  # at the top of the package


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
INSIDE = [name for name in MODULES if name != "mxgan"]


def room_of(name: str) -> str:
    return name.split(".")[1]


@cache
def named(name: str) -> frozenset:
    """Every module or name that a module's source imports, at the top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def imported(name: str) -> set:
    """The modules of the package that a module imports; `from mxgan.data import X` is the package mxgan.data."""
    modules = {each if each in MODULES else each.rpartition(".")[0] for each in named(name)}
    return {each for each in modules if each in MODULES and each != "mxgan"}


def longest_chains() -> dict:
    """{module: the longest chain of imports that begins with it}; graphlib.CycleError where there is a circle."""
    found = {}
    for name in TopologicalSorter({name: imported(name) for name in INSIDE}).static_order():
        found[name] = (name, *max((found[each] for each in imported(name)), key=len, default=()))
    return found


@pytest.mark.parametrize("name", INSIDE)
def test_imports_only_go_down(name):
    for each in imported(name):
        assert ROOMS.index(room_of(each)) <= ROOMS.index(room_of(name)), f"{name} imports {each}"


def test_there_is_no_circle_and_no_long_chain():
    chain = max(longest_chains().values(), key=len)
    assert len(chain) <= DEEPEST, " → ".join(chain)


def test_the_top_of_the_package_is_read_at_one_look():
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES
    assert {path.stem for path in entries} == {*ROOMS, "__init__"}


@pytest.mark.parametrize("name", INSIDE)
def test_mxnet_and_opencv_come_through_runtime_alone(name):
    heavy = {each.split(".")[0] for each in named(name)} & {"mxnet", "cv2"}
    assert not heavy or room_of(name) == "runtime"


@pytest.mark.parametrize("name", INSIDE)
def test_all_lists_what_is_public(name):
    if name == "mxgan.__main__":
        pytest.skip("no public names")
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert public or not defined, "names, and no __all__"
    assert list(public) == sorted(public, key=ruff_order)
    assert all(hasattr(module, each) for each in public)
    assert not {each for each in defined & set(public) if not getattr(module, each).__doc__}


@pytest.mark.parametrize("name", INSIDE)
def test_no_name_is_defined_twice(name):
    """A merge of two branches may bring the same function twice."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for node in (each for each in ast.walk(tree) if isinstance(each, (ast.Module, ast.ClassDef))):
        plain = [each for each in node.body if hasattr(each, "name") and not each.decorator_list]
        assert len({each.name for each in plain}) == len(plain), [each.name for each in plain]


def ruff_order(name: str) -> tuple:
    """Constants, then classes, then functions, each by the alphabet: the order that ruff holds `__all__` to."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def test_the_packages_own_names_exist():
    assert set(mxgan.__all__) <= set(dir(mxgan))
    for name in mxgan.__all__:
        assert getattr(mxgan, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        mxgan.no_such_name  # noqa: B018


@pytest.mark.parametrize("room", ["objectives", "training", "callbacks", "runs"])
def test_no_recipe_is_named_where_recipes_are_run(room):
    for name in (name for name in INSIDE if room_of(name) == room):
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
        found = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in mxgan.RECIPES
        ]
        assert found == (["dcgan"] if name == "mxgan.runs.config" else []), name  # that one is the default of a run
