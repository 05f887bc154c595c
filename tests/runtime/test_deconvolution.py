"""Deconvolutions that oneDNN cannot compute, against a plain NumPy transposed convolution and its gradients."""

import itertools

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.computable import computable
from mxgan.runtime.deconvolution import Geometry

SIZE = (5, 4)
# Name: (filters, settings of the operator). All but the last three fail in MXNet 1.9.1 itself.
CASES = {
    "one filter": (1, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}),
    "one filter, adj": (1, {"kernel": (5, 5), "stride": (2, 2), "pad": (2, 2), "adj": (1, 1)}),
    "one filter, dilated": (1, {"kernel": (3, 2), "stride": (2, 1), "dilate": (2, 3), "pad": (1, 0)}),
    "one filter, even target": (1, {"kernel": (4, 4), "stride": (2, 2), "target_shape": (10, 8)}),
    "one filter, odd target": (1, {"kernel": (5, 5), "stride": (2, 2), "target_shape": (10, 8)}),
    "target": (3, {"kernel": (4, 4), "stride": (2, 2), "target_shape": (10, 8)}),
    "odd target": (3, {"kernel": (5, 5), "stride": (2, 2), "target_shape": (10, 8)}),
    "target of two kinds": (2, {"kernel": (3, 5), "stride": (3, 2), "target_shape": (14, 9)}),
    "target wins over pad": (2, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "target_shape": (12, 10)}),
    "groups of one filter": (6, {"kernel": (3, 3), "stride": (2, 2), "num_group": 6}),
    "target, groups": (4, {"kernel": (4, 4), "stride": (2, 2), "num_group": 2, "target_shape": (10, 8)}),
    "three filters": (3, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}),
    "adj": (2, {"kernel": (5, 5), "stride": (2, 2), "pad": (2, 2), "adj": (1, 1)}),
    "dilated": (2, {"kernel": (3, 3), "dilate": (2, 2)}),
}
CHANNELS = 6


