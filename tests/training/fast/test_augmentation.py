"""All augmentations in one operator against their symbols, forward and down to the images."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed")

from mxgan.objectives.augment.augmenter import Augmenter
from mxgan.objectives.augment.table import AUGMENTATIONS
from mxgan.runtime import mx
from mxgan.training.fast import rewriting
from mxgan.training.fast.image_kernels import CODES, SIZES
from mxgan.training.fast.rewriting import with_fast_operators

ORDERS = [order for count in (1, 2, 3) for order in itertools.permutations(AUGMENTATIONS, count)]


@pytest.fixture(autouse=True)
def small_layers_too(monkeypatch):
    monkeypatch.setattr(rewriting, "LEAST_PRODUCTS", 0)


def layer(images):
    return mx.sym.Convolution(images, kernel=(3, 3), pad=(1, 1), num_filter=4, name="layer")


def operators(symbol) -> list:
    found = [node for node in json.loads(symbol.tojson())["nodes"] if node["op"] != "null"]
    return [node["attrs"].get("op_type", node["op"]) for node in found if "attrs" in node]


def passes(symbol, images, values) -> list:
    """The output of one pass and the gradients of all arguments but the random numbers."""
    requests = {name: "null" if name == "augment" else "write" for name in symbol.list_arguments()}
    executor = symbol.simple_bind(mx.cpu(), grad_req=requests, data=images.shape, augment=values.shape)
    random = np.random.default_rng(3)
    for name in sorted(executor.arg_dict):
        given = {"data": images, "augment": values}.get(name)
        shape = executor.arg_dict[name].shape
        executor.arg_dict[name][:] = random.standard_normal(shape) * 0.2 if given is None else given
    output = executor.forward(is_train=True)[0].asnumpy()
    executor.backward([mx.nd.array(random.standard_normal(output.shape))])
    gradients = {name: array.asnumpy() for name, array in executor.grad_dict.items() if array is not None}
    return [output, *(gradients[name] for name in sorted(gradients))]


def test_the_numbers_of_the_kernels_are_those_of_the_table():
    assert CODES.keys() == AUGMENTATIONS.keys()
    assert {name: SIZES[code] for name, code in CODES.items()} == {
        name: len(row.numbers((8, 8))) for name, row in AUGMENTATIONS.items()
    }


@pytest.mark.parametrize("names", ORDERS, ids=",".join)
@pytest.mark.parametrize("shape", [(8, 12, 16), (9, 16, 8)], ids=str)
def test_the_operator_is_the_symbols(names, shape):
    augmenter = Augmenter(names, shape)
    random = np.random.default_rng(1)
    images = random.standard_normal((7, *shape)).astype(np.float32)
    values = augmenter.draw(lambda size: mx.nd.array(random.random(size)), 7)["augment"].asnumpy()
    symbol = augmenter.before(layer(mx.sym.Variable("data")))
    fast = with_fast_operators(symbol, {"data": images.shape, "augment": values.shape})
    assert "mxgan_augmentation" in operators(fast)
    assert fast.list_arguments() == symbol.list_arguments()
    for found, wanted in zip(passes(fast, images, values), passes(symbol, images, values)):
        np.testing.assert_allclose(found, wanted, atol=2e-5 * max(1, np.abs(wanted).max()))


def test_augmentations_of_something_else_than_the_images_stay():
    augmenter = Augmenter(["colour"], (8, 8, 8))
    inner = mx.sym.broadcast_mul(mx.sym.Variable("data"), mx.sym.Variable("scale", shape=(1, 1, 1, 1)))
    symbol = augmenter.before(layer(mx.sym.Variable("data")))(data=inner)
    assert "mxgan_augmentation" not in operators(with_fast_operators(symbol, {"data": (2, 8, 8, 8), "augment": (2, 3)}))
