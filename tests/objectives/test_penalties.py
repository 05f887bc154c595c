"""Penalties against PyTorch's double backward, and against finite differences of MXNet's own gradient in float64."""

import ast
import json

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.networks import NETWORKS
from mxgan.objectives.bound_penalty import BoundPenalty
from mxgan.objectives.penalties import PENALTIES, GradientPenalty, WeightClip, make_penalty
from mxgan.objectives.spectral import spectral_normalize
from mxgan.runtime import mx

N = 4
data = mx.sym.var("data")


def leaky(layer, slope=0.2):
    return mx.sym.LeakyReLU(layer, act_type="leaky", slope=slope)


def dense(layer, name, width):
    return mx.sym.FullyConnected(layer, name=name, num_hidden=width)


def convolution(layer, name, channels, kernel=3, stride=1, pad=1):
    sizes = {"kernel": (kernel,) * 2, "stride": (stride,) * 2, "pad": (pad,) * 2}
    return mx.sym.Convolution(layer, name=name, num_filter=channels, **sizes)


def dcgan(norm):
    return mxgan.DCGAN(ndf=2, image_size=16, no_bias=False, discriminator_norm=norm).discriminator()


def pooled_critic():
    layer = mx.sym.Activation(convolution(data, "d1", 4), act_type="softrelu")
    layer = mx.sym.Pooling(layer, pool_type="avg", kernel=(2, 2), stride=(2, 2))
    layer = mx.sym.Activation(convolution(layer, "d2", 5), act_type="tanh")
    return dense(mx.sym.Pooling(layer, pool_type="avg", global_pool=True, kernel=(1, 1)), "d3", 1)


def instance_norm_critic():
    layer = leaky(mx.sym.InstanceNorm(convolution(data, "d1", 4), name="din1", eps=1e-5))
    return dense(mx.sym.tanh(convolution(layer, "d2", 3, stride=2)), "d3", 1)


def residual_critic():
    layer = convolution(data, "d1", 4)
    layer = layer + convolution(leaky(layer), "d2", 4)
    return dense(leaky(layer), "d3", 1)


def conditional_critic():
    """The class as three planes beside the image, and projected on the features (Miyato and Koyama 2018)."""
    one_hot = mx.sym.one_hot(mx.sym.var("class_label"), depth=3)
    planes = mx.sym.Reshape(one_hot, shape=(0, 0, 1, 1))
    planes = mx.sym.broadcast_axis(planes, axis=(2, 3), size=(6, 6))
    features = dense(mx.sym.tanh(convolution(mx.sym.concat(data, planes, dim=1), "d1", 4)), "d2", 5)
    projected = mx.sym.sum(mx.sym.tanh(features) * dense(one_hot, "d3", 5), axis=1, keepdims=True)
    return dense(mx.sym.tanh(features), "d4", 1) + projected


def discriminating_critic():
    """Minibatch discrimination: what a sample adds depends on the others (Salimans et al. 2016, section 3.2)."""
    features = mx.sym.tanh(dense(data, "d1", 5))
    rows = mx.sym.Reshape(dense(features, "d2", 6), shape=(-1, 3, 2))
    apart = mx.sym.broadcast_sub(mx.sym.expand_dims(rows, axis=0), mx.sym.expand_dims(rows, axis=1))
    near = mx.sym.sum(mx.sym.exp(-mx.sym.sum(mx.sym.abs(apart), axis=3)), axis=1)
    return dense(mx.sym.concat(features, near, dim=1), "d3", 1)


def residual(network):
    """SNGAN's discriminator, normalised as it is trained."""
    return spectral_normalize(network.discriminator(), network.images(N), every_weight=True)