def geometry_of(settings, filters):
    kernel = settings["kernel"]
    count = len(kernel)
    stride, dilate = settings.get("stride", (1,) * count), settings.get("dilate", (1,) * count)
    whole = [s * (i - 1) + d * (k - 1) + 1 for s, i, d, k in zip(stride, SIZE, dilate, kernel)]
    pad, adj = settings.get("pad", (0,) * count), settings.get("adj", (0,) * count)
    if "target_shape" in settings:
        over = [w - t for w, t in zip(whole, settings["target_shape"])]
        pad, adj = [(o + 1) // 2 for o in over], [o % 2 for o in over]
    out = [w - 2 * p + a for w, p, a in zip(whole, pad, adj)]
    return kernel, stride, dilate, pad, out, settings.get("num_group", 1)


def transposed(data, weight, settings, filters, above):
    """Output, and the gradients of sum(output · above) by data and weight, in float64 and by plain sums."""
    kernel, stride, dilate, pad, out, groups = geometry_of(settings, filters)
    data, weight = data.astype(float), weight.astype(float)
    room = [2 * p + o + s * i + d * k for p, o, s, i, d, k in zip(pad, out, stride, SIZE, dilate, kernel)]
    canvas = np.zeros((len(data), filters, *room))
    shown = np.zeros_like(canvas)
    inside = tuple(slice(p, p + o) for p, o in zip(pad, out))
    shown[(slice(None), slice(None), *inside)] = above
    by_data, by_weight = np.zeros_like(data), np.zeros_like(weight)
    wide, each = data.shape[1] // groups, filters // groups
    for place in itertools.product(*map(range, kernel)):
        rows = tuple(slice(d * k, d * k + s * i, s) for d, k, s, i in zip(dilate, place, stride, SIZE))
        for c, f in itertools.product(range(data.shape[1]), range(filters)):
            if c // wide != f // each:
                continue
            at = (c, f % each, *place)
            canvas[(slice(None), f, *rows)] += data[:, c] * weight[at]
            by_data[:, c] += shown[(slice(None), f, *rows)] * weight[at]
            by_weight[at] += (shown[(slice(None), f, *rows)] * data[:, c]).sum()
    return canvas[(slice(None), slice(None), *inside)], by_data, by_weight


def arrays(filters, settings, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((2, CHANNELS, *SIZE)).astype("f")
    weight = rng.standard_normal((CHANNELS, filters // settings.get("num_group", 1), *settings["kernel"])).astype("f")
    above = rng.standard_normal((2, filters, *geometry_of(settings, filters)[4])).astype("f")
    return data, weight, above


def layer_after_another(filters, settings, no_bias=True):
    """A layer after another one, whose output oneDNN keeps in blocks of channels: that is where one filter fails."""
    before = mx.sym.Convolution(mx.sym.var("data"), name="before", kernel=(1, 1), num_filter=CHANNELS, no_bias=True)
    return mx.sym.Deconvolution(before, name="up", num_filter=filters, no_bias=no_bias, **settings)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES)
def test_a_bound_symbol(case):
    filters, settings = CASES[case]
    data, weight, above = arrays(filters, settings)
    expected, by_data, by_weight = transposed(data, weight, settings, filters, above)
    executor = layer_after_another(filters, settings).simple_bind(mx.cpu(), data=data.shape)
    eye = np.eye(CHANNELS, dtype="f").reshape(CHANNELS, CHANNELS, 1, 1)
    for name, value in (("data", data), ("before_weight", eye), ("up_weight", weight)):
        executor.arg_dict[name][:] = value
    executor.forward(is_train=True)
    executor.backward(mx.nd.array(above))
    close(executor.outputs[0].asnumpy(), expected)
    close(executor.grad_dict["data"].asnumpy(), by_data)
    close(executor.grad_dict["up_weight"].asnumpy(), by_weight)


@pytest.mark.parametrize("case", CASES)
def test_an_array(case):
    filters, settings = CASES[case]
    data, weight, above = arrays(filters, settings)
    expected, by_data, by_weight = transposed(data, weight, settings, filters, above)
    data, weight = mx.nd.array(data), mx.nd.array(weight)
    data.attach_grad()
    weight.attach_grad()
    with mx.autograd.record():
        found = mx.nd.Deconvolution(mx.nd.relu(data) - mx.nd.relu(-data), weight, num_filter=filters, **settings)
    found.backward(mx.nd.array(above))
    close(found.asnumpy(), expected)
    close(data.grad.asnumpy(), by_data)
    close(weight.grad.asnumpy(), by_weight)


def test_a_target_shape_is_the_same_to_the_bit_as_pad_and_adj():
    filters, settings = CASES["odd target"]
    data, weight, _ = arrays(filters, settings)
    given = {"weight": mx.nd.array(weight), "num_filter": filters, "kernel": (5, 5), "stride": (2, 2)}
    found = mx.nd.Deconvolution(mx.nd.array(data), target_shape=(10, 8), **given)
    plain = mx.nd.Deconvolution(mx.nd.array(data), pad=(2, 2), adj=(1, 1), **given)
    np.testing.assert_array_equal(found.asnumpy(), plain.asnumpy())


@pytest.mark.parametrize("case", ["one filter", "odd target", "groups of one filter"])
def test_a_bias(case):
    filters, settings = CASES[case]
    data, weight, above = arrays(filters, settings)
    expected, *_ = transposed(data, weight, settings, filters, above)
    bias = np.arange(1, filters + 1, dtype="f")
    symbol = mx.sym.Deconvolution(mx.sym.relu(mx.sym.var("data")), name="up", num_filter=filters, no_bias=False,
                                  **settings)  # fmt: skip
    executor = symbol.simple_bind(mx.cpu(), data=data.shape)
    for name, value in (("data", data), ("up_weight", weight), ("up_bias", bias)):
        executor.arg_dict[name][:] = value
    expected, *_ = transposed(np.maximum(data, 0), weight, settings, filters, above)
    executor.forward(is_train=True)
    executor.backward(mx.nd.array(above))
    close(executor.outputs[0].asnumpy(), expected + bias[:, None, None])
    close(executor.grad_dict["up_bias"].asnumpy(), above.sum((0, 2, 3)))
    arrays_ = [mx.nd.array(value) for value in (np.maximum(data, 0), weight, bias)]
    close(mx.nd.Deconvolution(*arrays_, num_filter=filters, no_bias=False, **settings).asnumpy(),
          expected + bias[:, None, None])  # fmt: skip


def test_settings_by_position_and_an_array_for_the_output():
    filters, settings = CASES["one filter"]
    data, weight, above = arrays(filters, settings)
    expected, *_ = transposed(data, weight, settings, filters, above)
    out = mx.nd.zeros(expected.shape)
    mx.nd.Deconvolution(mx.nd.array(data), mx.nd.array(weight), None, (4, 4), (2, 2), (1, 1), (1, 1), num_filter=1,
                        out=out)  # fmt: skip
    close(out.asnumpy(), expected)


@pytest.mark.parametrize("case", ["one filter", "odd target", "groups of one filter"])
def test_bound_for_inference_a_new_weight_counts(case):
    """Bound so, MXNet keeps the first value of a Convolution's weight that the graph computes."""
    filters, settings = CASES[case]
    data, weight, above = arrays(filters, settings)
    module = mx.mod.Module(layer_after_another(filters, settings), ("data",), None)
    module.bind([("data", data.shape)], for_training=False)
    eye = mx.nd.array(np.eye(CHANNELS).reshape(CHANNELS, CHANNELS, 1, 1))
    for factor in (1, 3):
        module.init_params(
            arg_params={"before_weight": eye, "up_weight": mx.nd.array(factor * weight)}, force_init=True
        )
        module.forward(mx.io.DataBatch([mx.nd.array(data)]), is_train=False)
        expected, *_ = transposed(data, factor * weight, settings, filters, above)
        close(module.get_outputs()[0].asnumpy(), expected)


@pytest.mark.parametrize("case", ["one filter", "odd target"])
def test_a_hybridized_gluon_block(case):
    filters, settings = CASES[case]
    data, weight, above = arrays(filters, settings)
    expected, by_data, by_weight = transposed(data, weight, settings, filters, above)

    class Up(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.weight = self.params.get("weight", shape=weight.shape)

        def hybrid_forward(self, F, given, weight):
            before = F.relu(given) - F.relu(-given)
            return F.Deconvolution(before, weight, num_filter=filters, no_bias=True, **settings)

    block = Up()
    block.initialize()
    block.hybridize()
    block.weight.set_data(mx.nd.array(weight))
    given = mx.nd.array(data)
    given.attach_grad()
    with mx.autograd.record():
        found = block(given)
    found.backward(mx.nd.array(above))
    close(found.asnumpy(), expected)
    close(given.grad.asnumpy(), by_data)
    close(block.weight.grad().asnumpy(), by_weight)


def test_a_hybridized_block_keeps_its_type_and_takes_other_sizes():
    block = mx.gluon.nn.HybridSequential()
    block.add(mx.gluon.nn.Conv2DTranspose(4, 3), mx.gluon.nn.Conv2DTranspose(1, 4, 2, 1))
    block.initialize()
    block.hybridize()
    for shape in ((2, 3, 4, 4), (5, 3, 4, 4), (2, 3, 6, 5)):
        given = mx.nd.random.normal(shape=shape)
        fast = block(given).asnumpy()
        block.hybridize(False)
        close(fast, block(given).asnumpy())
        block.hybridize()
    block.cast("float64")
    assert block(mx.nd.ones((2, 3, 4, 4), dtype="float64")).dtype == np.float64


@pytest.mark.parametrize("scaled", [False, True], ids=["shared", "computed"])
def test_a_weight_that_is_not_a_variable_of_its_own(scaled):
    """MXNet itself writes this gradient through a null pointer."""
    settings = {"kernel": (3, 3), "pad": (1, 1)}
    weight = mx.sym.var("w", shape=(CHANNELS, CHANNELS, 3, 3))
    used = weight * 2 if scaled else weight
    first = mx.sym.Deconvolution(mx.sym.var("data"), weight=used, num_filter=CHANNELS, name="a", **settings)
    symbol = first if scaled else mx.sym.Deconvolution(first, weight=used, num_filter=CHANNELS, name="b", **settings)
    rng = np.random.default_rng(1)
    executor = symbol.simple_bind(mx.cpu(), data=(2, CHANNELS, *SIZE))
    values = {name: rng.standard_normal(array.shape).astype("f") for name, array in executor.arg_dict.items()}
    for name, value in values.items():
        executor.arg_dict[name][:] = value
    above = rng.standard_normal((2, CHANNELS, *SIZE)).astype("f")
    executor.forward(is_train=True)
    executor.backward(mx.nd.array(above))
    once = 2 * values["w"] if scaled else values["w"]
    first, by_data, by_weight = transposed(values["data"], once, settings, CHANNELS, above)
    if scaled:
        by_weight = 2 * by_weight
    else:
        out, middle, late = transposed(first, once, settings, CHANNELS, above)
        _, by_data, early = transposed(values["data"], once, settings, CHANNELS, middle)
        first, by_weight = out, early + late
    close(executor.outputs[0].asnumpy(), first)
    close(executor.grad_dict["data"].asnumpy(), by_data)
    close(executor.grad_dict["w"].asnumpy(), by_weight)


def test_a_weight_that_is_also_an_output():
    settings = {"kernel": (3, 3), "pad": (1, 1)}
    weight = mx.sym.var("w", shape=(CHANNELS, 3, 3, 3))
    layer = mx.sym.Deconvolution(mx.sym.relu(mx.sym.var("data")), weight=weight, num_filter=3, name="up", **settings)
    executor = mx.sym.Group([layer, weight]).simple_bind(mx.cpu(), data=(2, CHANNELS, *SIZE))
    data, kernel, above = arrays(3, settings)
    executor.arg_dict["data"][:] = np.abs(data)
    executor.arg_dict["w"][:] = kernel
    executor.forward(is_train=True)
    executor.backward([mx.nd.array(above), mx.nd.ones(kernel.shape)])
    close(executor.grad_dict["w"].asnumpy(), transposed(np.abs(data), kernel, settings, 3, above)[2] + 1)


def test_an_array_that_is_computed_as_weight():
    settings = {"kernel": (3, 3), "pad": (1, 1)}
    data, kernel, above = arrays(3, settings)
    weight = mx.nd.array(kernel)
    weight.attach_grad()
    with mx.autograd.record():
        found = mx.nd.Deconvolution(mx.nd.relu(mx.nd.array(np.abs(data))), weight * 2, num_filter=3, **settings)
    found.backward(mx.nd.array(above))
    close(weight.grad.asnumpy(), 2 * transposed(np.abs(data), 2 * kernel, settings, 3, above)[2])


def test_gradients_that_add_up_and_layers_with_one_name():
    data, weight, above = arrays(1, CASES["one filter"][1])
    first = mx.sym.Activation(mx.sym.var("data"), act_type="relu", name="same")
    again = mx.sym.Activation(first, act_type="relu", name="same")
    symbol = mx.sym.Deconvolution(again, num_filter=1, name="up", **CASES["one filter"][1])
    executor = symbol.simple_bind(mx.cpu(), "add", data=data.shape)
    executor.arg_dict["data"][:] = np.abs(data)
    executor.arg_dict["up_weight"][:] = weight
    for gradient in executor.grad_arrays:
        gradient[:] = 0
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward(mx.nd.array(above))
    close(executor.grad_dict["up_weight"].asnumpy(),
          2 * transposed(np.abs(data), weight, CASES["one filter"][1], 1, above)[2])  # fmt: skip


def test_one_axis():
    rng = np.random.default_rng(0)
    data, weight = np.abs(rng.standard_normal((2, 3, 6))).astype("f"), rng.standard_normal((3, 1, 4)).astype("f")
    symbol = mx.sym.Deconvolution(mx.sym.relu(mx.sym.var("data")), kernel=(4,), stride=(2,), num_filter=1, name="up")
    executor = symbol.simple_bind(mx.cpu(), data=data.shape)
    executor.arg_dict["data"][:] = data
    executor.arg_dict["up_weight"][:] = weight
    expected = np.zeros((2, 1, 14))
    for place in range(6):
        expected[:, 0, 2 * place : 2 * place + 4] += data[:, :, place] @ weight[:, 0]
    close(executor.forward()[0].asnumpy(), expected)


def test_the_symbol_its_names_and_its_file_stay_as_they_are(tmp_path):
    with mx.AttrScope(lr_mult="2"):
        symbol = layer_after_another(1, {"kernel": (4, 4), "stride": (2, 2), "target_shape": (10, 8)}, no_bias=False)
    before = symbol.tojson()
    executor = symbol.simple_bind(mx.cpu(), data=(2, 3, *SIZE))
    assert symbol.tojson() == before
    assert list(executor.arg_dict) == symbol.list_arguments() == ["data", "before_weight", "up_weight", "up_bias"]
    assert list(executor.output_dict) == ["up_output"]
    executor.forward(is_train=False)
    assert executor.outputs[0].shape == (2, 1, 10, 8)
    symbol.save(str(tmp_path / "up.json"))
    loaded = mx.sym.load(str(tmp_path / "up.json")).simple_bind(mx.cpu(), data=(2, 3, *SIZE))
    loaded.copy_params_from(executor.arg_dict)
    loaded.forward(is_train=False)
    np.testing.assert_array_equal(loaded.outputs[0].asnumpy(), executor.outputs[0].asnumpy())


def test_bind_takes_arrays_in_the_symbol_s_order():
    symbol = layer_after_another(1, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)})
    data, weight, above = arrays(1, CASES["one filter"][1])
    eye = np.eye(CHANNELS, dtype="f").reshape(CHANNELS, CHANNELS, 1, 1)
    executor = symbol.bind(mx.cpu(), [mx.nd.array(value) for value in (data, eye, weight)])
    executor.forward()
    close(executor.outputs[0].asnumpy(), transposed(data, weight, CASES["one filter"][1], 1, above)[0])


@pytest.mark.parametrize("case", ["one filter", "odd target"])
def test_a_variable_whose_shape_is_stated_in_part(case):
    """Gluon writes zeros for the sizes that it leaves to inference."""
    filters, settings = CASES[case]
    data, weight, _ = arrays(filters, settings)
    stated = mx.sym.Variable("up_weight", shape=(0, filters, *settings["kernel"]))
    symbol = mx.sym.Deconvolution(mx.sym.relu(mx.sym.var("data")), weight=stated, name="up", num_filter=filters,
                                  **settings)  # fmt: skip
    for grad_req in ("write", "null"):
        executor = symbol.simple_bind(mx.cpu(), grad_req, data=data.shape)
        executor.arg_dict["data"][:] = np.abs(data)
        executor.arg_dict["up_weight"][:] = weight
        close(executor.forward()[0].asnumpy(), transposed(np.abs(data), weight, settings, filters, 0)[0])


def test_automatic_names_after_a_binding_are_those_without_it():
    symbol = layer_after_another(1, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)})
    with mx.name.NameManager():
        symbol.simple_bind(mx.cpu(), data=(2, 3, *SIZE))
        assert mx.sym.relu(mx.sym.var("x")).name == "relu0"


