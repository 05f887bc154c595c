"""One contract for every operator that has a rule: its tangent, and the gradients of its tangent, in float64."""

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.objectives.tangent.rules import RULES
from mxgan.objectives.tangent.walk import linearize
from mxgan.runtime import mx

IMAGE, MATRIX = (2, 4, 4, 4), (3, 4)
x, w = mx.sym.var("data"), mx.sym.var("w")


def fixed(shape):
    """A Variable that does not depend on the data."""
    return mx.sym.var("w", shape=shape)


def leaky(slope):
    return mx.sym.maximum(x, 0) + slope * mx.sym.minimum(x, 0)


def instance_norm(name, rank, eps):
    def per_channel(parameter):
        return mx.sym.Reshape(mx.sym.var(f"{name}_{parameter}"), shape=(1, -1, *[1] * (rank - 2)))

    axes = tuple(range(2, rank))
    centred = mx.sym.broadcast_sub(x, mx.sym.mean(x, axis=axes, keepdims=True))
    variance = mx.sym.mean(mx.sym.square(centred), axis=axes, keepdims=True)
    normal = mx.sym.broadcast_div(centred, mx.sym.sqrt(variance + eps))
    return mx.sym.broadcast_add(mx.sym.broadcast_mul(normal, per_channel("gamma")), per_channel("beta"))


ROW_MAX = mx.sym.max(x, axis=1, keepdims=True)

