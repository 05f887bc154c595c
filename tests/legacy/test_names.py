"""NumPy's old names, remedies for errors, the list of changes, and changes to packages at their import."""

import sys
from pathlib import Path

import numpy as np
import pytest

from mxgan.legacy.changes import Changes
from mxgan.legacy.hints import hint_for
from mxgan.legacy.modules import after_import, mend_yaml
from mxgan.legacy.numpy_names import old_numpy
from mxgan.legacy.sources import is_own_file
from mxgan.legacy.windows import _as_shown


@pytest.fixture
def changes():
    return Changes(Path(__file__).parent, lambda file: file == __file__, lambda text: None)


def test_numpy_as_it_was(changes):
    old = old_numpy(changes)
    assert (old.float, old.bool, old.int, old.object) == (float, bool, int, object)
    assert old.product([2, 3]) == 6
    assert (old.float_, old.unicode_, old.infty) == (np.float64, np.str_, np.inf)
    assert "write np.float64" in "".join(changes.lines())
    assert old.asscalar(old.array([4.0])) == 4
    assert old.zeros((np.ceil(1.5), 3.0)).shape == (2, 3)
    assert old.ones(2.0).shape == (2,)
    assert old.fromstring(b"\x01\x02", dtype=np.uint8).tolist() == [1, 2]
    assert old.fromstring("1 2", sep=" ").tolist() == [1, 2]
    assert old.random is np.random
    assert old.float32 is np.float32
    with pytest.raises(TypeError):
        old.zeros((1.5, 2))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = old.nonsense
    assert not hasattr(np, "product") or np.lib.NumpyVersion(np.__version__) < "2.0.0"


def test_a_change_names_its_first_places_and_is_said_once():
    said = []
    changes = Changes(Path(__file__).parent, lambda file: file == __file__, said.append)
    for _ in range(3):
        changes.note("a thing was done", "do it", now=True)
    line = next(number for number, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "now=True" in text)
    for number in range(9):
        changes.note("many", "mend", place=f"old.py:{number}")
    assert said == ["mxgan run: a thing was done."]
    assert changes.lines()[0] == f"  - a thing was done (test_names.py:{line})."
    assert changes.lines()[2] == "  - many (old.py:0, old.py:1, old.py:2, old.py:3 and 5 more)."


@pytest.mark.parametrize(
    "source, words",
    [
        ("[1, 2][1.0]", "give --python2"),
        ("'abc'[:1.0]", "give --python2"),
        ("range(2.0)", "give --python2"),
        ("xrange(3)", "for Python 2, give --python2"),
        ("import cPickle", "for Python 2, give --python2"),
        ("import sklearn.cross_validation", "This module is gone"),
        ("raise ModuleNotFoundError(\"No module named 'model.part'\")", ""),
        ("import skimage_that_is_not_there", "Install it: pip install skimage_that_is_not_there"),
        ("raise ModuleNotFoundError(\"No module named 'yaml'\")", "pip install pyyaml"),
        ("raise AttributeError(\"'numpy.ndarray' object has no attribute 'tostring'\")", "write tobytes()"),
        ("raise AttributeError('`itemset` was removed from the ndarray class')", "write x[index] = value"),
        ("raise ImportError(\"cannot import name 'imresize' from 'scipy.misc'\")", "cv2.resize"),
        ("1 / 0", ""),
    ],
)
def test_a_remedy_for_an_error(source, words):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each source has an error of its own
        exec(source, {})
    hint = hint_for(caught.value)
    assert words in hint
    assert bool(words) == bool(hint)


def test_a_package_is_changed_when_it_is_imported(changes, tmp_path, monkeypatch):
    yaml = pytest.importorskip("yaml")
    for name in [name for name in sys.modules if name.partition(".")[0] == "yaml"]:
        monkeypatch.delitem(sys.modules, name)
    with after_import({"yaml": mend_yaml(changes), "antigravity": lambda module: pytest.fail("not imported")}):
        import yaml as fresh
    assert fresh is not yaml
    assert fresh.load("a: [1, 2]") == {"a": [1, 2]} == fresh.load("a: [1, 2]", fresh.SafeLoader)
    assert "yaml.load without a Loader read plain values alone (test_names.py:" in changes.lines()[0]


def test_what_belongs_to_the_program(tmp_path):
    assert is_own_file(str(tmp_path / "old.py"))
    assert not any(map(is_own_file, (np.__file__, pytest.__file__, "<string>", sys.modules["mxgan"].__file__)))


@pytest.mark.parametrize(
    "picture, shown",
    [
        ([0.0, 0.5, 1.0, 2.0, np.nan], [0, 128, 255, 255, 0]),
        (np.array([0, 7, 255], np.uint8), [0, 7, 255]),
        (np.array([0, 256, 65535], np.uint16), [0, 1, 255]),
        (np.array([True, False]), [1, 0]),
        (np.array([-128, 0, 127], np.int8), [0, 128, 255]),
        (np.array([-32768, 0, 32767], np.int16), [0, 128, 255]),
    ],
)
def test_a_picture_as_a_window_shows_it(picture, shown):
    """OpenCV's rule: floats times 255, 16 bits divided by 256."""
    assert _as_shown(picture).tolist() == shown
