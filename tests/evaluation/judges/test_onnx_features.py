"""Features of a network in an ONNX file, by one that is small enough to work out by hand."""

from __future__ import annotations

import builtins
import hashlib

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, RuntimeUnavailableError, ShapeError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import Networks, evaluated, gather
from mxgan.evaluation.frechet import FeatureStatistics, frechet_distance
from mxgan.evaluation.judges.onnx_features import SMALL_BATCH, OnnxFeatures
from mxgan.evaluation.resizing import resized


def written(path, size=8, kind="float", output="flat", channels=3):
    """A network that gives the mean of each channel and of its left half."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, element = onnx.helper, {"float": onnx.TensorProto.FLOAT, "bytes": onnx.TensorProto.UINT8}[kind]
    nodes = [helper.make_node("Cast", ["images"], ["x"], to=onnx.TensorProto.FLOAT)]
    nodes.append(helper.make_node("GlobalAveragePool", ["x"], ["whole"]))
    nodes.append(helper.make_node("Slice", ["x", "from", "to", "axis"], ["half"]))
    nodes.append(helper.make_node("GlobalAveragePool", ["half"], ["left"]))
    nodes.append(helper.make_node("Concat", ["whole", "left"], ["both"], axis=1))
    if output == "flat":
        nodes.append(helper.make_node("Flatten", ["both"], ["features"]))
    else:
        nodes.append(helper.make_node({"pooled": "Identity", "one row": "Shape"}[output], ["both"], ["features"]))
    numbers = {"from": 0, "to": (size or 299) // 2, "axis": 3}
    values = [onnx.numpy_helper.from_array(np.array([number]), name) for name, number in numbers.items()]
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("images", element, ["N", channels, size, size])],
        [helper.make_empty_tensor_value_info("features")],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    path.write_bytes(model.SerializeToString())
    return path


def images(count=5, channels=3, size=8) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, channels, size, size)).astype(np.float32)


@pytest.mark.parametrize("output", ["flat", "pooled"])
def test_features_are_those_of_the_network(tmp_path, output):
    found = OnnxFeatures(written(tmp_path / "net.onnx", output=output)).features(images(SMALL_BATCH + 3))
    given = images(SMALL_BATCH + 3)
    expected = np.concatenate([given.mean(axis=(2, 3)), given[..., :4].mean(axis=(2, 3))], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_row_has_the_same_bits_whatever_comes_after_it(tmp_path):
    network = OnnxFeatures(written(tmp_path / "net.onnx"))
    given, honest = [], network._part
    network._part = lambda rows: given.append(len(rows)) or honest(rows)
    whole = network.features(images(2 * SMALL_BATCH + 3))
    assert given == [SMALL_BATCH] * 3
    for count in (1, SMALL_BATCH, SMALL_BATCH + 1):
        np.testing.assert_array_equal(network.features(images(2 * SMALL_BATCH + 3)[:count]), whole[:count])


def test_grey_images_of_another_size_are_repeated_and_resized(tmp_path):
    network = OnnxFeatures(written(tmp_path / "net.onnx", size=16))
    found = network.features(images(4, 1, 8))
    expected = resized(images(4, 1, 8), 16).mean(axis=(2, 3))
    np.testing.assert_allclose(found[:, :3], np.repeat(expected, 3, axis=1), atol=1e-6)
    assert network.describe() == {"file": "net.onnx", "fingerprint": network.fingerprint, "image_size": 16}
    assert network.fingerprint == hashlib.sha256((tmp_path / "net.onnx").read_bytes()).hexdigest()


def test_a_network_of_bytes_is_given_bytes(tmp_path):
    bytes_ = np.random.default_rng(1).integers(0, 256, (3, 3, 8, 8))
    network = OnnxFeatures(written(tmp_path / "net.onnx", kind="bytes"))
    found = network.features((bytes_ / 127.5 - 1).astype(np.float32))
    np.testing.assert_allclose(found[:, :3], bytes_.mean(axis=(2, 3)), rtol=1e-6)


def test_a_network_that_declares_no_size_is_inceptions(tmp_path):
    assert OnnxFeatures(written(tmp_path / "net.onnx", size=None, channels=None)).size == 299


def test_fid_is_the_frechet_distance_of_its_features(tmp_path):
    network = OnnxFeatures(written(tmp_path / "net.onnx"))
    real, fake = images(60), images(90)[30:] * 0.5
    bundles = [gather([(rows, None)], 60, Networks(inception=network), ["fid"]) for rows in (real, fake)]
    assert bundles[0].images is None
    score = evaluated(["fid"], *bundles, Settings())["fid"]
    statistics = [FeatureStatistics.of(network.features(rows)) for rows in (real, fake)]
    assert score.value == frechet_distance(*statistics) > 0


def test_files_that_are_no_networks_are_said(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(CheckpointError, match="--inception: .*none.onnx cannot be read"):
        OnnxFeatures(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07nothing")
    with pytest.raises(CorruptFileError, match="bad.onnx: is not an ONNX file that runs"):
        OnnxFeatures(tmp_path / "bad.onnx")


@pytest.mark.parametrize("settings", [{"channels": 4}, {"channels": 1}])
def test_networks_of_other_inputs_are_refused(tmp_path, settings):
    path = written(tmp_path / "net.onnx", **settings)
    with pytest.raises(ArgumentError, match=r"takes images tensor.float. .*; give a network with one input \(N, 3, S"):
        OnnxFeatures(path)


def test_networks_of_other_outputs_are_refused(tmp_path):
    network = OnnxFeatures(written(tmp_path / "net.onnx", output="one row"))
    with pytest.raises(ArgumentError, match=rf"gives \(4,\) for {SMALL_BATCH} images; wanted is one input"):
        network.features(images())


def test_weights_in_other_files_are_refused(tmp_path, monkeypatch):
    """Two networks with one file and other weights would have one fingerprint."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(written(tmp_path / "whole.onnx")))
    onnx.save_model(
        model, str(tmp_path / "parts.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    monkeypatch.chdir(tmp_path)  # where onnxruntime would find them
    with pytest.raises(CorruptFileError, match="parts.onnx: is not an ONNX file that runs and contains its weights: "):
        OnnxFeatures(tmp_path / "parts.onnx")


def test_channels_and_images_are_checked(tmp_path):
    network = OnnxFeatures(written(tmp_path / "net.onnx"))
    with pytest.raises(ShapeError, match="images have 2 channels; give 1 or 3."):
        network.features(images(channels=2))
    with pytest.raises(ShapeError, match="images has 0 images; give at least 1."):
        network.features(images(count=0))


def test_without_onnxruntime_it_is_said_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_bytes(b"any")
    real = builtins.__import__
    monkeypatch.delitem(__import__("sys").modules, "onnxruntime", raising=False)
    monkeypatch.setattr("importlib.import_module", lambda name: real("no_such_package_at_all"))
    with pytest.raises(
        RuntimeUnavailableError, match=r"No module named .* Install it: pip install '.\[onnx\]' in a clone"
    ):
        OnnxFeatures(tmp_path / "net.onnx")