def test_a_graph_without_such_a_layer_is_not_touched():
    symbol = layer_after_another(*CASES["three filters"])
    assert computable(symbol, shapes={"data": (2, 3, *SIZE)}) is symbol


def test_another_batch_size_and_another_image_size():
    """A Module binds itself anew for a batch of another size."""
    settings = CASES["one filter"][1]
    module = mx.mod.Module(layer_after_another(1, settings), ("data",), None)
    module.bind([("data", (2, CHANNELS, *SIZE))], inputs_need_grad=True)
    data, weight, _ = arrays(1, settings)
    eye = mx.nd.array(np.eye(CHANNELS).reshape(CHANNELS, CHANNELS, 1, 1))
    module.init_params(arg_params={"before_weight": eye, "up_weight": mx.nd.array(weight)})
    for repeated in ((1, 1, 1, 1), (3, 1, 1, 1), (2, 1, 2, 3)):
        larger = np.tile(data, repeated)
        module.forward(mx.io.DataBatch([mx.nd.array(larger)]), is_train=True)
        found = module.get_outputs()[0]
        module.backward([mx.nd.ones(found.shape)])
        gradient = module.get_input_grads()[0].asnumpy()
        expected, by_data, _ = wide(larger, weight, settings)
        close(found.asnumpy(), expected)
        close(gradient, by_data)


