"""What every row of NETWORKS promises, on small instances; a new network is one more in SMALL."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.errors import CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import (
    CBR,
    DCGAN,
    MLP,
    NETWORKS,
    AuxiliaryDCGAN,
    ConditionalDCGAN,
    EncoderDecoder,
    Residual,
    ResidualProjection,
    SemiSupervisedDCGAN,
    Symbols,
)
from mxgan.networks.recognition import from_parameters
from mxgan.runtime.config import from_dict, to_dict
from tests.networks.helpers import discriminator_inputs, drawn, run

TINY = {"ngf": 4, "ndf": 4, "image_size": 16}
SMALL = {
    "dcgan": DCGAN(**TINY, fix_gamma=False),
    "dcgan, biases": DCGAN(**TINY, nc=1, no_bias=False, fix_gamma=False),
    "dcgan, no norm": DCGAN(**TINY, fix_gamma=False, discriminator_norm="none"),
    "dcgan, layer norm": DCGAN(**TINY, fix_gamma=False, discriminator_norm="layer"),
    "dcgan, 28": DCGAN(**{**TINY, "image_size": 28}, nc=1, fix_gamma=False),
    "dcgan, layer norm, 48x32": DCGAN(
        **{**TINY, "image_size": (48, 32)}, fix_gamma=False, no_bias=False, discriminator_norm="layer"
    ),
    "conditional-dcgan, 24x40": ConditionalDCGAN(**{**TINY, "image_size": (24, 40)}, nc=1, classes=3, fix_gamma=False),
    "auxiliary-dcgan, 40x24": AuxiliaryDCGAN(**{**TINY, "image_size": (40, 24)}, classes=3, fix_gamma=False),
    "semi-supervised-dcgan, 28x16": SemiSupervisedDCGAN(
        **{**TINY, "image_size": (28, 16)}, classes=3, fix_gamma=False, minibatch_kernels=5
    ),
    "mlp": MLP(generator_widths=(8, 16), discriminator_widths=(12,)),
    "mlp, tanh": MLP(3, 8, 5, (8, 16), (12,), norm_first=False, eps=0.8, slope=0.2, output="tanh"),
    "cbr": CBR(width=1),
    "cbr, grey": CBR(width=1, nc=1),
    "encoder-decoder": EncoderDecoder(capacity=2, image_size=32),
    "residual": Residual(ngf=4, ndf=4, latent_size=10),
    "residual, grey, 48": Residual(ngf=2, ndf=2, nc=1, image_size=48),
    "residual, 64": Residual(ngf=2, ndf=4, image_size=64),
    "residual, 128": Residual(ngf=2, ndf=4, image_size=128),
    "residual, attention": Residual(ngf=8, ndf=8, attention=16),
    "residual-projection": ResidualProjection(ngf=4, ndf=4, classes=3),
    "residual-projection, attention, 64": ResidualProjection(ngf=4, ndf=4, classes=3, image_size=64, attention=32),
    "conditional-dcgan": ConditionalDCGAN(**TINY, classes=3, fix_gamma=False),
    "auxiliary-dcgan": AuxiliaryDCGAN(**TINY, classes=3, fix_gamma=False),
    "semi-supervised-dcgan": SemiSupervisedDCGAN(**TINY, classes=3, fix_gamma=False, minibatch_kernels=5),
}
SMALL["symbols"] = Symbols(
    SMALL["mlp, tanh"].generator().tojson(), SMALL["mlp, tanh"].discriminator().tojson(), 3, 8, latent=(5,)
)
EVERY = pytest.mark.parametrize("network", SMALL.values(), ids=SMALL.keys())
BATCH = 6


def draw_inputs(network, shapes: dict) -> dict:
    rng = np.random.default_rng(5)
    given = {name: rng.standard_normal(shape).astype("f") for name, shape in shapes.items()}
    if "class_label" in given:
        given["class_label"] = rng.integers(network.classes, size=BATCH).astype("f")
    return given


def test_every_network_is_tested():
    assert {type(network).name for network in SMALL.values()} == set(NETWORKS)
    assert all(NETWORKS[name].name == name for name in NETWORKS)


@EVERY
def test_latents_become_images_and_images_scores(network):
    made = draw_inputs(network, network.generator_inputs(BATCH))
    (images,), _, _ = run(network.generator(), {**made, **drawn(network.generator(), network.generator_inputs(BATCH))})
    assert images.shape == (BATCH, *network.image_shape)
    assert -1 <= images.min() < 0 < images.max() <= 1
    seen = draw_inputs(network, discriminator_inputs(network, BATCH))
    outputs, _, _ = run(
        network.discriminator(), {**seen, **drawn(network.discriminator(), discriminator_inputs(network, BATCH))}
    )
    assert outputs[0].shape == (BATCH, 1)
    assert [logits.shape for logits in outputs[1:]] in ([], [(BATCH, network.classes)])
    assert np.ptp(outputs[0]) > 0


@EVERY
def test_the_loss_reaches_every_parameter_of_both(network):
    """Backward from the score to D's parameters and input, and on from there to G's parameters and latents."""
    generator, discriminator = network.generator(), network.discriminator()
    made = {
        **draw_inputs(network, network.generator_inputs(BATCH)),
        **drawn(generator, network.generator_inputs(BATCH)),
    }
    (images,), _, _ = run(generator, made)
    seen = drawn(discriminator, discriminator_inputs(network, BATCH), seed=1)
    classes = {"class_label": np.zeros(BATCH)} if "class_label" in discriminator_inputs(network, BATCH) else {}
    _, judged, _ = run(discriminator, {"data": images, **classes, **seen})
    _, pulled, _ = run(generator, made, [judged["data"]])
    for gradients in (judged, pulled):
        for name, gradient in gradients.items():
            assert np.isfinite(gradient).all(), name
            # A bias before BatchNorm is taken out again by its mean: its gradient is rounding, and may be nothing.
            assert np.abs(gradient).max() > 0 or name == "class_label" or name.endswith("_bias"), name


@EVERY
def test_names_tell_the_halves_apart(network):
    """A parameter server keys by parameter name, so that G's and D's must differ."""
    of_generator = [n for n in network.generator().list_arguments() if n not in ("rand", "class_label")]
    of_discriminator = [n for n in network.discriminator().list_arguments() if n not in ("data", "class_label")]
    assert all(name.startswith("g") for name in of_generator)
    assert all(name.startswith("d") for name in of_discriminator)
    assert ("class_label" in network.generator().list_arguments()) == network.conditional
    assert network.classes > 0 or not network.conditional


@EVERY
def test_json_round_trip(network):
    values = json.loads(json.dumps(to_dict(network)))
    assert values.pop("name") == type(network).name
    assert from_dict(type(network), values) == network


@EVERY
def test_a_generators_file_is_recognised_by_its_own_network_alone(network):
    shapes, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    rows = [row for row in NETWORKS.values() if recognises(row, shapes)]
    alike = [{"dcgan", "semi-supervised-dcgan"}, {"conditional-dcgan", "auxiliary-dcgan"}]  # one and the same generator
    own = "mlp" if isinstance(network, Symbols) else type(network).name  # no shape shows a symbol
    expected = next((names for names in alike if own in names), {own})
    assert {row.name for row in rows} == expected
    assert all(from_parameters(row, shapes).generator().list_arguments() for row in rows)


def recognises(row, shapes: dict) -> bool:
    try:
        found = from_parameters(row, shapes)
    except CheckpointError:
        return False
    assert parameter_shapes(found.generator(), found.generator_inputs(1))[0] == shapes
    return True


@pytest.mark.parametrize("row", NETWORKS.values(), ids=NETWORKS.keys())
@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"g1_weight": ()},
        {"g1_weight": (0, 0, 0, 0), "g2_weight": (0, 0, 0, 0), "g3_weight": (0, 0, 0, 0)},
        {f"g{i}_weight": (2**30, 2**30, 4, 4) for i in range(1, 10)},
        {f"g{i}_weight": (8, 3, 4, 4) for i in range(1, 80)},
        {"g1_weight": (-5, 3), "g2_weight": (-5, 3), "g6_weight": (3, 0, 5, 5)},
        {"data": (1, 3, 64, 64), "": (1,)},
    ],
    ids=["none", "scalar", "empty", "huge", "deep", "negative", "odd names"],
)
def test_shapes_of_no_network_are_refused(row, shapes):
    with pytest.raises(CheckpointError, match="these are not an? .* generator's parameters .*; found "):
        from_parameters(row, shapes)
