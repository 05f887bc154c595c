"""Python 2's syntax and its division, for --python2."""

from __future__ import annotations

import ast
import difflib
import functools
import math
import operator
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Callable

import numpy as np

from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line
from mxgan.legacy.changes import Changes

__all__ = ["Python2Compiler", "default_encoding", "old_builtins", "old_pickle"]

# Names in the builtins of the program's modules; `old_builtins` returns the functions. Two underscores at the beginning
# would be a class's private name.
DIVIDE, DIVIDE_IN_PLACE = "_mxgan_divide", "_mxgan_divide_in_place"


class Python2Compiler:
    """Compiles Python 2 source: fissix translates the syntax, and `/` divides whole numbers as Python 2 did.

    Parameters
    ----------
    changes : gets a line for each translated file.
    show : prints the difference between a file and its translation; None: nothing is printed.
    """

    def __init__(self, changes: Changes, show: Any = None) -> None:
        self._changes, self._show = changes, show
        self._tools = {in_package: _refactoring_tool(in_package) for in_package in (False, True)}

    def __call__(self, source: str, file: str, in_package: bool = False) -> CodeType:
        """The code of a module; `in_package`: whether an import without a dot may mean a module beside it."""
        text = self._translated(source, file, self._tools[in_package])
        if text != source:
            self._changes.note(
                "Python 2's syntax was translated to Python 3's",
                "python -m fissix -w FILE writes the translation",
                place=Path(file).name,
            )
            if self._show:
                self._show("".join(_difference(source, text, file)))
        tree = _parsed(text, file)
        _restore_lines(tree, source, text)
        if not _divides_as_python_3(tree):
            tree = ast.fix_missing_locations(_Division(file).visit(tree))
        return compile(tree, file, "exec", dont_inherit=True)

    @staticmethod
    def _translated(source: str, file: str, tool: Any) -> str:
        if not source.strip():
            return source
        end = "" if source.endswith("\n") else "\n"
        try:
            return str(tool.refactor_string(source + end, file))
        except Exception as error:  # fissix raises its tokenizer's and its parser's own errors
            place = re.search(r"\((\d+), \d+\)", str(error))
            where = f"line {place[1]}" if place else first_line(error)
            raise ArgumentError(
                f"{file} can be read neither as Python 2 nor as Python 3: see {where}. Mend the program there."
            ) from error


def _parsed(text: str, file: str) -> ast.Module:
    """The tree; tabs at the beginning of a line count to the next multiple of 8 if Python 3 refuses them."""
    try:
        return ast.parse(text, file)
    except TabError:
        return ast.parse(re.sub(r"^[ \t]+", lambda found: found[0].expandtabs(8), text, flags=re.MULTILINE), file)


def _restore_lines(tree: ast.Module, source: str, text: str) -> None:
    """Give the nodes the lines of the source: a translation may have added or removed lines."""
    before, after = source.splitlines(), text.splitlines()
    if len(before) == len(after):
        return
    line = {len(after) + 1: len(before) + 1}
    for _, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        line.update({j + 1: min(i1 + j - j1, max(i2 - 1, i1)) + 1 for j in range(j1, j2)})
    for node in ast.walk(tree):
        for name in ("lineno", "end_lineno"):
            if getattr(node, name, None) is not None:
                setattr(node, name, line[getattr(node, name)])
        if getattr(node, "lineno", 0) > getattr(node, "end_lineno", 0):
            node.end_lineno = node.lineno


@functools.cache
def _refactoring_tool(in_package: bool):
    try:
        from fissix.refactor import RefactoringTool, get_fixers_from_package
    except ImportError as error:
        raise RuntimeUnavailableError(
            '--python2 needs the package fissix. Install it: pip install ".[python2]" in the clone of mxgan, or '
            "pip install fissix."
        ) from error
    # Imports from __future__ do no harm. The main program is in no package, even with an __init__.py beside it.
    unwanted = {"fissix.fixes.fix_future", *(() if in_package else ("fissix.fixes.fix_import",))}
    return RefactoringTool(sorted(set(get_fixers_from_package("fissix.fixes")) - unwanted))


def _difference(source: str, text: str, file: str) -> list:
    before, after = (each.splitlines(keepends=True) for each in (source, text))
    return list(difflib.unified_diff(before, after, file, f"{file}, in Python 3"))


