"""MXNet 1.9.1 on any NumPy: it finds its names, computes correctly, and leaves NumPy itself unchanged."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from mxgan.runtime import mx, mxnet_modules
from mxgan.runtime.mxnet_modules import numpy_view, plain

ROOT = Path(__file__).resolve().parents[2]


def python(code):
    """What `code` prints in a process of its own, in which every warning is an error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


# --- NumPy -----------------------------------------------------------------------------------------------


def test_numpy_is_the_same_after_mxnet_was_imported():
    code = """
import types
import numpy as np, scipy.sparse, numpy.testing
known = dict(vars(np))
from mxgan.runtime import mx
mx.nd.ones(2).asnumpy()
print([name for name, value in vars(np).items()
       if not isinstance(value, types.ModuleType) and known.get(name) is not value])
names = ("float_", "PZERO", "NaN", "int", "in1d", "alltrue", "msort", "trapz", "compat")
print([name for name in names if name in vars(np) and name not in known])"""
    assert python(code) == "[]\n[]"


def test_what_mxnet_hardly_uses_is_imported_when_it_is_used():
    """scipy.stats and scikit-learn: more than a second of each start."""
    code = """
import sys, warnings
from mxgan.runtime import mx
print("scipy.stats" in sys.modules, "sklearn" in sys.modules)
print(mx.test_utils.ss.chisquare([1, 2, 3]).pvalue > 0.6, mx.contrib.quantization.stats.entropy([1, 1]) > 0.6)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklearn.base import clone
    model = mx.model.FeedForward(mx.sym.var("data"), num_epoch=3)
    print(model.get_params()["num_epoch"], clone(model.set_params(num_epoch=4)).num_epoch, hasattr(model, "no_such"))"""
    assert python(code) == "False False\nTrue True\n3 4 False"


def asked_of_numpy(path: Path) -> set:
    """Names that a module of MXNet reads from NumPy, by its source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes such as "\\d"
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names, found = set(), set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {each.asname or each.name for each in node.names if each.name == "numpy"}
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy" and not node.level:
            found |= {each.name for each in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            found.add(node.attr)
    return found


def test_every_name_that_mxnet_asks_numpy_for_is_there():
    files = sorted(Path(mx.__file__).parent.rglob("*.py"))
    asked = set().union(*(asked_of_numpy(path) for path in files))
    assert {"float32", "NINF", "mirr", "in1d", "int"} <= asked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [name for name in sorted(asked) if not hasattr(numpy_view(), name)] == []


def test_names_mean_what_they_meant():
    view = numpy_view()
    assert (view.bool, view.int, view.float, view.PZERO, view.NINF) == (bool, int, float, 0.0, -np.inf)
    assert np.signbit(view.NZERO)
    assert np.isnan(view.NaN)
    np.testing.assert_array_equal(view.in1d([[1, 2], [3, 4]], [2, 3]), [False, True, True, False])
    np.testing.assert_array_equal(view.msort([[3, 1], [2, 5]]), [[2, 1], [3, 5]])
    assert view.trapz([1.0, 2.0, 3.0]) == 4
    assert view.random is np.random
    with pytest.raises(RuntimeError, match=r"numpy\.pmt was removed in NumPy 1\.20; .* numpy-financial has it"):
        view.pmt(0.1, 1, 2)
    with pytest.raises(AttributeError, match="has no attribute 'unheard_of'"):
        _ = view.unheard_of


@pytest.mark.long
def test_the_core_is_the_full_one_whoever_imported_the_other_before():
    code = """
import contextlib, importlib, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in ("numpy._core", "numpy.core"):
        with contextlib.suppress(ImportError):  # the oldest have no _core
            importlib.import_module(name)
