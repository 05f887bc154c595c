"""Spectral normalisation against PyTorch's own, and against NumPy's singular values."""

import numpy as np
import pytest

import mxgan
from mxgan.networks import ResidualProjection, Symbols
from mxgan.networks.residual_blocks import pooled_convolution
from mxgan.objectives.heads import get_objective
from mxgan.objectives.spectral import spectral_normalize, state_names, with_states
from mxgan.objectives.tangent.walk import linearize
from mxgan.runtime import mx
from mxgan.training.discriminator import discriminator_output

SHAPES = {"data": (2, 3, 16, 16)}
STATES = ["d1_u", "d2_u", "d3_u"]
PARTS = ["u_next", "sn_sigma", "sn"]
data = mx.sym.var("data")


def dcgan(norm="none"):
    return mxgan.DCGAN(ndf=4, image_size=16, no_bias=False, discriminator_norm=norm).discriminator()


def bind(symbol, seed=0, **shapes):
    executor = symbol.simple_bind(mx.cpu(), **(shapes or SHAPES))
    draw = np.random.default_rng(seed)
    for name in sorted(executor.arg_dict):
        executor.arg_dict[name][:] = draw.normal(size=executor.arg_dict[name].shape)
    return executor


def step(executor, symbol):
    """One training pass with a gradient of 1 at the score, and u carried on, as whoever trains does it."""
    executor.forward(is_train=True)
    score, *following = executor.outputs
    executor.backward([mx.nd.ones(score.shape), *(mx.nd.zeros(each.shape) for each in following)])
    for name, value in zip(state_names(symbol), following):
        value.copyto(executor.arg_dict[name])
    return score.asnumpy()


