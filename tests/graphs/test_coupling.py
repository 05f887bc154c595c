"""Layers that depend on other samples, or on chance: those of mxgan's networks, and those of made-up ones."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.graphs.coupling import coupled_layers, drawing_layers
from mxgan.networks import NETWORKS
from mxgan.networks.blocks import minibatch_discrimination
from mxgan.runtime import mx
from tests.support import SMALLER

X = mx.sym.Variable("data")
B = 4


def small(name: str, **settings):
    return NETWORKS[name](**{**SMALLER[name], **settings})


def depends_on_others(symbol) -> bool:
    """Whether the first sample's output in training changes when the other samples do."""
    outputs = []
    for seed in (1, 2):
        executor = symbol.simple_bind(mx.cpu(), data=(B, 3, 16, 16))
        draw = np.random.default_rng(0)
        for name in symbol.list_arguments():
            executor.arg_dict[name][:] = draw.normal(scale=0.1, size=executor.arg_dict[name].shape)
        executor.arg_dict["data"][1:] = np.random.default_rng(seed).normal(size=(B - 1, 3, 16, 16))
        outputs.append(executor.forward(is_train=True)[0].asnumpy()[0])
    return not np.allclose(*outputs, rtol=1e-5)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"discriminator_norm": "none"}, []),
        ({"discriminator_norm": "layer"}, []),
        ({}, ["dbn2"]),
        ({"discriminator_norm": "none", "minibatch_kernels": 3, "minibatch_dims": 2}, ["dminibatch"]),
        ({"minibatch_kernels": 3}, ["dbn2", "dminibatch"]),
    ],
)
def test_of_a_discriminator(settings, expected):
    network = (
        small("semi-supervised-dcgan", **settings) if "minibatch_kernels" in settings else small("dcgan", **settings)
    )
    symbol = network.discriminator()
    assert coupled_layers(symbol) == expected
    assert depends_on_others(symbol) == bool(expected)
    assert bool(network.mixes_samples) == ("dminibatch" in expected)


def test_of_every_generator_and_no_layer_draws():
    for name in SMALLER:
        network = small(name)
        norms = [each for each in network.generator().list_auxiliary_states() if each.endswith("moving_mean")]
        assert coupled_layers(network.generator()) == [each[: -len("_moving_mean")] for each in norms], name
        assert drawing_layers(network.generator()) + drawing_layers(network.discriminator()) == [], name


def test_moving_statistics_in_training_couple_nothing():
    assert coupled_layers(mx.sym.BatchNorm(X, name="fixed", use_global_stats=True)) == []
    assert coupled_layers(mx.sym.contrib.SyncBatchNorm(X, name="synced", key="a")) == ["synced"]


def test_a_difference_of_other_things_couples_nothing():
    apart = mx.sym.broadcast_sub(mx.sym.expand_dims(X, axis=1), mx.sym.expand_dims(2 * X, axis=0))
    assert coupled_layers(apart) == []
    assert coupled_layers(minibatch_discrimination(mx.sym.Flatten(X), "near", 2, 3)) == ["near"]


@pytest.mark.parametrize(
    "symbol, draws",
    [
        (mx.sym.Dropout(X, name="layer", p=0.5), True),
        (mx.sym.Dropout(X, name="layer"), True),
        (mx.sym.Dropout(X, name="layer", p=0), False),
        (mx.sym.LeakyReLU(X, name="layer", act_type="rrelu"), True),
        (mx.sym.LeakyReLU(X, name="layer", act_type="leaky"), False),
        (mx.sym.random.normal(shape=(2, 3), name="layer"), True),
        (mx.sym.random.uniform_like(X, name="layer"), True),
        (mx.sym.shuffle(X, name="layer"), True),
        (mx.sym.sample_multinomial(X, name="layer"), True),
        (mx.sym.BatchNorm(X, name="layer"), False),
    ],
)
def test_drawing_layers(symbol, draws):
    assert drawing_layers(symbol) == ["layer"] * draws
