"""Python 2's syntax and its division, for --python2."""

from __future__ import annotations

import ast
import difflib
import operator
from pathlib import Path
from types import CodeType
from typing import Any, Callable

from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line
from mxgan.legacy.changes import Changes

__all__ = ["DIVIDE", "Python2Compiler", "division"]

# Names in the builtins of the program's modules; `division` returns the functions. Two underscores at the beginning
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
                "fissix-2to3 -w FILE, or 2to3 -w FILE, writes the translation",
                place=Path(self._changes.place(file, 0)).name.partition(":")[0],
            )
            if self._show:
                self._show("".join(_difference(source, text, file)))
        tree = ast.parse(text, file)
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
            raise ArgumentError(
                f"{file} can be read neither as Python 2 nor as Python 3: {first_line(error)}. Mend that line."
            ) from error


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


def division(changes: Changes) -> dict:
    """{name: function} for the builtins: division with Python 2's rule, which floors whole numbers.

    Each line that floors is noted.
    """

    def dividing(floor: Callable, true: Callable) -> Callable:
        def divide(left: Any, right: Any, file: str, line: int) -> Any:
            if not (_is_whole(left) and _is_whole(right)):
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
    }


def _is_whole(value: Any) -> bool:
    """Whether Python 2 divided this value as a whole number: an int, or a NumPy integer or array of integers."""
    import numpy as np

    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "iub"
    return isinstance(value, int)
