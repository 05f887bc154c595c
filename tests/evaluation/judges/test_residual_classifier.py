"""The residual classifier: shapes, features in front of the classes, and what its settings refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError
from mxgan.evaluation.judges.features import FeatureNetwork, _digest
from mxgan.evaluation.judges.residual import ResidualClassifier
from mxgan.evaluation.judges.rotation import RotationNetwork, in_all_turns
from mxgan.evaluation.judges.settings import TRAININGS, training_of_epochs
from mxgan.graphs.shapes import parameter_shapes
from mxgan.runtime import mx

SMALL = ResidualClassifier(classes=3, image_size=16, stem=4, widths=(4, 8))


def with_weights(network=SMALL, seed: int = 0) -> FeatureNetwork:
    """The network with weights drawn at random, and moving statistics that are not 0 and 1."""
    module = mx.mod.Module(network.symbol(), ("data",), ("softmax_label",))
    module.bind([("data", (8, *network.image_shape))], [("softmax_label", (8,))])
    mx.random.seed(seed)
    module.init_params(mx.init.Xavier())
    images = np.random.default_rng(seed).uniform(-1, 1, (8, *network.image_shape))
    module.forward(mx.io.DataBatch([mx.nd.array(images)], [mx.nd.zeros(8)]), is_train=True)
    mx.nd.waitall()
    return FeatureNetwork(network, module.get_params())


def images(count: int = 5, channels: int = 3, side: int = 16) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (count, channels, side, side)).astype(np.float32)


def test_the_parameters_are_those_of_the_text():
    shapes, _ = parameter_shapes(ResidualClassifier().symbol(), {"data": (1, 3, 32, 32), "softmax_label": (1,)})
    convolutions = {name: shape for name, shape in shapes.items() if len(shape) == 4}
    assert len(convolutions) == 1 + 3 * 3
    assert {shape[2:] for shape in convolutions.values()} == {(3, 3)}
    assert shapes["classes_weight"] == (10, 128)
    # By hand: convolutions 9 (3·16 + 16·32 + 32·64 + 64·128 + 2 (32² + 64² + 128²)), BatchNorm 2 · 3 (32 + 64 + 128)
    # + 32, the classes 1,290, the scale 1.
    assert sum(map(np.prod, shapes.values())) == 97_200 + 387_072 + 1_376 + 1_290 + 1


def test_the_classes_come_from_the_features():
    network, given = with_weights(), images()
    seen = network.features_and_probabilities((given + given[..., ::-1]) / 2)  # images that are their own mirror image
    assert (seen.features.shape, seen.probabilities.shape) == ((5, 8), (5, 3))
    assert seen.features.min() >= 0
    arguments = {name: value.asnumpy() for name, value in network.parameters[0].items()}
    logits = seen.features @ arguments["classes_weight"].T + arguments["classes_bias"]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.probabilities, shares, rtol=1e-4)


def test_an_image_and_its_mirror_image_are_the_same_to_a_judge():
    network, given = with_weights(), images()
    seen, mirrored = (network.features_and_probabilities(each) for each in (given, given[..., ::-1]))
    for first, second in zip(seen, mirrored):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    turner = with_weights(RotationNetwork(image_size=16, stem=4, widths=(4, 8)))
    assert not np.allclose(*(turner.features_and_probabilities(each).features for each in (given, given[..., ::-1])))


def test_means_over_mirror_images_are_told_in_protocols(tmp_path):
    class Straight(ResidualClassifier):
        mirrors = False

    network = with_weights()
    straight = FeatureNetwork(Straight(classes=3, image_size=16, stem=4, widths=(4, 8)), network.parameters)
    assert not np.allclose(*(each.features_and_probabilities(images()).features for each in (network, straight)))
    assert network.describe()["mirrors"] is True
    assert network.fingerprint != straight.fingerprint
    network.save(tmp_path / "judge")  # the file has the sha256 of the parameters, as before
    assert json.loads((tmp_path / "judge" / "classifier.json").read_text())["sha256"] == _digest(network.parameters)
    assert FeatureNetwork.load(tmp_path / "judge").fingerprint == network.fingerprint
    turner = with_weights(RotationNetwork(image_size=16, stem=4, widths=(4, 8)))
    assert "mirrors" not in turner.describe()
    assert turner.fingerprint == _digest(turner.parameters)


def test_scaled_features_change_no_probability():
    network = with_weights()
    arguments, auxiliary = network.parameters
    half = FeatureNetwork(SMALL, (SMALL.rescaled(arguments, 2.0), auxiliary))
    first, second = (each.features_and_probabilities(images()) for each in (network, half))
    np.testing.assert_allclose(second.features, first.features / 2, rtol=1e-5)
    np.testing.assert_allclose(second.probabilities, first.probabilities, rtol=1e-4)


def test_it_sees_colour_and_takes_grey_images_too():
    network = with_weights()
    coloured = images()
    turned = coloured[:, ::-1]
    assert not np.allclose(*(network.features_and_probabilities(each).features for each in (coloured, turned)))
    grey = coloured[:, :1]
    np.testing.assert_array_equal(
        network.features_and_probabilities(grey).features,
        network.features_and_probabilities(np.repeat(grey, 3, axis=1)).features,
    )


def test_a_saved_one_is_the_same_architecture(tmp_path):
    for network in (SMALL, RotationNetwork(image_size=16, stem=4, widths=(4, 8))):
        made = with_weights(network)
        made.save(tmp_path / network.name)
        found = FeatureNetwork.load(tmp_path / network.name)
        assert (found.network, found.fingerprint) == (network, made.fingerprint)
        assert found.describe()["architecture"] == network.name


def test_a_rotation_judge_knows_no_classes():
    network = with_weights(RotationNetwork(image_size=16, stem=4, widths=(4, 8)))
    seen = network.features_and_probabilities(images())
    assert seen.probabilities is None
    assert (network.classes, network.class_names) == (0, [])
    assert network.trained_shares(images()).shape == (5, 4)


@pytest.mark.parametrize("architecture", TRAININGS)
def test_a_training_of_some_epochs_is_not_cut_nor_lengthened(architecture):
    data = ImageArrayIter(np.zeros((300, 32, 32), np.uint8), np.arange(300) % 2, batch_size=30)
    for epochs in (1, 900):
        assert training_of_epochs(architecture, epochs, seed=3).steps_on(data) == 10 * epochs
    assert training_of_epochs(architecture, 2, seed=3).seed == 3


def test_turns_are_quarters_against_the_clock():
    image = np.arange(4.0).reshape(1, 1, 2, 2)  # 0 1 / 2 3
    turned, turns = in_all_turns(np.concatenate([image, image + 4]))
    assert turned[:4].reshape(4, 4).tolist() == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]
    assert turns.tolist() == [0, 1, 2, 3] * 2


@pytest.mark.parametrize(
    "row, settings, message",
    [
        (ResidualClassifier, {"image_size": 36}, "image_size is 36; for 3 levels give a multiple of 8"),
        (ResidualClassifier, {"widths": ()}, r"widths is \(\); give a tuple of whole numbers"),
        (ResidualClassifier, {"classes": 1}, "classes is 1"),
        (ResidualClassifier, {"smoothing": 1.0}, "smoothing is 1.0; give a number from 0 to below 1"),
        (RotationNetwork, {"classes": 10}, "classes is 10; of a rotation judge they are the 4 turns"),
    ],
)
def test_settings_out_of_range_are_refused(row, settings, message):
    with pytest.raises(ArgumentError, match=message):
        row(**settings)
