"""What the tests of networks share: shapes and counts, drawn parameters, one pass, and the same pass in PyTorch."""

from __future__ import annotations

import math

import numpy as np

from mxgan.graphs.shapes import infer, parameter_shapes
from mxgan.runtime import mx


def layer_shapes(symbol, **inputs) -> dict:
    """{output of a layer: shape}."""
    internals = symbol.get_internals()
    return dict(zip(internals.list_outputs(), infer(internals, inputs)[1]))


def count(symbol, **inputs) -> int:
    """How many numbers the parameters have, BatchNorm's statistics left out."""
    return sum(math.prod(shape) for shape in parameter_shapes(symbol, inputs)[0].values())


def discriminator_inputs(network, batch_size: int) -> dict:
    """{input of the discriminator: shape}."""
    inputs = {"data": (batch_size, *network.image_shape)}
    takes_class = "class_label" in network.discriminator().list_arguments()
    return {**inputs, "class_label": (batch_size,)} if takes_class else inputs


def drawn(symbol, inputs: dict, seed: int = 0) -> dict:
    """{parameter: array} such that signals keep their size: weights by fan_in, gammas about 1, the rest about 0."""
    rng, values = np.random.default_rng(seed), {}
    for name, shape in parameter_shapes(symbol, inputs)[0].items():
        if name.endswith("_weight"):
            values[name] = rng.standard_normal(shape) / np.sqrt(math.prod(shape[1:]))
        else:
            values[name] = name.endswith("_gamma") + rng.uniform(-0.3, 0.3, shape)
    return {name: value.astype(np.float32) for name, value in values.items()}


def run(symbol, values: dict, heads=None) -> tuple:
    """(outputs, gradients by argument, auxiliary states) of one forward and backward pass in training mode.

    `heads` are the gradients at the outputs, by default normal draws.
    """
    shapes, _, states = infer(symbol, {name: value.shape for name, value in values.items()})
    arguments = {name: mx.nd.array(values[name]) for name in shapes}
    gradients = {name: mx.nd.zeros(shape) for name, shape in shapes.items()}
    auxiliary = {name: mx.nd.full(shape, name.endswith("_var")) for name, shape in states.items()}
    executor = symbol.bind(mx.cpu(), arguments, gradients, aux_states=auxiliary)
    outputs = [output.asnumpy() for output in executor.forward(is_train=True)]
    if heads is None:
        heads = [np.random.default_rng(1).standard_normal(output.shape) for output in outputs]
    executor.backward([mx.nd.array(head) for head in heads])
    mx.nd.waitall()
    return outputs, *({k: v.asnumpy() for k, v in arrays.items()} for arrays in (gradients, auxiliary))


def assert_as_in_torch(symbol, name: str, data: np.ndarray, model, tolerance: float = 1e-3) -> None:
    """One pass in training mode: output, gradients of everything, moving means, as those of `model` in float64.

    The model's parameters must come in the order of the symbol's arguments; differences are relative to the largest
    number of each array, those of gradients in the mean square: a number on the other side of a ReLU's kink, by
    rounding alone, changes a few of them.
    """
    import torch

    values = {name: data, **drawn(symbol, {name: data.shape})}
    parameters = [key for key in symbol.list_arguments() if key != name]
    model = model.double().train()
    assert [tuple(p.shape) for p in model.parameters()] == [values[key].shape for key in parameters]
    with torch.no_grad():
        for key, parameter in zip(parameters, model.parameters()):
            parameter.copy_(torch.tensor(values[key]))
    given = torch.tensor(data, dtype=torch.float64, requires_grad=True)
    expected = model(given)
    head = np.random.default_rng(1).standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(head))
    (found,), gradients, statistics = run(symbol, values, [head])
    means = [buffer for key, buffer in model.named_buffers() if key.endswith("running_mean")]
    for key, mean in zip([n for n in statistics if n.endswith("_moving_mean")], means):
        _assert_close(key, statistics[key], mean.numpy(), tolerance)
    pairs = {name: given.grad, **{key: p.grad for key, p in zip(parameters, model.parameters())}}
    _assert_close("output", found, expected.detach().numpy(), tolerance)
    scale = {key: _scale(key, pairs) for key in pairs}
    for key, gradient in pairs.items():
        _assert_near(f"gradient of {key}", gradients[key], gradient.numpy(), 20 * tolerance, scale[key])


def applied(function):
    """A function as a torch.nn.Module, for nn.Sequential."""
    import torch

    class Applied(torch.nn.Module):
        def forward(self, given):
            return function(given)

    return Applied()


def _scale(key: str, gradients: dict) -> float:
    """A bias that BatchNorm takes out again has gradient 0 but for rounding: it is measured by its weight's."""
    measured = gradients[key.replace("_bias", "_weight")] if key.endswith("_bias") else gradients[key]
    return float(measured.abs().max())


def _assert_close(what: str, found, expected, tolerance: float, scale=None) -> None:
    scale = np.abs(expected).max() if scale is None else scale
    assert scale > 0, what
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def _assert_near(what: str, found, expected, tolerance: float, scale: float) -> None:
    assert scale > 0, what
    error = np.sqrt(np.mean((np.asarray(found, float) - expected) ** 2))
    spread = max(np.sqrt(np.mean(expected**2)), tolerance * scale)  # of what is 0 but for rounding: its scale
    assert error <= tolerance * spread, f"{what}: {error / spread:.2e} relative error in the mean square"