# operator → networks that have it, each (symbol, shape of data, the same in operators that compute in float64)
CASES = {
    "Activation": [
        (mx.sym.Activation(x, act_type=t), MATRIX) for t in ("relu", "sigmoid", "softrelu", "softsign", "tanh")
    ],
    "BlockGrad": [(mx.sym.BlockGrad(x) * x, MATRIX)],
    "Concat": [(mx.sym.concat(x, fixed(MATRIX), 2 * x, dim=1), MATRIX)],
    "Convolution": [
        (mx.sym.Convolution(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), num_filter=3), IMAGE),
        (mx.sym.Convolution(x, kernel=(2, 2), num_filter=4, num_group=2, no_bias=True), IMAGE),
        (mx.sym.Convolution(x, kernel=(3,), num_filter=2, dilate=(2,)), (2, 3, 8)),
        (mx.sym.Convolution(x, mx.sym.tanh(fixed((3, 4, 2, 2))), kernel=(2, 2), num_filter=3, no_bias=True), IMAGE),
    ],
    "Flatten": [(mx.sym.Flatten(x), IMAGE)],
    "FullyConnected": [
        (mx.sym.FullyConnected(x, num_hidden=3), IMAGE),
        (mx.sym.FullyConnected(x, num_hidden=3, flatten=False, no_bias=True), IMAGE),
    ],
    "InstanceNorm": [
        (mx.sym.InstanceNorm(x, name="i0"), IMAGE, instance_norm("i0", 4, 1e-3)),
        (mx.sym.InstanceNorm(x, name="i1", eps=0.1), (2, 3, 6), instance_norm("i1", 3, 0.1)),
    ],
    "L2Normalization": [
        (mx.sym.L2Normalization(x, mode=m, eps=0.1), IMAGE) for m in ("instance", "channel", "spatial")
    ],
    "LayerNorm": [
        (mx.sym.LayerNorm(x), MATRIX),
        (mx.sym.LayerNorm(x, axis=1), MATRIX),
        (mx.sym.LayerNorm(x, axis=1, eps=0.1), (2, 4, 3, 2)),
        (mx.sym.LayerNorm(x, axis=-2), (2, 4, 3, 2)),
    ],
    "LeakyReLU": [
        (mx.sym.LeakyReLU(x, act_type="leaky", slope=0.3), MATRIX, leaky(0.3)),
        (mx.sym.LeakyReLU(x), MATRIX, leaky(0.25)),
        (mx.sym.LeakyReLU(x, act_type="elu", slope=0.7), MATRIX),
    ],
    "Pad": [
        (mx.sym.pad(x, mode=m, pad_width=(0, 0, 0, 0, 1, 1, 2, 1)), IMAGE) for m in ("constant", "edge", "reflect")
    ],
    "Pooling": [
        (mx.sym.Pooling(x, pool_type="avg", kernel=(3, 3), stride=(2, 2), pad=(1, 1)), IMAGE),
        (mx.sym.Pooling(x, pool_type="avg", kernel=(3, 3), pad=(1, 1), count_include_pad=False), IMAGE),
        (mx.sym.Pooling(x, pool_type="avg", global_pool=True, kernel=(1, 1)), IMAGE),
        (mx.sym.Pooling(x, pool_type="sum", kernel=(2, 2)), IMAGE),
    ],
    "Reshape": [(mx.sym.Reshape(x, shape=(0, -1, 2)), IMAGE)],
    "SliceChannel": [(mx.sym.split(x, num_outputs=2)[1] * mx.sym.split(mx.sym.square(x), num_outputs=2)[0], IMAGE)],
    "SwapAxis": [(mx.sym.swapaxes(x, dim1=1, dim2=3), IMAGE)],
    "UpSampling": [(mx.sym.UpSampling(x, scale=2, sample_type="nearest"), IMAGE)],
    "_copy": [(mx.sym.identity(x), MATRIX)],
    "_div_scalar": [(x / 3, MATRIX)],
    "_equal_scalar": [((x == 1) + x, MATRIX)],
    "_greater_equal_scalar": [((x >= 0) * x, MATRIX)],
    "_greater_scalar": [((x > 0) * x, MATRIX)],
    "_lesser_equal_scalar": [((x <= 0) * x, MATRIX)],
    "_lesser_scalar": [((x < 0) * x, MATRIX)],
    "_maximum_scalar": [(mx.sym.maximum(x, 0.1), MATRIX)],
    "_minimum_scalar": [(mx.sym.minimum(x, 0.1), MATRIX)],
    "_minus_scalar": [(x - 3, MATRIX)],
    "_mul_scalar": [(x * 3, MATRIX), (-x, MATRIX)],
    "_plus_scalar": [(x + 3, MATRIX)],
    "_power_scalar": [(x**3, MATRIX), ((x + 9) ** 1.5, MATRIX)],
    "_rdiv_scalar": [(3 / (x + 9), MATRIX)],
    "_rminus_scalar": [(3 - x, MATRIX)],
    "abs": [(mx.sym.abs(x), MATRIX)],
    "add_n": [(mx.sym.add_n(x, fixed(MATRIX), mx.sym.square(x)), MATRIX)],
    "argmax": [(mx.sym.argmax(x, axis=1) * mx.sym.sum(x, axis=1), MATRIX)],
    "argmin": [(mx.sym.argmin(x, axis=1) * mx.sym.sum(x, axis=1), MATRIX)],
    "batch_dot": [(mx.sym.batch_dot(x, mx.sym.tanh(x), transpose_b=True), (2, 3, 4))],
    "broadcast_add": [(mx.sym.broadcast_add(x.mean(axis=1, keepdims=True), fixed((1, 5))), MATRIX)],
    "broadcast_axis": [(mx.sym.broadcast_axis(x, axis=1, size=3), (2, 1, 4))],
    "broadcast_div": [
        (mx.sym.broadcast_div(fixed((1, 4)), x + 9), MATRIX),
        (mx.sym.broadcast_div(x.mean(axis=1, keepdims=True), x + 9), MATRIX),
        (mx.sym.broadcast_div(x, fixed((1, 4))), MATRIX),
    ],
    "broadcast_like": [(mx.sym.broadcast_like(x.sum(axis=1, keepdims=True), x), MATRIX)],
    "broadcast_mul": [
        (mx.sym.broadcast_mul(x, fixed((1, 4))), MATRIX),
        (mx.sym.broadcast_mul(x.mean(axis=1, keepdims=True), x), MATRIX),
    ],
    "broadcast_sub": [
        (mx.sym.broadcast_sub(x, x.mean(axis=1, keepdims=True)), MATRIX),
        (mx.sym.broadcast_sub(fixed((1, 4)), x), MATRIX),
    ],
    "ceil": [(mx.sym.ceil(x) * x, MATRIX)],
    "clip": [(mx.sym.clip(x, a_min=-0.5, a_max=0.5), MATRIX)],
    "depth_to_space": [(mx.sym.depth_to_space(x, block_size=2), IMAGE)],
    "dot": [
        (mx.sym.dot(x, fixed((4, 5))), MATRIX),
        (mx.sym.dot(fixed((5, 4)), x, transpose_b=True), MATRIX),
        (mx.sym.dot(mx.sym.tanh(x), x, transpose_a=True), MATRIX),
    ],
    "elemwise_add": [(x + mx.sym.square(x) + fixed(MATRIX), MATRIX)],
    "elemwise_div": [(mx.sym.tanh(x) / (x + 9), MATRIX), (fixed(MATRIX) / (x + 9), MATRIX)],
    "elemwise_mul": [(mx.sym.tanh(x) * x, MATRIX), (fixed(MATRIX) * x, MATRIX)],
    "elemwise_sub": [(mx.sym.square(x) - x, MATRIX), (fixed(MATRIX) - x, MATRIX)],
    "erf": [(mx.sym.erf(x), MATRIX)],
    "exp": [(mx.sym.exp(x), MATRIX)],
    "expand_dims": [(mx.sym.expand_dims(x, axis=1), MATRIX)],
    "floor": [(mx.sym.floor(x) * x, MATRIX)],
    "log": [(mx.sym.log(x + 9), MATRIX)],
    "log1p": [(mx.sym.log1p(x + 9), MATRIX)],
    "max": [
        (mx.sym.log(mx.sym.sum(mx.sym.exp(mx.sym.broadcast_sub(x, ROW_MAX)), axis=1, keepdims=True)) + ROW_MAX, MATRIX),
        (mx.sym.max(x, axis=(0, 2), exclude=True), IMAGE),
        (mx.sym.max(x), MATRIX),
    ],
    "mean": [(mx.sym.mean(x, axis=(1, 2), keepdims=True), IMAGE), (x.mean(axis=0, exclude=True), IMAGE)],
    "min": [(mx.sym.min(x, axis=1), IMAGE)],
    "negative": [(mx.sym.negative(x), MATRIX)],
    "ones_like": [(mx.sym.ones_like(x) + x, MATRIX)],
    "pick": [(mx.sym.pick(x, fixed((3,)), axis=1), MATRIX)],
    "reciprocal": [(mx.sym.reciprocal(x + 9), MATRIX)],
    "relu": [(mx.sym.relu(x), MATRIX)],
    "repeat": [(mx.sym.repeat(x, repeats=2, axis=1), MATRIX)],
    "reverse": [(mx.sym.reverse(x, axis=1), MATRIX)],
    "round": [(mx.sym.round(x) * x, MATRIX)],
    "rsqrt": [(mx.sym.rsqrt(x + 9), MATRIX)],
    "sigmoid": [(mx.sym.sigmoid(x), MATRIX)],
    "sign": [(mx.sym.sign(x) * x, MATRIX)],
    "slice": [(mx.sym.slice(x, begin=(None, 1), end=(None, 3)), IMAGE)],
    "slice_axis": [(mx.sym.slice_axis(x, axis=1, begin=1, end=None), IMAGE)],
    "slice_like": [(mx.sym.slice_like(x, mx.sym.slice_axis(x, axis=1, begin=0, end=2), axes=(1,)), IMAGE)],
    "softmax": [
        (mx.sym.softmax(x) * x, MATRIX),
        (mx.sym.softmax(x, axis=1), (2, 3, 4)),
        (mx.sym.softmax(x, axis=2), (2, 3, 4)),
    ],
    "softsign": [(mx.sym.softsign(x), MATRIX)],
    "space_to_depth": [(mx.sym.space_to_depth(x, block_size=2), IMAGE)],
    "sqrt": [(mx.sym.sqrt(x + 9), MATRIX)],
    "square": [(mx.sym.square(x), MATRIX)],
    "squeeze": [(mx.sym.squeeze(x, axis=2), (2, 3, 1))],
    "stack": [(mx.sym.stack(x, fixed(MATRIX), mx.sym.square(x), axis=1), MATRIX)],
    "sum": [(mx.sym.sum(x, axis=1), IMAGE)],
    "take": [(mx.sym.take(x, fixed((2,)), axis=1), MATRIX)],
    "tanh": [(mx.sym.tanh(x), MATRIX)],
    "tile": [(mx.sym.tile(x, reps=(1, 3)), MATRIX)],
    "transpose": [(mx.sym.transpose(x, axes=(0, 2, 3, 1)), IMAGE)],
    "zeros_like": [(mx.sym.zeros_like(x) + x, MATRIX)],
}
ALL_CASES = [
    pytest.param(*case[:2], case[-1] if len(case) > 2 else case[0], id=f"{name}-{i}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
]
VISIBLE = [case for case in ALL_CASES if not case.id.startswith("BlockGrad")]  # by finite differences


def double(values):
    return {name: mx.nd.array(value, dtype="float64") for name, value in values.items()}


def outputs(symbol, values):
    """What a symbol gives in float64; `values` may hold more than it takes."""
    executor = symbol.bind(mx.cpu(), double({name: values[name] for name in symbol.list_arguments()}))
    return [output.asnumpy() for output in executor.forward(is_train=True)]


def gradients(symbol, values, output_gradient):
    values = {name: values[name] for name in symbol.list_arguments()}
    found = double({name: np.zeros_like(value) for name, value in values.items()})
    executor = symbol.bind(mx.cpu(), double(values), found)
    executor.forward(is_train=True)
    executor.backward([mx.nd.array(output_gradient, dtype="float64")])
    return {name: value.asnumpy() for name, value in found.items()}


def slope(symbol, values, name, direction, step=1e-5):
    """Central difference of the output as `name` moves along `direction`."""
    ahead, behind = (outputs(symbol, {**values, name: values[name] + s * direction})[0] for s in (step, -step))
    return (ahead - behind) / (2 * step)


def drawn(symbol, shape, seed=0):
    """A value for each argument, and for the direction."""
    draw = np.random.default_rng(seed)
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=shape)[0]))
    values = {name: draw.normal(size=size) for name, size in sorted(shapes.items())}
    return {**values, "tangent": draw.normal(size=shape)}, draw


