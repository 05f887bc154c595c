"""Small models of every recipe and variant, with trained-like parameters, for the tests of every format."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import numpy as np
import pytest

import mxgan
from mxgan.export import FORMATS
from mxgan.export.model import Model
from mxgan.graphs.shapes import parameter_shapes
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from mxgan.training.discriminator import discriminator_output
from tests.support import SMALLER

# Variants of a recipe: name → (recipe, settings of its network, settings of the recipe).
VARIANTS = {
    **{name: (name, {}, {}) for name in mxgan.RECIPES},
    "grey": ("dcgan", {"nc": 1}, {}),
    "grey, biases": ("dcgan", {"nc": 1, "no_bias": False}, {}),
    "biases": ("dcgan", {"no_bias": False}, {}),
    "trained gammas": ("dcgan", {"fix_gamma": False}, {}),
    "layer norm": ("dcgan", {"discriminator_norm": "layer"}, {}),
    "not square": ("dcgan", {"image_size": (16, 24)}, {}),
    "28 pixels": ("dcgan", {"image_size": 28, "nc": 1}, {}),
    "colour cgan": ("cgan", {"nc": 3}, {}),
    "spectral cgan": ("cgan", {}, {"spectral_norm": True}),
    "spectral mlp": ("mlp-gan", {}, {"spectral_norm": True}),
    "spectral cbr": ("cbr-gan", {}, {"spectral_norm": True}),
    "grey cbr": ("cbr-gan", {"nc": 1}, {}),
    "grey encoder-decoder": ("encoder-decoder-gan", {"nc": 1, "image_size": 32}, {}),
    "minibatch discrimination": ("ssgan", {"minibatch_kernels": 3}, {}),
    "sngan, 64, attention": ("sngan", {"image_size": 64, "attention": 32}, {}),
    "grey sngan, not normalised": ("sngan", {"nc": 1}, {"spectral_norm": False}),
    "uniform latents": ("dcgan", {}, {"latent_distribution": "uniform"}),
}
HALVES = ("generator", "discriminator")
# Every format as a parameter of a test; that of PyTorch is left out where PyTorch is missing.
WITHOUT_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
FORMS = [pytest.param(name, marks=WITHOUT_TORCH) if name == "torch" else name for name in FORMATS]


def model_of(variant: str, half: str, seed: int = 0, small: bool = True) -> Model:
    """A model of a variant with random parameters: gammas and moving variances above 0, all others around 0.

    `small` : with few channels; otherwise of the size of its recipe.
    """
    recipe, sizes, settings = VARIANTS[variant]
    recipe = replace(mxgan.RECIPES[recipe], **settings)
    network = replace(recipe.network, **{**(SMALLER[recipe.network.name] if small else {}), **sizes})
    recipe = replace(recipe, network=network)
    symbol = network.generator() if half == "generator" else discriminator_output(recipe)
    inputs = {"rand": network.latent_shape} if half == "generator" else {"data": network.image_shape}
    labelled = "class_label" in symbol.list_arguments()
    inputs = {**inputs, **({"class_label": ()} if labelled else {})}
    shapes = {
        key: shape
        for group in parameter_shapes(symbol, {k: (1, *s) for k, s in inputs.items()})
        for key, shape in group.items()
    }
    rng = rng_for(f"{variant} {half}", seed, 0)
    return Model(
        symbol,
        {name: _value(name, shape, rng) for name, shape in sorted(shapes.items())},
        inputs,
        half,
        classes=network.classes if labelled else 0,
        latent_distribution=recipe.latent_distribution,
    )


def _value(name: str, shape: tuple, rng) -> np.ndarray:
    values = rng.standard_normal(shape).astype(np.float32)
    if name.endswith(("_gamma", "_var")):
        return 0.5 + np.abs(values)
    if name.endswith("_weight"):  # values of order 1 in every layer, as in a trained network
        return (values / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return values / 2


def inputs_of(model: Model, batch: int, seed: int = 1) -> dict:
    """{input of the symbol: float32 array} for a batch."""
    rng = rng_for("inputs", seed, 0)
    values = {}
    for name, shape in model.sizes(batch).items():
        if name == "class_label":
            values[name] = (np.arange(batch) % model.classes).astype(np.float32)
        else:
            values[name] = np.tanh(rng.standard_normal(shape)).astype(np.float32)
    return values


def mxnet_outputs(model: Model, values: dict) -> list:
    """What MXNet computes, as arrays, layer by layer.

    Bound with gradients: bound for inference alone, MXNet 1.9.1 fuses a Convolution with a BatchNorm over any axis as
    if it were over the channels, and gives other shapes with output_mean_var.
    """
    given = {**{name: mx.nd.array(value) for name, value in model.parameters.items()}}
    given.update({name: mx.nd.array(value) for name, value in values.items()})
    arguments = {name: given[name] for name in model.symbol.list_arguments()}
    states = {name: given[name] for name in model.symbol.list_auxiliary_states()}
    gradients = {name: mx.nd.zeros_like(arguments[name]) for name in model.inputs}
    executor = model.symbol.bind(mx.cpu(), arguments, gradients, aux_states=states)
    return [output.asnumpy() for output in executor.forward(is_train=False)]


def torch_outputs(folder, values: dict) -> list:
    """What the network in the model.py of a folder computes, as arrays; it is imported as a program would."""
    import torch

    spec = spec_from_file_location("exported_model", folder / "model.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    given = [
        torch.from_numpy(value.astype(np.int64) if name == "class_label" else value) for name, value in values.items()
    ]
    with torch.no_grad():
        found = module.load()(*given)
    return [output.numpy() for output in (found if isinstance(found, tuple) else (found,))]
