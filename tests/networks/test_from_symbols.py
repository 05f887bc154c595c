"""The network of two symbols: what it checks, and that it is never guessed from a file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, ShapeError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import Symbols
from mxgan.networks.recognition import network_of_params
from mxgan.runtime import mx
from mxgan.runtime.config import from_dict, to_dict

OWN = mxgan.NETWORKS["conditional-dcgan"](ngf=4, ndf=4, image_size=16, latent_size=6, classes=3)
NETWORK = Symbols(OWN.generator().tojson(), OWN.discriminator().tojson(), 3, 16, (6, 1, 1), 3)


def test_it_is_the_network_of_its_symbols():
    assert (NETWORK.image_shape, NETWORK.latent_shape, NETWORK.generator_classes) == ((3, 16, 16), (6, 1, 1), 3)
    assert NETWORK.generator_inputs(2) == OWN.generator_inputs(2) == {"rand": (2, 6, 1, 1), "class_label": (2,)}
    assert NETWORK.images(2) == {"data": (2, 3, 16, 16), "class_label": (2,)}
    for half in ("generator", "discriminator"):
        sizes = NETWORK.generator_inputs(1) if half == "generator" else NETWORK.images(1)
        assert parameter_shapes(getattr(NETWORK, half)(), sizes) == parameter_shapes(getattr(OWN, half)(), sizes)
    assert from_dict(Symbols, json.loads(json.dumps(to_dict(NETWORK)))) == NETWORK
    assert mxgan.Recipe("", "", network=NETWORK).describe()


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"generator_symbol": ""}, ArgumentError, "generator_symbol is empty; `mxgan import` writes it"),
        ({"generator_symbol": "{}"}, CorruptFileError, "the symbol of the generator: cannot be read as a symbol"),
        ({"nc": 2}, ArgumentError, "nc is 2; give 1"),
        ({"nc": 1}, ShapeError, r"the symbol of the generator makes \(1, 3, 16, 16\)"),
        ({"image_size": 32}, ShapeError, r"makes \(1, 3, 16, 16\)"),
        ({"latent": ()}, ArgumentError, "latent is .*give the shape of one latent"),
        ({"latent": (7, 1, 1)}, ShapeError, "g1"),
        ({"classes": 0}, ArgumentError, "class_label|unknown"),
        ({"classes": -1}, ArgumentError, "classes is -1"),
        ({"discriminator_symbol": OWN.generator().tojson()}, ArgumentError, "unknown input 'data'"),
    ],
)
def test_symbols_that_do_not_fit_their_sizes_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        replace(NETWORK, **change)


def test_a_symbol_that_would_end_the_process_is_refused():
    wide = mx.sym.FullyConnected(mx.sym.Variable("rand"), num_hidden=2**24, name="g1")
    huge = mx.sym.Reshape(mx.sym.FullyConnected(wide, num_hidden=768, name="g2"), shape=(-1, 3, 16, 16))
    with pytest.raises(ShapeError, match="numbers; MXNet can index"):
        Symbols(huge.tojson(), "", 3, 16, (300,))


def test_without_a_discriminator_it_says_so():
    alone = replace(NETWORK, discriminator_symbol="")
    assert alone.generator().list_outputs() == NETWORK.generator().list_outputs()
    with pytest.raises(ArgumentError, match="has no discriminator: only a generator was imported"):
        alone.discriminator()


def test_no_file_is_recognised_as_one():
    with pytest.raises(CheckpointError, match="belong to no known generator") as raised:
        network_of_params({"fc_weight": mx.nd.ones((2, 3))})
    assert "symbol" not in str(raised.value).partition("Known are")[2].partition("Give the symbol")[0]