PHOTOGRAPHS = {"data": (N, 3, 32, 32)}
IMAGES, POINTS = {"data": (N, 3, 6, 6)}, {"data": (N, 2)}
WITH_CLASS = {**IMAGES, "class_label": (N,)}
LARGE = {"data": (N, 3, 16, 16)}
# name → (score, shapes of its inputs)
CRITICS = {
    "dcgan": (dcgan("none"), LARGE),
    "dcgan-layer-norm": (dcgan("layer"), LARGE),
    "pooled": (pooled_critic(), IMAGES),
    "instance-norm": (instance_norm_critic(), IMAGES),
    "residual": (residual_critic(), IMAGES),
    "conditional": (conditional_critic(), WITH_CLASS),
    "discriminating": (discriminating_critic(), POINTS),
    "mlp": (dense(leaky(dense(leaky(dense(data, "d1", 8)), "d2", 8)), "d3", 1), POINTS),
    "smooth-mlp": (dense(mx.sym.Activation(dense(data, "d1", 8), act_type="softrelu"), "d2", 1), POINTS),
    "linear": (dense(data, "d1", 1), POINTS),
    "spectral": (spectral_normalize(dcgan("none"), LARGE), LARGE),
    "sngan": (residual(NETWORKS["residual"](ndf=3)), PHOTOGRAPHS),
    "sngan-attention": (residual(NETWORKS["residual"](ndf=3, attention=8)), PHOTOGRAPHS),
    "sngan-projection": (
        residual(NETWORKS["residual-projection"](ndf=3, classes=3)),
        {**PHOTOGRAPHS, "class_label": (N,)},
    ),
    "spectral-mlp": (spectral_normalize(dense(mx.sym.tanh(dense(data, "d1", 8)), "d2", 1), POINTS), POINTS),
}
KINDS = {
    "gradient_penalty": make_penalty("gradient_penalty", 10.0),
    "r1": make_penalty("r1", 10.0),
    "one_sided": GradientPenalty(10.0, 0.05, "fake", one_sided=True),
}


def states(score):
    return [name for name in score.list_arguments() if name.endswith("_u")]


def discriminator(score, shapes, contexts=None, seed=3):
    """A Module as the training has it: a head, a label, initialised, one backward pass done."""
    head = mx.sym.LinearRegressionOutput(score, mx.sym.var("label"))
    inputs = list(shapes.items())
    contexts = contexts or [mx.cpu()]
    module = mx.mod.Module(
        head, data_names=list(shapes), label_names=("label",), context=contexts, fixed_param_names=states(score)
    )
    module.bind(inputs, [("label", (N,))])
    mx.random.seed(seed)
    module.init_params(mx.init.Normal(0.4))
    return module


def batches(shapes, seed=0):
    """(real, fake, classes, epsilon) in float64, and exact in float32."""
    draw = np.random.default_rng(seed)
    shape = shapes["data"]
    real, fake = (draw.normal(size=shape).astype("float32").astype("float64") for _ in range(2))
    epsilon = draw.integers(1, 63, size=(N,) + (1,) * (len(shape) - 1)) / 64
    return real, fake, np.arange(N) % 3.0, epsilon


def parameters(module):
    return {name: value.asnumpy().astype("float64") for name, value in module.get_params()[0].items()}


def gradients(module):
    """The gradient arrays, summed over devices, by parameter."""
    group = module._exec_group
    return {
        name: sum(each.asnumpy().astype("float64") for each in devices)
        for name, devices in zip(group.param_names, group.grad_arrays)
        if devices[0] is not None
    }


def clear(module, value=0.0):
    for devices in module._exec_group.grad_arrays:
        for each in devices:
            if each is not None:
                each[:] = value


def add(kind, score, shapes, module, arrays=None):
    """(penalty, gradients) of one call on the batch, the gradients cleared before."""
    real, fake, classes, epsilon = map(mx.nd.array, arrays or batches(shapes))
    clear(module)
    bound = BoundPenalty(kind, score, module, shapes)
    penalty = bound.add_gradients(real, fake, classes if "class_label" in shapes else None, epsilon)
    return penalty.asnumpy(), gradients(module)