def test_every_rule_is_in_the_contract():
    assert set(CASES) == set(RULES)
    for name, cases in CASES.items():
        for symbol, *_ in cases:
            assert f'"op": "{name}"' in symbol.tojson()


@pytest.mark.parametrize("network, shape, same", [case for case in ALL_CASES if case.values[0] is not case.values[2]])
def test_what_stands_in_for_a_layer_is_that_layer(network, shape, same):
    values, _ = drawn(network, shape)
    arguments = {name: mx.nd.array(values[name], dtype="float32") for name in network.list_arguments()}
    expected = network.bind(mx.cpu(), arguments).forward()[0].asnumpy()
    np.testing.assert_allclose(outputs(same, values)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network, shape, same", VISIBLE)
def test_the_tangent_is_the_derivative_along_the_direction(network, shape, same):
    values, _ = drawn(network, shape)
    (found,) = outputs(linearize(network, {"data": shape}).tangent, values)
    np.testing.assert_allclose(found, slope(same, values, "data", values["tangent"]), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("network, shape, same", ALL_CASES)
def test_the_tangent_and_mxnets_gradient_are_the_same_derivative(network, shape, same):
    """⟨c, J v⟩ = ⟨Jᵀ c, v⟩: what BlockGrad holds, and the side of a kink, are the same in both."""
    values, draw = drawn(network, shape)
    (found,) = outputs(linearize(network, {"data": shape}).tangent, values)
    c = draw.normal(size=found.shape)
    expected = np.sum(gradients(same, values, c)["data"] * values["tangent"])
    np.testing.assert_allclose(np.sum(found * c), expected, rtol=1e-7, atol=1e-7)


KINKS = [
    *(mx.sym.relu(x), mx.sym.Activation(x, act_type="relu"), mx.sym.LeakyReLU(x), mx.sym.abs(x)),
    *(
        mx.sym.LeakyReLU(x, act_type="elu", slope=0.5),
        mx.sym.clip(x, a_min=0, a_max=1),
        mx.sym.clip(x, a_min=-1, a_max=0),
    ),
    *(mx.sym.maximum(x, 0), mx.sym.minimum(x, 0), mx.sym.max(mx.sym.concat(x, x), axis=1, keepdims=True)),
]


@pytest.mark.parametrize("network", KINKS, ids=lambda network: network.name)
def test_the_slope_at_a_kink_is_mxnets(network):
    values = {"data": np.zeros((1, 1)), "tangent": np.ones((1, 1))}
    (found,) = outputs(linearize(network, {"data": (1, 1)}).tangent, values)
    np.testing.assert_allclose(found, gradients(network, values, np.ones((1, 1)))["data"], rtol=1e-6)


@pytest.mark.parametrize("network, shape", [pytest.param(*case.values[:2], id=case.id) for case in VISIBLE])
def test_the_tangents_own_gradients_by_finite_differences(network, shape):
    """With respect to parameters, data and direction: this is the second derivative that a penalty needs."""
    tangent = linearize(network, {"data": shape}).tangent
    values, draw = drawn(network, shape)
    c = draw.normal(size=outputs(tangent, values)[0].shape)
    for name, found in gradients(tangent, values, c).items():
        direction = draw.normal(size=found.shape)
        expected = np.sum(c * slope(tangent, values, name, direction))
        np.testing.assert_allclose(np.sum(found * direction), expected, rtol=1e-6, atol=1e-7, err_msg=name)


def critic(norm="layer"):
    return mxgan.DCGAN(ndf=2, nc=3, image_size=16, discriminator_norm=norm).discriminator()


IMAGES = {"data": (2, 3, 16, 16)}


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_masks_as_inputs_are_the_same_numbers(norm):
    values, _ = drawn(critic(norm), IMAGES["data"])
    whole, apart = (linearize(critic(norm), IMAGES, masks_as_inputs=flag) for flag in (False, True))
    assert list(apart.masks) == ["mask0_dact1", "mask1_dact2"]
    assert whole.masks == {}
    masks = {name: outputs(mask, values)[0] for name, mask in apart.masks.items()}
    np.testing.assert_array_equal(outputs(apart.tangent, {**values, **masks}), outputs(whole.tangent, values))


def test_the_tangent_of_a_piecewise_linear_critic_needs_its_masks_and_not_its_data():
    tangent = linearize(critic("none"), IMAGES, masks_as_inputs=True).tangent
    assert tangent.list_arguments() == ["tangent", "d1_weight", "mask0_dact1", "d2_weight", "mask1_dact2", "d3_weight"]


def test_the_callers_symbol_is_not_changed():
    network = critic()
    before = network.tojson()
    linearize(network, IMAGES)
    assert network.tojson() == before


def test_the_result_is_not_tied_to_the_batch():
    tangent = linearize(critic(), IMAGES).tangent
    assert tangent.infer_shape(data=(5, 3, 16, 16), tangent=(5, 3, 16, 16))[1] == [(5, 1)]


def test_other_names_and_other_inputs():
    """The derivative is with respect to `data` alone, here in a network whose input is called otherwise."""
    network = mx.sym.broadcast_mul(mx.sym.var("here"), mx.sym.expand_dims(mx.sym.var("class_label"), axis=1))
    tangent = linearize(network, {"here": (3, 2), "class_label": (3,)}, data="here", direction="there").tangent
    values = {"there": np.ones((3, 2)), "class_label": np.arange(3.0)}
    np.testing.assert_array_equal(outputs(tangent, values)[0], [[0, 0], [1, 1], [2, 2]])


def test_an_output_of_several_can_be_the_score():
    score = mx.sym.split(x, num_outputs=2, axis=1)[1] * 3
    tangent = linearize(mx.sym.split(score, num_outputs=2, axis=1)[1], {"data": (1, 4)}).tangent
    np.testing.assert_array_equal(outputs(tangent, {"tangent": np.array([[1.0, 2.0, 3.0, 4.0]])})[0], [[12.0]])


def test_batch_norm_is_refused_with_the_reason_and_the_remedy():
    with pytest.raises(ArgumentError) as caught:
        linearize(critic("batch"), IMAGES)
    assert str(caught.value) == (
        "the layer 'dbn2' is BatchNorm, which mixes the samples of a batch, so that a gradient for each sample does "
        "not exist (Gulrajani et al. 2017, section 4). Take a network with discriminator_norm=none or layer, or use "
        "no penalty."
    )


@pytest.mark.parametrize(
    "network, shape, words",
    [
        (mx.sym.Dropout(x, name="drop"), MATRIX, "the layer 'drop' is Dropout, which draws other numbers in each pass"),
        (x + mx.sym.random.normal(shape=MATRIX), MATRIX, "is _random_normal, which draws other numbers in each pass"),
        (mx.sym.Deconvolution(x, kernel=(2, 2), num_filter=2), IMAGE, "Use UpSampling and Convolution instead"),
        (mx.sym.softmin(x, name="s"), MATRIX, "'s' is softmin, which has no rule for its tangent; known: Activation, "),
        (mx.sym.softmax(x, temperature=2.0), MATRIX, "is softmax with temperature=2.0, which has no tangent"),
        *(
            (mx.sym.softmax(x, axis=axis, name="s"), MATRIX, "'s' is softmax along axis 0, the batch, which mixes the")
            for axis in (0, -2)
        ),
        (mx.sym.LayerNorm(x, axis=0, name="l"), MATRIX, "'l' is LayerNorm along axis 0, the batch, .* Take another ax"),
        (mx.sym.Pooling(x, kernel=(2, 2), name="p"), IMAGE, "'p' is Pooling with pool_type=max, .*; known: avg, sum"),
        (mx.sym.LeakyReLU(x, act_type="gelu"), MATRIX, "act_type=gelu, which has no tangent; known: leaky, elu"),
        (mx.sym.UpSampling(x, x, scale=2, sample_type="nearest"), IMAGE, "sample_type=nearest of 2 inputs"),
        (mx.sym.FullyConnected(x, mx.sym.exp(x), num_hidden=3, no_bias=True), MATRIX, "computed from the data"),
        (mx.sym.LayerNorm(x, gamma=mx.sym.mean(x, axis=0)), MATRIX, "computed from the data"),
        (mx.sym.Group([x, x * 2]), MATRIX, r"the score has 2 outputs \(data, .*_output\); give the one to penalise"),
        (mx.sym.BlockGrad(x), MATRIX, "the score does not depend on 'data': its gradient is 0 everywhere"),
        (x * mx.sym.var("tangent"), MATRIX, "has an input 'tangent' already; give `direction` another name"),
    ],
)
def test_what_has_no_tangent_is_named(network, shape, words):
    with pytest.raises(ArgumentError, match=words):
        linearize(network, {"data": shape})


def test_the_shape_of_the_data_is_needed():
    with pytest.raises(ArgumentError, match="the shape of 'data' is missing; given: w. Add it"):
        linearize(x * w, {"w": MATRIX})


def test_what_does_not_depend_on_the_data_needs_no_rule():
    network = mx.sym.broadcast_mul(x, mx.sym.softmax(fixed((1, 4))))
    values, _ = drawn(network, MATRIX)
    weights = np.exp(values["w"]) / np.exp(values["w"]).sum()
    (found,) = outputs(linearize(network, {"data": MATRIX}).tangent, values)
    np.testing.assert_allclose(found, values["tangent"] * weights, rtol=1e-12)
