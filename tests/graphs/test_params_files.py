"""Files of parameters both ways: written by MXNet in every form of old programs and read here, and the reverse."""

from __future__ import annotations

import numpy as np
import pytest

import mxgan
from mxgan.runtime import mx
from tests.support import assert_same

BATCH = 3


@pytest.fixture
def module():
    """A bound generator of MXNet's own example, as its programs have it, with random parameters and statistics."""
    generator, _ = mxgan.make_dcgan_sym(ngf=4, ndf=4, nc=3)
    made = mx.mod.Module(generator, data_names=("rand",), label_names=None, context=mx.cpu())
    made.bind(data_shapes=[("rand", (BATCH, 10, 1, 1))])
    made.init_params(mx.init.Normal(0.3))
    arguments, states = made.get_params()
    for number, value in enumerate(states.values()):
        value[:] = np.linspace(0.1, 1 + number, value.size)
    made.set_params(arguments, states)
    return made


def as_numpy(parameters: tuple) -> dict:
    return {name: value.asnumpy() for group in parameters for name, value in group.items()}


def images(module, latents: np.ndarray) -> np.ndarray:
    module.forward(mx.io.DataBatch([mx.nd.array(latents)]), is_train=False)
    return module.get_outputs()[0].asnumpy()


def saved_by_hand(module, prefix: str) -> None:
    arguments, states = module.get_params()
    named = {**{f"arg:{k}": v for k, v in arguments.items()}, **{f"aux:{k}": v for k, v in states.items()}}
    mx.nd.save(f"{prefix}-0007.params", named)


WRITERS = {
    "mx.model.save_checkpoint": lambda m, prefix: mx.model.save_checkpoint(prefix, 7, m.symbol, *m.get_params()),
    "Module.save_params": lambda m, prefix: m.save_params(f"{prefix}-0007.params"),
    "Module.save_checkpoint": lambda m, prefix: m.save_checkpoint(prefix, 7),
    "mx.nd.save": saved_by_hand,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_mxnet_wrote_is_read_and_drawn(writer, module, tmp_path):
    WRITERS[writer](module, str(tmp_path / "net"))
    file = tmp_path / "net-0007.params"
    assert_same(as_numpy(mxgan.load_params(file)), as_numpy(module.get_params()))
    latents = np.random.default_rng(0).standard_normal((BATCH, 10, 1, 1)).astype("f")
    found = mxgan.load_sampler(file, BATCH).sample(latents)
    # With the symbol beside the file the same operators run; without it, DCGAN's first layer is a matrix product.
    tolerance = 0 if (tmp_path / "net-symbol.json").exists() else 1e-5
    np.testing.assert_allclose(found, images(module, latents), atol=tolerance, rtol=0)


def by_load_checkpoint(module, prefix: str) -> tuple:
    symbol, arguments, states = mx.model.load_checkpoint(prefix, 7)
    assert symbol.list_arguments() == module.symbol.list_arguments()
    return arguments, states


def by_load_params(module, prefix: str) -> tuple:
    module.load_params(f"{prefix}-0007.params")
    return module.get_params()


def by_module_load(module, prefix: str) -> tuple:
    loaded = mx.mod.Module.load(prefix, 7, data_names=("rand",), label_names=None)
    loaded.bind(data_shapes=[("rand", (BATCH, 10, 1, 1))])
    return loaded.get_params()


def by_nd_load(module, prefix: str) -> tuple:
    return ({key.partition(":")[2]: value for key, value in mx.nd.load(f"{prefix}-0007.params").items()},)


@pytest.mark.parametrize("reader", [by_load_checkpoint, by_load_params, by_module_load, by_nd_load])
def test_what_is_written_here_is_read_by_mxnet(reader, module, tmp_path):
    parameters, prefix = module.get_params(), str(tmp_path / "net")
    expected = as_numpy(parameters)
    mxgan.save_params(f"{prefix}-0007.params", *parameters)
    module.symbol.save(f"{prefix}-symbol.json")
    module.init_params(mx.init.Zero(), force_init=True)
    assert_same(as_numpy(reader(module, prefix)), expected)
