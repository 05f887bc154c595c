"""Images made small, and what a classifier says of them: the same in any chunks, and after it was saved."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, OutputError, ShapeError
from mxgan.evaluation.judges.features import BATCH, FeatureNetwork
from mxgan.evaluation.judges.lenet import LeNet
from mxgan.evaluation.resizing import reduced, resized
from mxgan.runtime import mx
from tests.evaluating import quick_classifier


@pytest.fixture(scope="module")
def network():
    return quick_classifier()


def noise(*shape) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)


def test_half_the_side_is_the_mean_of_each_four_pixels():
    images = noise(5, 2, 64, 64)
    expected = images.reshape(5, 2, 32, 2, 32, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(resized(images, 32), expected, atol=1e-6)


def test_a_larger_side_is_bilinear():
    ramp = np.broadcast_to(np.linspace(-1, 1, 16, dtype=np.float32), (1, 1, 16, 16))
    found = resized(ramp, 32)[0, 0]
    expected = np.interp((np.arange(32) + 0.5) / 2 - 0.5, np.arange(16), ramp[0, 0, 0])
    np.testing.assert_allclose(found, np.broadcast_to(expected, (32, 32)), atol=1e-6)


@pytest.mark.parametrize("sides, size", [((20, 40), 32), ((40, 20), 32), ((48, 80), (64, 112)), ((24, 48), (16, 32))])
def test_another_aspect_ratio_keeps_the_whole_image_and_stretches_nothing(sides, size):
    """A disc stays a disc, as wide as it is high, and the rest is the edge's grey."""
    rows, columns = np.ogrid[: sides[0], : sides[1]]
    distance = np.hypot(rows - (sides[0] - 1) / 2, columns - (sides[1] - 1) / 2)
    disc = np.where(distance < 0.4 * min(sides), 1, -0.5).astype(np.float32)
    found = resized(disc[None, None], size)[0, 0]
    inside = found > 0.25
    assert found.shape == ((size, size) if isinstance(size, int) else size)
    assert abs(int(inside.any(axis=0).sum()) - int(inside.any(axis=1).sum())) <= 1
    scale = min(wanted / side for wanted, side in zip(found.shape, sides))
    assert inside.sum() == pytest.approx((disc > 0.25).sum() * scale**2, rel=0.06)
    for edge in (found[0], found[-1], found[:, 0], found[:, -1]):
        np.testing.assert_allclose(edge, -0.5, atol=1e-6)


def test_the_same_side_is_left_alone_and_colours_become_their_mean():
    images = noise(3, 3, 32, 32)
    np.testing.assert_array_equal(resized(images, 32), images)
    found = reduced(images, 32)
    assert found.shape == (3, 1, 32, 32)
    np.testing.assert_allclose(found[:, 0], images.mean(axis=1), atol=1e-6)


def test_what_is_no_images_is_refused(network):
    with pytest.raises(ShapeError, match=r"images has shape \(3, 32, 32\); give images \(N, C, H, W\)"):
        reduced(noise(3, 32, 32), 32)
    with pytest.raises(ArgumentError, match="images hold NaN or infinity"):
        network.features_and_probabilities(np.full((2, 1, 32, 32), np.nan, np.float32))


def test_a_row_depends_on_its_place_in_a_batch_alone(network, digits):
    """Bits at the same place, rounding elsewhere: a float32 sum of up to 400 products, in another order."""
    images = np.concatenate([digits, digits])[: 2 * BATCH + 7]
    whole = network.features_and_probabilities(images)
    assert whole.features.shape == (2 * BATCH + 7, 84)
    for rows in (slice(0, 1), slice(0, BATCH + 3), slice(BATCH, BATCH + 9), slice(2 * BATCH, None)):
        part = network.features_and_probabilities(images[rows])
        np.testing.assert_array_equal(part.features, whole.features[rows])
        np.testing.assert_array_equal(part.probabilities, whole.probabilities[rows])
    elsewhere = network.features_and_probabilities(images[BATCH - 3 : BATCH + 3])
    np.testing.assert_allclose(elsewhere.features, whole.features[BATCH - 3 : BATCH + 3], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1, atol=1e-5)
    assert whole.features.min() == 0