def wide(data, weight, settings):
    """`transposed` for data of any size, one filter, under a gradient of ones."""
    global SIZE
    kept, SIZE = SIZE, data.shape[2:]
    try:
        above = np.ones((len(data), 1, *geometry_of(settings, 1)[4]), "f")
        return transposed(data, weight, settings, 1, above)
    finally:
        SIZE = kept


def test_another_shape_of_an_input_that_leaves_the_layer_its_size():
    """A program may feed labels (N,) into a Module that was bound for (N, 1, 1, 1)."""
    one_hot = mx.sym.one_hot(mx.sym.Reshape(mx.sym.var("extra"), shape=(-1,)), depth=1)  # refuses an unknown type
    extra = mx.sym.Reshape(one_hot, shape=(-1, 1, 1, 1))
    shaped = mx.sym.Reshape(mx.sym.broadcast_add(mx.sym.var("data"), extra), shape=(-1, 3, *SIZE))
    symbol = mx.sym.Deconvolution(mx.sym.relu(shaped), name="up", kernel=(3, 3), num_filter=1)
    types = {"data": np.float32, "extra": np.float32}
    executor = symbol.simple_bind(mx.cpu(), type_dict=types, data=(2, 3, *SIZE), extra=(2, 1, 1, 1))
    assert executor.reshape(data=(2, 3, *SIZE), extra=(2,)).outputs[0].shape == (2, 1, 7, 6)