def _divides_as_python_3(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "division" for alias in node.names)
        for node in tree.body
    )


class _Division(ast.NodeTransformer):
    """`a / b` becomes a call of the function DIVIDE, with the file and the line."""

    def __init__(self, file: str) -> None:
        self._file, self._kept = file, 0

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return self._call(DIVIDE, node, node.left, node.right) if isinstance(node.op, ast.Div) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        before, target = self._evaluated_once(node)
        value = self._call(DIVIDE_IN_PLACE, node, _loaded(target), node.value)
        return [*before, ast.copy_location(ast.Assign([target], value), node)]

    def _call(self, name: str, node: ast.AST, *values: ast.expr) -> ast.expr:
        place = [ast.Constant(self._file), ast.Constant(node.lineno)]
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [*values, *place], []), node)

    def _evaluated_once(self, node: ast.AugAssign) -> tuple:
        """(statements that keep the parts of the target, the target made of the kept parts)."""
        target = node.target
        if isinstance(target, ast.Name):
            return [], target
        parts = [field for field in ("value", "slice") if hasattr(target, field)]
        statements, kept = [], {}
        for field in parts:
            self._kept += 1
            name = f"_mxgan_kept_{self._kept}"
            statements.append(
                ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], getattr(target, field)), node)
            )
            kept[field] = ast.Name(name, ast.Load())
        if "slice" in kept and isinstance(target.slice, (ast.Slice, ast.Tuple)):
            statements.pop()  # a slice is no expression; evaluating it twice changes nothing
            kept["slice"] = target.slice
        rest = {} if "slice" in kept else {"attr": target.attr}
        return statements, type(target)(**kept, **rest, ctx=ast.Store())


def _loaded(target: ast.expr) -> ast.expr:
    fields = {name: getattr(target, name) for name in target._fields}
    return type(target)(**{**fields, "ctx": ast.Load()})


def old_builtins(changes: Changes) -> dict:
    """{name: function} for the builtins: division with Python 2's rule, which floors whole numbers, and its `round`.

    Each line that floors is noted.
    """

    def dividing(floor: Callable, true: Callable) -> Callable:
        def divide(left: Any, right: Any, file: str, line: int) -> Any:
            if not _are_whole(left, right):
                return true(left, right)
            changes.note(
                "`/` between whole numbers gave a whole number, as in Python 2",
                "write // in these lines",
                place=changes.place(file, line),
            )
            return floor(left, right)

        return divide

    return {
        DIVIDE: dividing(operator.floordiv, operator.truediv),
        DIVIDE_IN_PLACE: dividing(operator.ifloordiv, operator.itruediv),
        "round": _round,
    }


def _round(number: Any, digits: int = 0) -> float:
    """Python 2's round: halves go away from zero, and the result is a float."""
    scale = 10.0**digits
    return math.copysign(math.floor(abs(number) * scale + 0.5) / scale, number)


def _are_whole(left: Any, right: Any) -> bool:
    """Whether Python 2 divided these as whole numbers: ints, NumPy integers, arrays of them, and lists beside these."""
    if any(isinstance(value, np.ndarray) for value in (left, right)):
        left, right = (np.asarray(value) if isinstance(value, (list, tuple)) else value for value in (left, right))
    return _is_whole(left) and _is_whole(right)


def _is_whole(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "iub"
    return isinstance(value, int)


def old_pickle(changes: Changes) -> ModuleType:
    """`pickle` for the program's modules: texts of Python 2 with bytes above 127, such as arrays, can be read."""
    import pickle

    view = ModuleType("pickle")
    view.__dict__.update(vars(pickle))

    def reading(function: Callable) -> Callable:
        def read(source: Any, *, encoding: str = "latin1", **named: Any) -> Any:
            changes.note("pickle read texts of Python 2 as latin1", 'write encoding="latin1" in pickle.load')
            return function(source, encoding=encoding, **named)

        return read

    view.load, view.loads = reading(pickle.load), reading(pickle.loads)
    return view


@contextmanager
def default_encoding(changes: Changes):
    """Give `sys` the function `setdefaultencoding`, which does nothing: Python 3's texts need none."""

    def setdefaultencoding(name: str) -> None:
        changes.note("sys.setdefaultencoding did nothing", "delete it")

    sys.setdefaultencoding = setdefaultencoding
    try:
        yield
    finally:
        del sys.setdefaultencoding
