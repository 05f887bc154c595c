import numpy as np
import pytest

import mxgan
from mxgan.graphs.idle_biases import with_idle_biases
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting
from tests.networks.helpers import drawn, run


def test_nothing_rewritten_is_the_same_graph():
    symbol = mxgan.DCGAN(ndf=4, image_size=16).discriminator()
    again = Rewriting(symbol).symbol()
    assert again.list_arguments() == symbol.list_arguments()
    assert again.list_outputs() == symbol.list_outputs()
    assert again.get_internals().list_outputs() == symbol.get_internals().list_outputs()


def test_idle_biases_change_no_bit():
    symbol = mxgan.DCGAN(ndf=16, image_size=32).discriminator()
    images = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype("f")
    made, idle = with_idle_biases(symbol, {"data": images.shape})
    assert idle == {f"d{i}_idle_bias": (16 * 2 ** (i - 1),) for i in (1, 2, 3)}
    values = {"data": images, **drawn(symbol, {"data": images.shape})}
    (expected,), gradients, _ = run(symbol, values)
    (found,), others, _ = run(made, {**values, **{name: np.zeros(shape, "f") for name, shape in idle.items()}})
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(others["data"], gradients["data"])


def test_a_convolution_with_a_bias_and_other_layers_stay_as_they_are():
    layer = mx.sym.Convolution(mx.sym.var("data"), name="c", kernel=(3, 3), num_filter=2)
    symbol = mx.sym.FullyConnected(layer, name="f", num_hidden=3, no_bias=True)
    made, idle = with_idle_biases(symbol, {"data": (1, 3, 8, 8)})
    assert idle == {}
    assert made.list_arguments() == symbol.list_arguments()


@pytest.mark.parametrize("word", ["True", "true", "1"])
def test_no_bias_in_all_its_spellings(word):
    """Files of other programs may use another spelling than MXNet."""
    layer = mx.sym.Convolution(mx.sym.var("data"), name="c", kernel=(3, 3), num_filter=2, no_bias=True)
    text = layer.tojson().replace('"no_bias": "True"', f'"no_bias": "{word}"')
    assert with_idle_biases(mx.sym.load_json(text), {"data": (1, 3, 8, 8)}).idle == {"c_idle_bias": (2,)}
