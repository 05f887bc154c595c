"""Python 2's syntax and division, compiled in this process."""

import dis
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.legacy.changes import Changes
from mxgan.legacy.python2 import Python2Compiler, default_encoding, old_builtins, old_pickle

FILE = "/where/old.py"


@pytest.fixture
def changes():
    return Changes(Path("/where"), lambda file: file == FILE, lambda text: None)


@pytest.fixture
def execute(changes):
    def execute(source, **names):
        space = {"__builtins__": {**__builtins__, **old_builtins(changes)}, **names}
        exec(Python2Compiler(changes)(source, FILE), space)
        return space

    return execute


# Expressions with the values that Python 2.7 gives.
@pytest.mark.parametrize(
    "expression, expected",
    [
        ("7 / 2", 3),
        ("-7 / 2", -4),
        ("7 / 2.0", 3.5),
        ("True / 2", 0),
        ("7L / 2", 3),
        ("np.int64(7) / 2", 3),
        ("np.float32(7) / 2", 3.5),
        ("(np.arange(4) / 2).tolist()", [0, 0, 1, 1]),
        ("(np.arange(4.0) / 2).tolist()", [0, 0.5, 1, 1.5]),
        ("8 / 2 / 3", 1),
        ("range(10 / 4)", [0, 1]),
        ("(np.arange(4) / [2, 2, 2, 2]).tolist()", [0, 0, 1, 1]),
        ("(np.arange(4) / [2, 2, 2, 2.0]).tolist()", [0, 0.5, 1, 1.5]),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(2.345, 2)", 2.35),
    ],
)
def test_division(execute, expression, expected):
    found = execute(f"x = {expression}\n", np=np)["x"]
    assert found == expected
    assert type(found) in (type(expected), np.int64, np.float32)


def test_division_in_place_evaluates_its_target_once(execute):
    space = execute(
        """
calls = []
class Box(object):
    value = 9
    half = 9
def box():
    calls.append(1)
    return b
def where():
    calls.append(2)
    return 1
b = Box()
n = 9
n /= 2
items = [1, 9]
items[where()] /= 2
box().half /= 4
kept = whole = np.array([9, 8])
whole /= 2
part = np.arange(8)
part[2:6] /= 2
real = 9
real /= 2.0
class Inner(object):
    def __init__(self):
        self.x = 7 / 2
x = Inner().x
""",
        np=np,
    )
    assert (space["n"], space["items"], space["b"].half, space["real"], space["x"]) == (4, [1, 4], 2, 4.5, 3)
    assert space["calls"] == [2, 1]
    assert space["kept"] is space["whole"]
    assert space["kept"].tolist() == [4, 4]
    assert space["part"].tolist() == [0, 1, 1, 1, 2, 2, 6, 7]


def test_a_module_that_divides_as_python_3(execute, changes):
    assert execute("from __future__ import division, print_function\nx = 7 / 2\n")["x"] == 3.5
    assert changes.lines() == []


def test_the_lines_that_floored_are_listed(execute, changes):
    execute("x = 7 / 2\ny = 7 / 2.0\nz = 9 / 3\n")
    assert changes.lines() == [
        "  - `/` between whole numbers gave a whole number, as in Python 2 (old.py:1, old.py:3).",
        "    To make it permanent: write // in these lines.",
    ]


def test_what_neither_python_reads(changes):
    with pytest.raises(
        ArgumentError,
        match="old.py can be read neither as Python 2 nor as Python 3: see line 1. Mend the program there",
    ):
        Python2Compiler(changes)("print 'a' 'b' c d\n", FILE)


def test_an_empty_file_and_no_newline_at_the_end(execute):
    execute("")
    assert execute("x = 1")["x"] == 1


def test_an_import_of_a_module_beside_it(tmp_path, changes):
    """Python 2 looked beside a module of a package first; the main program is in no package."""
    for name in ("__init__", "beside", "old"):
        (tmp_path / f"{name}.py").write_text("import beside\n")
    compiler = Python2Compiler(changes)
    file = str(tmp_path / "old.py")
    for in_package in (False, True):
        operations = {each.opname for each in dis.get_instructions(compiler("import beside\n", file, in_package))}
        assert ("IMPORT_FROM" in operations) == in_package  # from . import beside


def test_lines_are_those_of_the_source(execute, changes):
    """fissix adds an import before the first line."""
    source = "x = 1\n\n\ny = 7 / 2\nz = reduce(lambda a, b: a + b, [1, 2])\nw = undefined\n"
    with pytest.raises(NameError) as caught:
        execute(source)
    assert caught.traceback[-1].lineno + 1 == 6
    assert "(old.py:4)" in "".join(changes.lines())


def test_tabs_beside_spaces(execute):
    assert execute("def f(x):\n    if x:\n\treturn 1\n    return 2\ny = f(1), f(0)\n")["y"] == (1, 2)


def test_a_pickle_of_python_2(changes):
    """The bytes that Python 2's cPickle.dumps("\\xe9", 2) wrote."""
    view = old_pickle(changes)
    written = b"\x80\x02U\x01\xe9q\x01."
    assert view.loads(written) == "\xe9" == view.load(io.BytesIO(written))
    assert "pickle read texts of Python 2 as latin1" in changes.lines()[0]


def test_sys_setdefaultencoding(changes):
    with default_encoding(changes):
        sys.setdefaultencoding("utf-8")
    assert not hasattr(sys, "setdefaultencoding")
    assert "sys.setdefaultencoding did nothing" in changes.lines()[0]