def test_the_numbers_of_torch_over_several_steps():
    """Score, gradient of every weight and bias, and u, while the weights move."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    symbol = with_states(spectral_normalize(dcgan(), SHAPES))
    executor = bind(symbol)
    values = {name: torch.tensor(value.asnumpy()) for name, value in executor.arg_dict.items()}
    channels = [(3, 4, 4, 2, 1), (4, 8, 4, 2, 1), (8, 1, 4)]
    layers = [nn.Conv2d(*sizes) for sizes in channels]
    for i, layer in enumerate(layers, 1):
        layer.weight.data, layer.bias.data = values[f"d{i}_weight"].clone(), values[f"d{i}_bias"].clone()
        nn.utils.spectral_norm(layer).weight_u = values[f"d{i}_u"][0].clone()
    network = nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2), layers[2], nn.Flatten())
    for _ in range(4):
        found, expected = step(executor, symbol), network(values["data"])
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
        network.zero_grad()
        expected.sum().backward()
        for i, layer in enumerate(layers, 1):
            for name, parameter in ((f"d{i}_weight", layer.weight_orig), (f"d{i}_bias", layer.bias)):
                gradient = executor.grad_dict[name]
                scale = parameter.grad.abs().max().item()
                np.testing.assert_allclose(gradient.asnumpy(), parameter.grad.numpy(), atol=1e-5 * scale, err_msg=name)
                executor.arg_dict[name] -= 0.05 * gradient
                parameter.data -= 0.05 * parameter.grad
            u = executor.arg_dict[f"d{i}_u"].asnumpy()[0]
            np.testing.assert_allclose(u, layer.weight_u.numpy(), rtol=1e-5, atol=1e-5)


def test_sigma_becomes_the_largest_singular_value():
    symbol = spectral_normalize(dcgan(), SHAPES)
    internals, names = symbol.get_internals(), ["d1", "d2", "d3"]
    executor = bind(mx.sym.Group([internals[f"{name}_{what}_output"] for what in PARTS for name in names]))

    def run():
        outputs = [output.asnumpy() for output in executor.forward(is_train=True)]
        for name, following in zip(names, outputs):
            executor.arg_dict[f"{name}_u"][:] = following
        return outputs[3:6], outputs[6:]

    first, _ = run()
    for _ in range(200):
        sigmas, weights = run()
    for i, name in enumerate(names):
        raw = executor.arg_dict[f"{name}_weight"].asnumpy()
        largest = np.linalg.svd(raw.reshape(len(raw), -1), compute_uv=False)[0]
        np.testing.assert_allclose(sigmas[i], [[largest]], rtol=1e-4)
        assert first[i] <= largest * (1 + 1e-6)
        np.testing.assert_allclose(weights[i], raw / largest, rtol=1e-4)
    assert first[1] < 0.99 * sigmas[1]


def test_names_and_outputs_stay_and_each_weight_gets_one_state():
    plain = dcgan("layer")
    normalised = spectral_normalize(plain, SHAPES)
    assert [name for name in normalised.list_arguments() if name not in STATES] == plain.list_arguments()
    assert normalised.list_outputs() == plain.list_outputs()
    assert set(plain.get_internals().list_outputs()) <= set(normalised.get_internals().list_outputs())
    assert state_names(normalised) == {name: f"{name}_next_output" for name in STATES}
    shapes, found, _ = normalised.infer_shape(**SHAPES)
    assert found == [(2, 1)]
    assert dict(zip(normalised.list_arguments(), shapes))["d2_u"] == (1, 8)


def test_a_head_and_several_outputs():
    features = mx.sym.LeakyReLU(mx.sym.FullyConnected(data, name="d1", num_hidden=6))
    both = mx.sym.Group(
        [mx.sym.FullyConnected(features, name=name, num_hidden=n) for name, n in (("d2", 1), ("dclass", 3))]
    )
    normalised = spectral_normalize(both, {"data": (4, 5)})
    assert normalised.list_outputs() == ["d2_output", "dclass_output"]
    assert list(state_names(normalised)) == ["d1_u", "d2_u", "dclass_u"]
    headed = get_objective("gan").discriminator_head(normalised[0], mx.sym.var("label"))
    assert with_states(headed).list_outputs() == ["dloss_output", "d1_u_next_output", "d2_u_next_output"]
    joined = with_states(mx.sym.Group([headed, normalised[1]]))
    assert joined.list_outputs()[:2] == ["dloss_output", "dclass_output"]
    assert len(joined.list_outputs()) == 5


def test_states_get_no_gradient_and_no_initializer_but_their_own():
    symbol = spectral_normalize(dcgan(), SHAPES)
    module = mx.mod.Module(symbol, label_names=None, fixed_param_names=list(state_names(symbol)))
    module.bind([("data", SHAPES["data"])])
    mx.random.seed(0)
    module.init_params(mx.init.Constant(0.5))
    values = module.get_params()[0]
    assert (values["d2_weight"].asnumpy() == 0.5).all()
    assert len(set(values["d2_u"].asnumpy()[0])) == 8
    assert all(module._exec_group.execs[0].grad_dict[name] is None for name in STATES)
    executor = bind(symbol)  # with a gradient for everything
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones((2, 1))])
    assert all((executor.grad_dict[name].asnumpy() == 0).all() for name in STATES)


def test_once_is_enough():
    once = spectral_normalize(dcgan(), SHAPES)
    assert spectral_normalize(once, SHAPES).tojson() == once.tojson()


def test_the_callers_symbol_is_not_changed():
    plain = dcgan()
    before = plain.tojson()
    spectral_normalize(plain, SHAPES)
    assert plain.tojson() == before


def test_a_weight_that_layers_share_is_normalised_once():
    shared = mx.sym.var("w")
    layer = mx.sym.FullyConnected(data, shared, name="d1", num_hidden=4, no_bias=True)
    layer = mx.sym.FullyConnected(layer, shared, name="d2", num_hidden=4, no_bias=True)
    symbol = spectral_normalize(layer, {"data": (2, 4)})
    assert symbol.list_arguments() == ["data", "w", "w_u"]


def test_attributes_of_the_weight_are_kept():
    weight = mx.sym.var("d1_weight", lr_mult=0.25, init=mx.init.Constant(3))
    plain = mx.sym.FullyConnected(data, weight, name="d1", num_hidden=4, no_bias=True)
    found = spectral_normalize(plain, {"data": (2, 5)}).attr_dict()["d1_weight"]
    assert found == {**plain.attr_dict()["d1_weight"], "__shape__": "(4, 5)"}


def test_transposed_convolutions_and_weights_that_are_computed_are_left_alone():
    weight = mx.sym.tanh(mx.sym.var("w", shape=(4, 3, 3, 3)))
    layer = mx.sym.Convolution(data, weight, name="d1", kernel=(3, 3), num_filter=4, no_bias=True)
    layer = mx.sym.Deconvolution(layer, name="d2", kernel=(4, 4), num_filter=2)
    assert spectral_normalize(layer, SHAPES).tojson() == layer.tojson()
    assert state_names(layer) == {}
    assert with_states(layer) is layer
    shared = mx.sym.var("w")
    layer = mx.sym.Convolution(data, shared, name="d1", kernel=(3, 3), num_filter=4, no_bias=True)
    layer = mx.sym.Deconvolution(layer, shared, name="d2", kernel=(3, 3), num_filter=3)
    assert state_names(spectral_normalize(layer, SHAPES)) == {}


def test_a_network_from_symbols_keeps_the_states_that_its_runs_have():
    """Embeddings and pooled weights are normalised in residual networks alone: an older run of another D goes on."""
    rows = mx.sym.Embedding(mx.sym.var("class_label"), name="demb", input_dim=3, output_dim=4)
    pooled = pooled_convolution(data, "d1", 3, 4)
    layer = mx.sym.FullyConnected(mx.sym.Flatten(pooled), name="d2", num_hidden=4)
    score = mx.sym.sum(layer * rows, axis=1, keepdims=True)
    symbols = Symbols(dcgan_generator().tojson(), score.tojson(), image_size=16, latent=(100, 1, 1), classes=0)
    found = discriminator_output(mxgan.Recipe("", "", network=symbols, spectral_norm=True))
    assert list(state_names(found)) == ["d2_u"]
    every = spectral_normalize(score, symbols.images(2), every_weight=True)
    assert set(state_names(every)) == {"d1_u", "d2_u", "demb_u"}
    residual = discriminator_output(mxgan.Recipe("", "", network=ResidualProjection(ndf=4), spectral_norm=True))
    assert {"d1_conv2_u", "d5_class_u"} <= set(state_names(residual))


def dcgan_generator():
    return mxgan.DCGAN(ngf=4, image_size=16).generator()


def test_the_tangent_holds_the_vectors_and_shares_the_normalised_weight():
    """Scaling every raw weight changes nothing: W/σ(W) is the same, and so is the slope of the score."""
    symbol = spectral_normalize(dcgan(), SHAPES)
    tangent = linearize(symbol, SHAPES).tangent
    assert set(tangent.list_arguments()) == {*symbol.list_arguments(), "tangent"} - {"d3_bias"}
    executor = bind(tangent, data=SHAPES["data"], tangent=SHAPES["data"])
    before = executor.forward()[0].asnumpy()
    for name in ("d1", "d2", "d3"):
        executor.arg_dict[f"{name}_weight"][:] *= 3
    # A score is a sum of terms as large as the largest score, or larger: one that nearly vanishes keeps their error.
    largest = np.abs(before).max()
    np.testing.assert_allclose(executor.forward()[0].asnumpy(), before, rtol=1e-5, atol=1e-6 * largest)
    assert np.abs(before).min() > 1e-3