def test_inference_gives_what_the_graph_that_was_trained_gives(network, digits):
    module = mx.mod.Module(network.network.symbol(), ("data",), ("softmax_label",))
    module.bind([("data", (50, 1, 32, 32))], [("softmax_label", (50,))], for_training=True)
    module.init_params(arg_params=network.parameters[0], aux_params={})
    module.forward(mx.io.DataBatch([mx.nd.array(digits[:50])], [mx.nd.zeros(50)]), is_train=True)
    found = network.features_and_probabilities(digits[:50])
    for value, expected in zip(found, module.get_outputs()):
        np.testing.assert_allclose(value, expected.asnumpy(), atol=1e-4)


def test_a_saved_one_is_the_same(network, digits, tmp_path):
    network.save(tmp_path / "lenet")
    found = FeatureNetwork.load(tmp_path / "lenet")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["classifier.json", "lenet", "network.params"]
    assert (found.fingerprint, found.record, found.network) == (network.fingerprint, network.record, network.network)
    for value, expected in zip(*(each.features_and_probabilities(digits[:9]) for each in (found, network))):
        np.testing.assert_array_equal(value, expected)


def test_another_weight_is_another_fingerprint(network):
    arguments, auxiliary = network.parameters
    other = {**arguments, "fc3_bias": arguments["fc3_bias"] + 1}
    assert FeatureNetwork(network.network, (other, auxiliary)).fingerprint != network.fingerprint
    assert FeatureNetwork(network.network, (dict(arguments), auxiliary)).fingerprint == network.fingerprint


def test_nothing_is_written_over_or_left_half_written(network, tmp_path):
    kept = tmp_path / "there"
    kept.write_text("mine")
    with pytest.raises(OutputError, match="there exists; give the name of a new folder"):
        network.save(kept)
    with pytest.raises(OutputError, match="cannot be written .* Give a writable folder"):
        network.save(kept / "below")
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


def broken(network, folder, name, change) -> None:
    network.save(folder)
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "name, change, message",
    [
        (
            "network.params",
            lambda content: content[:5000] + b"\1\2" + content[5002:],
            "network.params: is not what was saved",
        ),
        ("network.params", lambda content: content[:-9], "network.params"),
        ("classifier.json", lambda content: b"{", "cannot be read as JSON"),
        ("classifier.json", lambda content: b"[]", "is no record of a classifier of the format 1"),
        ("classifier.json", lambda content: content.replace(b'"classes": 10', b'"classes": 1'), "does not fit this"),
        (
            "classifier.json",
            lambda content: content.replace(b'"class_names":', b'"class_names": [1, 2, 3], "was":'),
            r"has the class_names \[1, 2, 3\], which is not a list of strings",
        ),
    ],
)
def test_a_damaged_folder_is_an_error_in_words(network, tmp_path, name, change, message):
    broken(network, tmp_path / "lenet", name, change)
    with pytest.raises(CorruptFileError, match=message):
        FeatureNetwork.load(tmp_path / "lenet")


def test_a_record_cannot_say_that_it_is_another(network):
    told = FeatureNetwork(network.network, network.parameters, {"fingerprint": "a lie", "network": "ResNet"}).describe()
    assert (told["fingerprint"], told["network"]) == (network.fingerprint, "LeNet")


def test_what_is_no_classifier_is_said(network, tmp_path):
    with pytest.raises(CheckpointError, match="no folder of a classifier: it has no classifier.json. Give one that"):
        FeatureNetwork.load(tmp_path)
    with pytest.raises(CheckpointError, match="parameter 'fc3_weight' of the classifier is"):
        FeatureNetwork(LeNet(classes=7), network.parameters)


def test_the_record_is_json_and_tells_how_it_was_trained(network):
    told = json.loads(json.dumps(network.describe()))
    assert told["fingerprint"] == network.fingerprint
    assert told["accuracy"] > 0.9
    assert told["test_images"] == 360
    assert told["training"]["seed"] == 0