from mxgan.runtime import mx
print(mx.nd.moveaxis(mx.nd.ones((2, 3)), 0, 1).shape)"""
    assert python(code) == "(3, 2)"


def test_what_mxnet_imports_beside_numpy_sees_numpy_itself():
    assert sys.modules["mxnet.ndarray.ndarray"].np is numpy_view()
    assert sys.modules["numpy"] is np
    assert sys.modules["scipy.sparse"]._csr.np is np  # which MXNet has imported


def test_a_second_installation_changes_nothing():
    before = list(sys.meta_path)
    mxnet_modules.install()
    assert sys.meta_path == before
    assert sum(isinstance(finder, mxnet_modules._Finder) for finder in before) == 1


# --- what MXNet computes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, expected",
    [
        (np.float32(0.5), "0.5"),
        ((np.int64(3), 4), "(3, 4)"),
        ([np.float64(0.5), (np.int32(1), np.bool_(True))], "[0.5, (1, True)]"),
        ("text", "'text'"),
        (None, "None"),
    ],
)
def test_plain_numbers(given, expected):
    assert repr(plain(given)) == expected


def test_a_metric_prints_as_in_the_year_of_the_original():
    metric = mx.metric.CustomMetric(lambda label, pred: (label == pred).mean(), name="facc")
    metric.update([mx.nd.array([1, 0, 3])], [mx.nd.array([1, 2, 3])])
    assert str(metric.get()) == "('facc', 0.6666666666666666)"
    assert f"{metric.get_name_value()} {metric}" == (
        "[('facc', 0.6666666666666666)] EvalMetric: {'facc': 0.6666666666666666}"
    )
    assert type(metric.get()[1]) is float


@pytest.mark.parametrize("name", ["acc", "ce", "nll_loss", "mse", "mae", "rmse", "pearsonr", "pcc", "f1", "mcc"])
def test_every_metric_gives_a_number_of_pythons_own(name):
    metric = mx.metric.create(name)
    label, prediction = mx.nd.array([0, 1, 1, 0]), mx.nd.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    if name in ("mse", "mae", "rmse", "pearsonr"):
        prediction = prediction[:, 1]
    metric.update([label], [prediction])
    assert type(metric.get()[1]) is float
    assert type(metric.get_global()[1]) is float
    assert np.isfinite(metric.get()[1])


def test_sums_of_float32_are_kept_in_double_precision():
    """0.1 added 30,000 times: in float32 the mean is 0.1000466. A CustomMetric has a global sum of its own."""
    metric = mx.metric.CustomMetric(lambda label, pred: np.float32(0.1))
    one = [mx.nd.ones(1)]
    for _ in range(30_000):
        metric.update(one, one)
    for _, mean in (metric.get(), metric.get_global()):
        assert mean == pytest.approx(float(np.float32(0.1)), rel=1e-10)
    assert metric._has_global_stats


def test_a_metric_of_the_users_own_keeps_what_it_puts_there():
    class Own(mx.metric.EvalMetric):
        def update(self, labels, preds):
            self.sum_metric = self.sum_metric + np.float32(0.1)
            self.num_inst += 1

        def get(self):
            return self.name, self.sum_metric / self.num_inst

    own = Own("own")
    own.update(None, None)
    assert str(own.get()) == "('own', 0.10000000149011612)"
    own.sum_metric = 2**60 + 1  # an integer stays one
    assert repr(own.sum_metric) == str(2**60 + 1)
    own.sum_metric = np.arange(3.0)
    assert own.sum_metric.tolist() == [0, 1, 2]
    own.sum_metric += 1
    assert own.sum_metric.tolist() == [1, 2, 3]


@pytest.mark.parametrize("size", [3, np.int64(3), np.int32(3)])
def test_numbers_of_numpy_inside_a_setting_reach_mxnet(size):
    assert mx.nd.zeros((size, 2)).shape == (3, 2)
    assert mx.nd.random.uniform(shape=(size,)).shape == (3,)
    assert mx.nd.reshape(mx.nd.arange(6), shape=(size, 2)).shape == (3, 2)
    assert mx.sym.var("a", shape=(size, 4)).infer_shape()[1] == [(3, 4)]
    layer = mx.sym.Convolution(mx.sym.var("data"), name="c", kernel=(size, size), num_filter=2)
    assert layer.attr_dict()["c"]["kernel"] == "(3, 3)"
    assert layer.infer_shape(data=(1, 1, 8, 8))[1] == [(1, 2, 6, 6)]


def test_numbers_of_numpy_reach_mxnets_readers(tmp_path):
    (tmp_path / "rows.csv").write_text("1,2\n3,4\n")
    rows = mx.io.CSVIter(data_csv=str(tmp_path / "rows.csv"), data_shape=(np.int64(2),), batch_size=2)
    np.testing.assert_array_equal(next(rows).data[0].asnumpy(), [[1, 2], [3, 4]])


def test_records_are_packed():
    header = mx.recordio.IRHeader(0, [1.0, 2.0], 7, 0)
    found, content = mx.recordio.unpack(mx.recordio.pack(header, b"content"))
    assert (found.flag, found.id, content) == (2, 7, b"content")
    np.testing.assert_array_equal(found.label, [1, 2])
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    packed = mx.recordio.pack_img(mx.recordio.IRHeader(0, 3.0, 1, 0), image, quality=9, img_fmt=".png")
    found, decoded = mx.recordio.unpack_img(packed)
    assert found.label == 3
    np.testing.assert_array_equal(decoded, image)


def test_integers_outside_a_dtype_wrap_as_they_did():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mx.nd.array([-1, 300], dtype="uint8").asnumpy().tolist() == [255, 44]
        assert mx.nd.array([1, 2], dtype="uint8").asnumpy().tolist() == [1, 2]
        for dtype, values in [("int64", [2**63]), ("uint8", [-1, 2**63])]:
            with pytest.raises(TypeError):
                mx.nd.array(values, dtype=dtype)


@pytest.mark.long
def test_mxnet_leaves_the_start_method_of_processes_to_the_user():
    code = """
from mxgan.runtime import mx
import multiprocessing
print(multiprocessing.get_start_method(allow_none=True))"""
    assert python(code) == "None"


def test_axes_are_moved_and_sparse_matrices_are_taken():
    sparse = pytest.importorskip("scipy.sparse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mx.nd.moveaxis(mx.nd.ones((2, 3)), 0, 1).shape == (3, 2)
        matrix = mx.nd.array(sparse.csr_matrix(np.eye(2)))
        assert (matrix.stype, matrix.asscipy().toarray().tolist()) == ("csr", [[1, 0], [0, 1]])


def test_types_are_still_told_from_text():
    with pytest.raises(AssertionError):
        mx.sym.var("a").optimize_for(backend=3)
    assert str(mx.sym.var("a", init="ones").attr_dict()) == "{'a': {'__init__': 'ones'}}"


LOADER = """
import warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import numpy as np
from mxgan.runtime import mx
data = mx.gluon.data.ArrayDataset(np.arange(12, dtype="f").reshape(6, 2), np.arange(6, dtype="f"))
print([labels.asnumpy().tolist() for _, labels in mx.gluon.data.DataLoader(data, 4, num_workers=2)])"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="MXNet forks its workers on Linux")
def test_gluons_loader_has_workers():
    assert python(LOADER) == "[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0]]"


@pytest.mark.long
def test_modules_that_are_wanted_late_are_loaded_alike():
    code = """
from mxgan.runtime import mx
import mxnet.gluon.contrib.estimator as late
from mxgan.runtime.mxnet_modules import numpy_view
import sys
print(sys.modules["mxnet.gluon.contrib.estimator.event_handler"].np is numpy_view())"""
    assert python(code) == "True"