def test_shapes_that_do_not_fit_are_an_error_of_mxnet():
    symbol = layer_after_another(1, {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)})
    with pytest.raises(RuntimeError, match="simple_bind error"):
        symbol.simple_bind(mx.cpu(), data=(2, 3, 4))


def test_float64_stays_with_mxnet_itself():
    symbol = layer_after_another(1, {"kernel": (4, 4), "stride": (2, 2), "target_shape": (10, 8)})
    executor = symbol.simple_bind(mx.cpu(), type_dict={"data": np.float64}, data=(2, 3, *SIZE))
    assert executor.outputs[0].dtype == np.float64


def test_settings_as_text_and_as_values():
    text = {"kernel": "(4, 4)", "num_filter": "3", "no_bias": "False", "stride": "[2,2]"}
    values = {"kernel": (4, 4), "num_filter": 3, "no_bias": False, "stride": (2, 2)}
    assert Geometry.of(text) == Geometry.of(values)
    assert Geometry.of(values).output_size((5, 4)) == (12, 10)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"kernel": (1, 3, 3), "num_filter": 1}, "no Deconvolution on three axes with one filter in each group"),
        ({"kernel": (3, 3), "num_filter": 2, "layout": "NHWC"}, "its layout is NHWC; give NCHW"),
    ],
)
def test_what_still_cannot_run_is_refused_before_it_is_bound(settings, words):
    rand = mx.sym.var("rand")
    whole = mx.sym.Reshape(rand, shape=(-1, 4, 1, 2, 2) if len(settings["kernel"]) == 3 else (-1, 4, 2, 2))
    layer = mx.sym.Deconvolution(mx.sym.relu(whole), name="up", **settings)
    generator = mx.sym.Reshape(layer, shape=(0, -1, 4, 4))
    score = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=1)
    discriminator = mx.sym.LogisticRegressionOutput(score, mx.sym.var("label"))
    channels = generator.infer_shape(rand=(2, 16))[1][0][1]
    with pytest.raises(ArgumentError, match=f"the layer 'up' of the generator cannot run on a CPU: .*{words}"):
        mxgan.AdversarialPair(generator, discriminator, latent_shape=(16,), image_shape=(channels, 4, 4), batch_size=2)
