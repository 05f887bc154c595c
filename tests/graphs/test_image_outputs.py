"""The range of a generator's images, as its last layers tell it."""

from __future__ import annotations

import pytest

from mxgan.graphs.image_outputs import value_range
from mxgan.runtime import mx

sym = mx.sym
Z = sym.Variable("z")
RANGES = {
    "sigmoid": (sym.sigmoid(Z), (0, 1)),
    "transposed": (sym.transpose(sym.Activation(Z, act_type="sigmoid"), axes=(0, 3, 1, 2)), (0, 1)),
    "expanded": (sym.expand_dims(sym.sigmoid(Z), axis=1), (0, 1)),
    "a loss": (sym.MakeLoss(sym.sigmoid(Z)), (0, 1)),
    "scaled up": (sym.UpSampling(sym.sigmoid(Z), scale=2, sample_type="nearest"), (0, 1)),
    "half of tanh": (0.5 * sym.tanh(Z) + 0.5, (0, 1)),
    "tanh, halved": ((sym.Activation(Z, act_type="tanh") + 1) / 2, (0, 1)),
    "one minus": (1 - sym.sigmoid(Z), (0, 1)),
    "clipped": (sym.clip(Z, 0, 1), (0, 1)),
    "to bytes": (255 * sym.sigmoid(Z), (0, 255)),
    "minus": (2 * sym.sigmoid(Z) - 1, (-1, 1)),
    "leaky": (sym.LeakyReLU(sym.sigmoid(Z), act_type="leaky"), None),
    "none": (sym.relu(Z), None),
}


@pytest.mark.parametrize("kind", RANGES)
def test_the_range_is_told_by_the_last_layers(kind):
    symbol, expected = RANGES[kind]
    assert value_range(symbol) == expected
    if expected:  # reached at the ends of z, and not left
        values = mx.nd.array([-99, -1, 0, 1, 99]).reshape((1, 1, 1, 5))
        found = symbol.bind(mx.cpu(), {"z": values}).forward()[0].asnumpy()
        assert (found.min(), found.max()) == expected
