"""The halves of a DCGAN in the state_dicts of PyTorch: found by shapes, whatever their names and depth."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mxgan.errors import CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks.from_torch import dcgan_of, halves_in
from tests.networks import torch_dcgan

pytest.importorskip("torch")


def arrays_of(network, prefix: str = "main.") -> dict:
    return {name: value.numpy() for name, value in torch_dcgan.named(network, prefix).items()}


def shapes_of(group: dict) -> dict:
    return {name: value.shape for name, value in group.items()}


def test_digits_of_other_scripts_are_letters():
    names = [f"{digits}.weight" for digits in ("\u0663" * 5000, "\u0663\u00b2", "9" * 5000)]
    assert halves_in({name: np.zeros((3, 3, 4, 4)) for name in names})[0] == []


@pytest.mark.parametrize("sides", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_example_is_found_at_every_depth_and_number_of_channels(sides, channels):
    generator = arrays_of(torch_dcgan.generator(sides, channels, 3, 7))
    discriminator = arrays_of(torch_dcgan.discriminator(sides, channels, 5), "module.main.")
    ((key, made),), reasons = halves_in(generator)
    assert (key, made.half, reasons) == ("", "generator", [])
    ((_, judge),), _ = halves_in(discriminator)
    assert judge.half == "discriminator"
    network = dcgan_of(made.parameters, judge.parameters)
    assert (network.ngf, network.ndf, network.latent_size) == (3, 5, 7)
    assert network.image_shape == (channels, sides, sides)
    assert (network.fix_gamma, network.no_bias, network.discriminator_norm) == (False, True, "batch")
    for symbol, sizes, found in (
        (network.generator(), network.generator_inputs(1), made),
        (network.discriminator(), network.images(1), judge),
    ):
        arguments, states = parameter_shapes(symbol, sizes)
        assert shapes_of(found.parameters) == {**arguments, **states}


def test_each_array_lands_under_the_name_of_its_layer():
    source = arrays_of(torch_dcgan.generator(64, 3, 2, 5))
    ((_, made),), _ = halves_in(source)
    for name, place in {
        "g1_weight": "main.0.weight",
        "gbn1_gamma": "main.1.weight",
        "gbn1_beta": "main.1.bias",
        "gbn4_moving_mean": "main.10.running_mean",
        "gbn4_moving_var": "main.10.running_var",
        "g5_weight": "main.12.weight",
    }.items():
        np.testing.assert_array_equal(made.parameters[name], source[place])
    source = arrays_of(torch_dcgan.discriminator(64, 3, 2), "")
    ((_, judge),), _ = halves_in(dict(sorted(source.items())))  # as safetensors has them: 11 before 2
    for name, place in {"d2_weight": "2.weight", "dbn2_gamma": "3.weight", "dbn4_beta": "9.bias"}.items():
        np.testing.assert_array_equal(judge.parameters[name], source[place])
    np.testing.assert_array_equal(judge.parameters["d5_weight"], source["11.weight"])


@pytest.mark.parametrize("prefix", ["main.", "module.main.", "", "net.", "generator.layers."])
def test_the_prefix_does_not_matter(prefix):
    found, _ = halves_in(arrays_of(torch_dcgan.generator(32), prefix))
    assert [half.half for _, half in found] == ["generator"]


def test_checkpoints_of_both_networks_are_taken_apart():
    generator, discriminator = torch_dcgan.generator(32), torch_dcgan.discriminator(32)
    groups = {
        "nested": {"netG": arrays_of(generator), "netD": arrays_of(discriminator), "epoch": {}},
        "one": {**arrays_of(generator, "G.main."), **arrays_of(discriminator, "D.main.")},
        "lightning": {
            "state_dict": {**arrays_of(generator, "generator.main."), **arrays_of(discriminator, "discriminator.main.")}
        },
    }
    keys = {name: {key: half.half for key, half in halves_in(group)[0]} for name, group in groups.items()}
    assert keys == {
        "nested": {"netG": "generator", "netD": "discriminator"},
        "one": {"G": "generator", "D": "discriminator"},
        "lightning": {"state_dict.generator": "generator", "state_dict.discriminator": "discriminator"},
    }


def test_a_discriminator_without_norm_and_biases_of_some_layers():
    ((_, judge),), _ = halves_in(arrays_of(torch_dcgan.discriminator(32, norm=False)))
    made = arrays_of(torch_dcgan.generator(32))
    made["main.9.bias"] = np.ones(3, np.float32)
    ((_, made),), _ = halves_in(made)
    network = dcgan_of(made.parameters, judge.parameters)
    assert (network.discriminator_norm, network.no_bias) == ("none", False)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"main.0.weight_orig": np.zeros((3, 3))}, "the tensor 'main.0.weight_orig', which a DCGAN does not have"),
        ({"fc.weight": np.zeros((3, 4)), "fc.bias": np.zeros(3)}, r"4 convolutions, 3 BatchNorms and other layers"),
        ({"main.0.weight": np.zeros((10, 5, 4, 4))}, "which do not follow one another as a DCGAN's"),
        ({"main.9.running_mean": np.zeros(3)}, "4 BatchNorms for 4 convolutions"),
        ({"extra.bias": np.zeros(3)}, "the layer 'extra' without a weight"),
    ],
)
def test_other_layouts_are_told_in_words(change, reason):
    found, reasons = halves_in({**arrays_of(torch_dcgan.generator(32)), **change})
    assert not found
    assert re.search(reason, reasons[0])


@pytest.mark.parametrize(
    "other, words",
    [
        ((32, 3), r"makes images \(3, 64, 64\), and the discriminator judges images \(3, 32, 32\)"),
        ((64, 1), r"makes images \(3, 64, 64\), and the discriminator judges images \(1, 64, 64\)"),
    ],
)
def test_halves_of_two_pairs_are_refused(other, words):
    pair = (torch_dcgan.generator(64, 3), torch_dcgan.discriminator(*other))
    generator, discriminator = (halves_in(arrays_of(network))[0][0][1] for network in pair)
    with pytest.raises(CheckpointError, match=words):
        dcgan_of(generator.parameters, discriminator.parameters)


def test_kernels_and_widths_of_other_networks_are_refused():
    ((_, made),), _ = halves_in(arrays_of(torch_dcgan.generator(32)))
    wide = {**made.parameters, "g2_weight": np.zeros((16, 8, 3, 3))}
    with pytest.raises(CheckpointError, match=r"the generator has g2_weight of the shape \(16, 8, 3, 3\)"):
        dcgan_of(wide)
    with pytest.raises(CheckpointError, match="the weights do not make a DCGAN: image_size is 8"):
        dcgan_of({**made.parameters, "g1_weight": np.zeros((10, 16, 1, 1))})