def points(kind, real, fake, epsilon):
    return {"between": epsilon * real + (1 - epsilon) * fake, "real": real, "fake": fake}[kind.points]


def penalty_of(kind, norms):
    """The formula, written out once more."""
    excess = norms - kind.target
    return kind.weight * (np.maximum(excess, 0) if kind.one_sided else excess) ** 2


def rebuilt(score, leaves, operators):
    """A network's last output, computed anew from its JSON: `operators(name, attributes)` gives each function."""
    graph = json.loads(score.tojson())
    values = []
    for node in graph["nodes"]:
        if node["op"] == "null":
            values.append(leaves[node["name"]])
            continue
        attributes = {key: parsed(text) for key, text in node.get("attrs", {}).items() if key != "num_args"}
        values.append(operators(node["op"], attributes)(*(values[source] for source, *_ in node["inputs"])))
    return values[-1]


def parsed(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# ---- against finite differences ----


def instance_norm(x, gamma, beta, eps):
    centred = mx.sym.broadcast_sub(x, mx.sym.mean(x, axis=(2, 3), keepdims=True))
    variance = mx.sym.mean(mx.sym.square(centred), axis=(2, 3), keepdims=True)
    normal = mx.sym.broadcast_div(centred, mx.sym.sqrt(variance + eps))
    gamma, beta = (mx.sym.Reshape(each, shape=(1, -1, 1, 1)) for each in (gamma, beta))
    return mx.sym.broadcast_add(mx.sym.broadcast_mul(normal, gamma), beta)


class InFloat64:
    """The penalty of each sample as a function of the parameters, out of MXNet's first derivative alone.

    What BlockGrad holds (the vectors of spectral normalisation) keeps the value that it has at `values`.
    """

    def __init__(self, kind, score, shapes, values):
        real, fake, classes, epsilon = batches(shapes)
        self.kind, self.held = kind, {"data": points(kind, real, fake, epsilon), "class_label": classes}
        self.values = values
        self.symbol = rebuilt(score, {name: mx.sym.var(name) for name in score.list_arguments()}, self.operator)
        self.slopes, self.executor = mx.nd.zeros(self.held["data"].shape, dtype="float64"), None

    def operator(self, name, given):
        """MXNet's own operators, except for those that round to float32 or take nothing else."""
        replaced = {
            "BlockGrad": self.hold,
            "Embedding": lambda x, weight: mx.sym.Embedding(x, weight, **{**given, "dtype": "float64"}),
            "InstanceNorm": lambda x, gamma, beta: instance_norm(x, gamma, beta, given["eps"]),
            "LeakyReLU": lambda x: mx.sym.maximum(x, 0) + given["slope"] * mx.sym.minimum(x, 0),
            "one_hot": lambda x: mx.sym.one_hot(x, dtype="float64", **given),
        }
        make = getattr(mx.sym, name, None) or getattr(mx.sym._internal, name)
        return replaced.get(name, lambda *inputs: make(*inputs, **given))

    def hold(self, symbol):
        name = f"held{len(self.held)}"
        self.held[name] = symbol.bind(mx.cpu(), self.arguments(symbol, self.values)).forward()[0].asnumpy()
        return mx.sym.var(name)

    def arguments(self, symbol, values):
        values = {**values, **self.held}
        return {name: mx.nd.array(values[name], dtype="float64") for name in symbol.list_arguments()}

    def __call__(self, values):
        if self.executor is None:  # bound once: that takes longer than a pass
            self.executor = self.symbol.bind(mx.cpu(), self.arguments(self.symbol, values), {"data": self.slopes})
        for name in values.keys() & self.executor.arg_dict.keys():
            self.executor.arg_dict[name][:] = values[name]
        self.executor.forward(is_train=True)
        self.executor.backward([mx.nd.ones((N, 1), dtype="float64")])
        return penalty_of(self.kind, np.linalg.norm(self.slopes.asnumpy().reshape(N, -1), axis=1))


def directions(shape, draw):
    """Some single numbers of a parameter, and all of it at once."""
    for index in draw.choice(int(np.prod(shape)), size=min(3, int(np.prod(shape))), replace=False):
        one = np.zeros(shape)
        one.flat[index] = 1
        yield one
    yield draw.normal(size=shape)


@pytest.mark.parametrize(
    "name, kind",
    [*((name, "gradient_penalty") for name in CRITICS), ("dcgan", "r1"), ("smooth-mlp", "r1"), ("mlp", "one_sided")],
)
def test_penalty_and_gradients_by_finite_differences(name, kind):
    score, shapes = CRITICS[name]
    module = discriminator(score, shapes)
    penalty, found = add(KINDS[kind], score, shapes, module)
    values, draw = parameters(module), np.random.default_rng(1)
    exact = InFloat64(KINDS[kind], score, shapes, values)
    np.testing.assert_allclose(penalty, exact(values), rtol=2e-5, atol=1e-6)
    assert found.keys() == values.keys() - set(states(score))
    largest = max(np.abs(gradient).max() for gradient in found.values())
    assert largest > 1e-3
    step = 1e-6
    for parameter, gradient in found.items():
        for direction in directions(gradient.shape, draw):
            ahead, behind = (
                exact({**values, parameter: values[parameter] + sign * step * direction}).sum() for sign in (1, -1)
            )
            np.testing.assert_allclose(
                np.sum(gradient * direction), (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5 * largest
            )


# ---- against PyTorch ----


def in_torch(name, given):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional

    def reshape(x):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(given["shape"])]
        return x.reshape(sizes)

    def pooling(x):
        return x.mean((2, 3), keepdim=True) if given.get("global_pool") else f.avg_pool2d(x, *window)

    def flat(x, weight, bias=None):
        return f.linear(x.flatten(1), weight, bias)

    def batch_dot(a, b):
        return (a.mT if given.get("transpose_a") else a) @ (b.mT if given.get("transpose_b") else b)

    def spread(x):
        sizes = dict(zip(given["axis"], given["size"]))
        return x.expand([sizes.get(i, size) for i, size in enumerate(x.shape)])

    window = given.get("kernel"), given.get("stride", (1, 1)), given.get("pad", (0, 0))
    table = {
        "Activation": {"relu": f.relu, "softrelu": f.softplus, "tanh": torch.tanh}.get(given.get("act_type")),
        "BlockGrad": lambda x: x.detach(),
        "Concat": lambda *parts: torch.cat(parts, given.get("dim", 1)),
        "Convolution": lambda x, weight, bias=None: f.conv2d(x, weight, bias, *window[1:]),
        "Embedding": lambda x, weight: weight[x.long()],
        "Flatten": lambda x: x.flatten(1),
        "FullyConnected": flat,
        "InstanceNorm": lambda x, gamma, beta: f.instance_norm(x, weight=gamma, bias=beta, eps=given["eps"]),
        "L2Normalization": lambda x: f.normalize(x, dim=1),
        "LayerNorm": lambda x, gamma, beta: f.layer_norm(x, x.shape[1:], gamma, beta, given.get("eps", 1e-5)),
        "LeakyReLU": lambda x: f.leaky_relu(x, given["slope"]),
        "Pooling": pooling,
        "Reshape": reshape,
        "_mul_scalar": lambda x: x * given["scalar"],
        "abs": torch.abs,
        "batch_dot": batch_dot,
        "broadcast_axis": spread,
        "broadcast_sub": torch.sub,
        "dot": lambda a, b: a @ (b.T if given.get("transpose_b") else b),
        "elemwise_add": torch.add,
        "elemwise_mul": torch.mul,
        "exp": torch.exp,
        "expand_dims": lambda x: x.unsqueeze(given["axis"]),
        "negative": torch.neg,
        "one_hot": lambda x: f.one_hot(x.long(), given["depth"]).double(),
        "reciprocal": torch.reciprocal,
        "softmax": lambda x: x.softmax(given["axis"]),
        "sum": lambda x: x.sum(given["axis"], keepdim=given.get("keepdims", False)),
        "tanh": torch.tanh,
    }
    return table[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CRITICS)
def test_penalty_and_every_gradient_are_those_of_double_backward(name, kind):
    torch = pytest.importorskip("torch")
    score, shapes = CRITICS[name]
    module = discriminator(score, shapes)
    penalty, found = add(KINDS[kind], score, shapes, module)
    leaves = {key: torch.tensor(value, requires_grad=True) for key, value in parameters(module).items()}
    real, fake, classes, epsilon = batches(shapes)
    x = torch.tensor(points(KINDS[kind], real, fake, epsilon), requires_grad=True)
    result = rebuilt(score, {**leaves, "data": x, "class_label": torch.tensor(classes)}, in_torch)
    (slopes,) = torch.autograd.grad(result.sum(), x, create_graph=True)
    excess = slopes.flatten(1).norm(dim=1) - KINDS[kind].target
    expected = KINDS[kind].weight * (excess.relu() if KINDS[kind].one_sided else excess) ** 2
    np.testing.assert_allclose(penalty, expected.detach().numpy(), rtol=2e-5, atol=1e-6)
    expected.sum().backward()
    exact = {key: 0 if leaves[key].grad is None else leaves[key].grad.numpy() for key in found}
    largest = max(np.abs(gradient).max() for gradient in exact.values())
    for parameter, gradient in found.items():
        np.testing.assert_allclose(gradient, exact[parameter], rtol=1e-4, atol=1e-5 * largest, err_msg=parameter)


# ---- what is added, and where ----


def bound(name="mlp", kind="gradient_penalty", contexts=None):
    score, shapes = CRITICS[name]
    module = discriminator(score, shapes, contexts)
    return BoundPenalty(KINDS[kind], score, module, shapes), module, [*map(mx.nd.array, batches(shapes))]


@pytest.mark.parametrize("name", ["dcgan-layer-norm", "conditional", "spectral"])
def test_two_devices_are_one_on_the_joined_batch(name):
    found = []
    for contexts in ([mx.cpu()], [mx.cpu(0), mx.cpu(1)]):
        score, shapes = CRITICS[name]
        found.append(add(KINDS["gradient_penalty"], score, shapes, discriminator(score, shapes, contexts)))
    (one, gradients_of_one), (two, gradients_of_two) = found
    # As exact as a float32 sum of some hundred products is the norm of the gradient, here up to 2.5. The penalty,
    # 10 · (norm - 1)², multiplies what the norm is off by, the more the nearer the norm is to 1.
    distances = [np.sqrt(penalty / KINDS["gradient_penalty"].weight) for penalty in (two, one)]
    np.testing.assert_allclose(*distances, rtol=0, atol=5e-6)
    for parameter, expected in gradients_of_one.items():
        atol = 1e-6 * np.abs(expected).max()
        np.testing.assert_allclose(gradients_of_two[parameter], expected, rtol=1e-4, atol=atol, err_msg=parameter)


def test_the_gradient_is_added_to_what_the_losses_left():
    penalty, module, (real, fake, _, epsilon) = bound("dcgan-layer-norm")
    clear(module)
    penalty.add_gradients(real, fake, epsilon=epsilon)
    alone = gradients(module)
    module.forward(mx.io.DataBatch([real], [mx.nd.ones(N)]), is_train=True)
    module.backward()
    before = gradients(module)
    penalty.add_gradients(real, fake, epsilon=epsilon)
    for name, found in gradients(module).items():
        np.testing.assert_allclose(found, before[name] + alone[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_backward_pass_of_the_discriminator_after_it_is_what_it_was():
    """The penalty leaves no trace in the arrays that the executors share, other than in the gradients."""
    penalty, module, (real, fake, _, epsilon) = bound("dcgan-layer-norm")
    found = []
    for use in (False, True):
        if use:
            penalty.add_gradients(real, fake, epsilon=epsilon)
        module.forward(mx.io.DataBatch([real], [mx.nd.ones(N)]), is_train=True)
        module.backward()
        found.append(gradients(module))
    for name, expected in found[0].items():
        np.testing.assert_array_equal(found[1][name], expected, err_msg=name)


def test_images_and_parameters_are_not_changed():
    penalty, module, arrays = bound("spectral")
    before, images = parameters(module), [each.asnumpy() for each in arrays]
    penalty.add_gradients(*arrays[:2], epsilon=arrays[3])
    for name, value in parameters(module).items():
        np.testing.assert_array_equal(value, before[name])
    for array, image in zip(arrays, images):
        np.testing.assert_array_equal(array.asnumpy(), image)


def test_points_between_are_drawn_by_the_seed_one_place_for_each_sample():
    """On D(x) = ‖x‖²/2 the slope at x is x itself, so that the penalty tells where x was."""
    score = 0.5 * mx.sym.sum(mx.sym.square(dense(data, "d1", 2)), axis=1, keepdims=True)
    shapes = {"data": (N, 2)}
    module = discriminator(score, shapes)
    module.set_params({"d1_weight": mx.nd.array(np.eye(2)), "d1_bias": mx.nd.zeros(2)}, {})
    penalty = BoundPenalty(GradientPenalty(1.0, 0.0), score, module, shapes)
    real, fake = mx.nd.ones((N, 2)), mx.nd.zeros((N, 2))
    found = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        found.append(np.sqrt(penalty.add_gradients(real, fake).asnumpy() / 2))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    mx.random.seed(1)
    np.testing.assert_allclose(found[0], mx.nd.random.uniform(0, 1, shape=(N, 1)).asnumpy()[:, 0], rtol=1e-6)
    assert len(set(found[0])) == N


def test_what_a_step_costs_is_bound_once_and_shares_the_gradient_arrays():
    penalty, module, _ = bound()
    mine = module._exec_group.execs[0].grad_dict["d1_weight"]
    mine[:] = 0.5
    assert (penalty._adjoint._exec_group.execs[0].grad_dict["d1_weight"].asnumpy() == 0.5).all()
    assert penalty._slopes._exec_group.execs[0].grad_dict["d1_weight"] is None


# ---- closed forms ----


def test_the_penalties_of_a_linear_critic_in_closed_form():
    """D(x) = w·x + b: the slope is w everywhere; R1 has γ/2 ‖w‖² and gradient γ w, WGAN-GP 2λ (‖w‖ − 1) w/‖w‖."""
    weight = np.array([[3.0, 4.0]])
    for kind, value, slope in (
        (make_penalty("r1", 10.0), 125.0, 10 * weight),
        (make_penalty("r2", 10.0), 125.0, 10 * weight),
        (make_penalty("gradient_penalty", 10.0), 160.0, 80 * weight / 5),
        (GradientPenalty(10.0, 6.0, one_sided=True), 0.0, 0 * weight),
    ):
        module = discriminator(*CRITICS["linear"])
        module.set_params({"d1_weight": mx.nd.array(weight), "d1_bias": mx.nd.ones(1)}, {})
        penalty, found = add(kind, *CRITICS["linear"], module)
        np.testing.assert_allclose(penalty, [value] * N, rtol=1e-6)
        np.testing.assert_allclose(found["d1_weight"], N * slope, rtol=1e-6)
        assert found["d1_bias"] == 0


@pytest.mark.parametrize("name", ["dcgan", "smooth-mlp"])
@pytest.mark.parametrize("kind", ["gradient_penalty", "r1"])
def test_a_critic_without_any_slope_gets_a_finite_penalty_and_no_gradient(name, kind):
    score, shapes = CRITICS[name]
    module = discriminator(score, shapes)
    module.set_params({key: mx.nd.zeros(value.shape) for key, value in module.get_params()[0].items()}, {})
    penalty, found = add(KINDS[kind], score, shapes, module)
    np.testing.assert_array_equal(penalty, [10.0 if kind == "gradient_penalty" else 0.0] * N)
    for gradient in found.values():
        np.testing.assert_array_equal(gradient, 0)


def test_one_sided_lets_slopes_below_the_target_be():
    slopes = mx.nd.array([[0.3, 0.4], [3.0, 4.0], [0.0, 0.0]])
    penalty, pull = GradientPenalty(2.0, 1.0, one_sided=True).evaluate(slopes)
    np.testing.assert_allclose(penalty.asnumpy(), [0, 32, 0], rtol=1e-6)
    np.testing.assert_allclose(pull.asnumpy(), [[0, 0], [9.6, 12.8], [0, 0]], rtol=1e-6)


# ---- the table, and bad calls ----


def test_the_table_has_the_papers_weights():
    assert set(PENALTIES) == {"gradient_penalty", "r1", "r2"}
    assert make_penalty("gradient_penalty", 10.0) == GradientPenalty(10.0, 1.0, "between")
    assert make_penalty("r1", 10.0) == GradientPenalty(5.0, 0.0, "real")
    assert make_penalty("r2", 10.0) == GradientPenalty(5.0, 0.0, "fake")
    assert all(row.source for row in PENALTIES.values())


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"weight": 0.0}, "weight of the gradient penalty is 0.0; give a number above 0"),
        ({"weight": float("nan")}, "weight of the gradient penalty is nan"),
        ({"target": -1.0}, "target of the gradient penalty is -1.0; give a number from 0"),
        ({"points": "reel"}, "unknown points of the gradient penalty 'reel'; did you mean 'real'"),
        ({"one_sided": "yes"}, "one_sided is 'yes'; give True or False"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ArgumentError, match=words):
        GradientPenalty(**settings)


def test_an_unknown_penalty_gets_a_suggestion():
    with pytest.raises(ArgumentError, match="unknown penalty 'gradient'; did you mean 'gradient_penalty'"):
        make_penalty("gradient", 1.0)


def test_images_that_are_needed_and_images_of_another_shape():
    penalty, _, (real, fake, _, _) = bound()
    with pytest.raises(ArgumentError, match="'fake' is None; a penalty at points 'between' needs the images"):
        penalty.add_gradients(real, None)
    with pytest.raises(ShapeError, match=r"'real' is \(2, 2\); the penalty was bound for \(4, 2\)"):
        penalty.add_gradients(real[:2], fake)
    bound("mlp", "r1")[0].add_gradients(real, None)
    bound("mlp", "one_sided")[0].add_gradients(None, fake)


def test_a_conditional_critic_needs_the_classes_and_another_ignores_them():
    penalty, _, (real, fake, classes, _) = bound("conditional")
    with pytest.raises(ArgumentError, match="classes is None; the discriminator takes 'class_label'"):
        penalty.add_gradients(real, fake)
    unconditional, _, (real, fake, _, epsilon) = bound()
    found = [unconditional.add_gradients(real, fake, given, epsilon).asnumpy() for given in (None, classes)]
    np.testing.assert_array_equal(*found)


def test_an_input_that_only_the_heads_take_is_no_input_of_the_penalty():
    score, shapes = CRITICS["mlp"]
    real, fake, classes, epsilon = map(mx.nd.array, batches(shapes))
    module = discriminator(score, shapes)
    found = []
    for more in ({}, {"class_label": (N,)}):
        penalty = BoundPenalty(KINDS["r1"], score, module, {**shapes, **more})
        found.append(penalty.add_gradients(real, fake, classes, epsilon).asnumpy())
    np.testing.assert_array_equal(*found)


def test_classes_and_conditions_go_to_the_inputs_of_their_names():
    """s(x) = (w · x a) c has the gradient w a c: R1 is λ/2 ‖w a c‖², and its gradient λ w a² c²."""
    classes = mx.sym.Reshape(mx.sym.var("class_label"), shape=(-1, 1))
    score = mx.sym.broadcast_mul(dense(data * mx.sym.var("a"), "d1", 1), classes)
    shapes = {"data": (N, 2), "class_label": (N,), "a": (N, 2)}
    module = discriminator(score, shapes)
    penalty, weight = BoundPenalty(KINDS["r1"], score, module, shapes), parameters(module)["d1_weight"]
    real, classes, a = mx.nd.random.normal(shape=(N, 2)), mx.nd.arange(N), mx.nd.random.normal(shape=(N, 2))
    clear(module)
    found = penalty.add_gradients(real, None, classes, conditions={"a": a, "unused": None}).asnumpy()
    factors = a.asnumpy() * np.arange(N)[:, None]
    np.testing.assert_allclose(found, KINDS["r1"].weight * ((weight * factors) ** 2).sum(axis=1), rtol=1e-5)
    expected = 2 * KINDS["r1"].weight * (weight * factors**2).sum(axis=0, keepdims=True)
    np.testing.assert_allclose(gradients(module)["d1_weight"], expected, rtol=1e-5)
    with pytest.raises(ArgumentError, match=r"the condition 'a' is missing; the discriminator takes 'a': give an NDA"):
        penalty.add_gradients(real, None, classes)


# ---- weight clipping ----


def normalised_critic(fix_gamma):
    return dense(mx.sym.BatchNorm(dense(data, "d1", 8), name="dbn1", fix_gamma=fix_gamma), "d2", 1)


@pytest.mark.parametrize("contexts", [[mx.cpu()], [mx.cpu(0), mx.cpu(1)]], ids=len)
def test_weights_are_clipped_on_every_device(contexts):
    module = discriminator(normalised_critic(fix_gamma=False), POINTS, contexts)
    before = parameters(module)
    WeightClip(module, 0.1).clip()
    assert np.abs(parameters(module)["d1_weight"]).max() == np.float32(0.1)
    group = module._exec_group
    assert np.abs(before["d1_weight"]).max() > 0.1
    for name, devices in zip(group.param_names, group.param_arrays):
        for device in devices:
            expected = np.clip(before[name], -np.float32(0.1), np.float32(0.1))
            np.testing.assert_array_equal(device.asnumpy(), expected, err_msg=name)


def test_what_is_not_trained_is_not_clipped():
    module = discriminator(normalised_critic(fix_gamma=True), POINTS)
    auxiliary = {name: value.asnumpy() for name, value in module.get_params()[1].items()}
    WeightClip(module, 0.1).clip()
    values = {name: value.asnumpy() for name, value in module._exec_group.execs[0].arg_dict.items()}
    np.testing.assert_array_equal(values["dbn1_gamma"], 1)
    assert np.abs(values["d2_weight"]).max() <= np.float32(0.1)
    for name, value in module._exec_group.execs[0].aux_dict.items():
        np.testing.assert_array_equal(value.asnumpy(), auxiliary[name])
    normalised = discriminator(*CRITICS["spectral"])
    before = parameters(normalised)
    WeightClip(normalised, 0.1).clip()
    for name in states(CRITICS["spectral"][0]):
        np.testing.assert_array_equal(normalised._exec_group.execs[0].arg_dict[name].asnumpy(), before[name])


@pytest.mark.parametrize("bound", [0, -0.01, float("nan"), float("inf")])
def test_bounds_that_cannot_be(bound):
    with pytest.raises(ArgumentError, match="weight_clip is .*; give a number above 0"):
        WeightClip(discriminator(*CRITICS["mlp"]), bound)
