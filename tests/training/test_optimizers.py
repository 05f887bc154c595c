import json

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.runtime import mx
from mxgan.training.adadelta import AdaDeltaWithRate
from mxgan.training.optimizers import OptimizerConfig, export_state, import_state, init_optimizer
from tests.support import assert_same, long_but, make_pair, params_of, train

CONFIGS = [
    OptimizerConfig(),
    OptimizerConfig("sgd", 0.1, {}),
    OptimizerConfig("sgd", 0.1, {"momentum": 0.9}),
    OptimizerConfig("rmsprop", 1e-3, {}),
    OptimizerConfig("rmsprop", 1e-3, {"centered": True}),
    OptimizerConfig("adadelta", 1.0, {}),
    OptimizerConfig("adadelta_lr", 1e-3, {}),
]


@pytest.mark.parametrize(
    "config", long_but(CONFIGS, CONFIGS[0]), ids=lambda c: f"{c.name}-{len(c.settings)}-{c.learning_rate}"
)
@pytest.mark.parametrize("devices", [1, 2])
def test_two_and_two_steps_are_four(config, devices, tmp_path):
    """Bit for bit; on two devices but for BatchNorm's statistics, which MXNet saves as the mean of the devices'."""
    contexts = [mx.cpu(i) for i in range(devices)]
    whole, first = (make_pair(optimizer=config, contexts=contexts) for _ in range(2))
    train(whole, 0, 4)
    train(first, 0, 2)
    second = make_pair(optimizer=config, contexts=contexts, seed=99)
    second.set_params(*first.get_params())
    for half, module in first.halves().items():
        arrays, counts = export_state(module)
        mx.nd.save(str(tmp_path / half), arrays)
        arrays = mx.nd.load(str(tmp_path / half)) if arrays else {}
        import_state(second.halves()[half], arrays, json.loads(json.dumps(counts)))
    train(second, 2, 4)
    found, expected = params_of(second), params_of(whole)
    for name in [n for n in expected if "_moving_" in n] if devices > 1 else []:
        np.testing.assert_allclose(found.pop(name), expected.pop(name), rtol=1e-5, atol=1e-8)
    assert_same(found, expected)


def test_adam_without_its_count_is_another_run():
    """That the counts matter: what MXNet's own save_optimizer_states loses."""
    whole, first, second = (make_pair() for _ in range(3))
    train(whole, 0, 4)
    train(first, 0, 2)
    second.set_params(*first.get_params())
    for half, module in first.halves().items():
        arrays, counts = export_state(module)
        zeros = dict.fromkeys(counts["index_update_count"], 0)
        import_state(second.halves()[half], arrays, {"num_update": 0, "index_update_count": zeros})
    train(second, 2, 4)
    assert not np.array_equal(params_of(second)["d1_weight"], params_of(whole)["d1_weight"])


def test_states_of_another_optimiser_are_refused():
    adam, sgd = make_pair(), make_pair(optimizer=OptimizerConfig("sgd", 0.1, {"momentum": 0.9}))
    train(adam, 0, 1)
    arrays, counts = export_state(adam.generator)
    with pytest.raises(CheckpointError, match="resume with the optimiser that saved it"):
        import_state(sgd.generator, arrays, counts)
    with pytest.raises(CheckpointError, match="entries for unknown parameters: stray.0"):
        import_state(adam.generator, {**arrays, "stray.0": mx.nd.ones(1)}, counts)


@pytest.mark.parametrize(
    "config, words",
    [
        (("adamm", 1e-3, {}), "'adamm'"),
        (("adam", 1e-3, {"momentum": 0.9}), "'momentum'"),
    ],
)
def test_what_mxnet_does_not_know_is_named(config, words):
    with pytest.raises(ArgumentError, match="was refused by MXNet") as caught:
        make_pair(optimizer=OptimizerConfig(*config))
    assert words in str(caught.value)


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_learning_rates_that_cannot_be(rate):
    with pytest.raises(ArgumentError, match="learning_rate is"):
        OptimizerConfig(learning_rate=rate)


def test_decay_rates_that_cannot_be():
    with pytest.raises(ArgumentError, match=r"beta1 is 1\.0; give a number from 0 to below 1"):
        OptimizerConfig(settings={"beta1": 1.0})


# What the published recipes were trained with: (ours, PyTorch's name and arguments)
AS_IN_TORCH = [
    (OptimizerConfig("adadelta_lr", 1e-3, {}), "Adadelta", {"lr": 1e-3}),
    (OptimizerConfig("adadelta_lr", 1.0, {"rho": 0.8, "epsilon": 1e-4}), "Adadelta", {"rho": 0.8, "eps": 1e-4}),
    (OptimizerConfig("rmsprop", 5e-5, {"gamma1": 0.99, "epsilon": 1e-16}), "RMSprop", {"lr": 5e-5}),
    (OptimizerConfig("adam", 1e-4, {"beta1": 0.0, "beta2": 0.9}), "Adam", {"lr": 1e-4, "betas": (0.0, 0.9)}),
    (OptimizerConfig("adam", 1e-5, {}), "Adam", {"lr": 1e-5}),
]


def linear_regression(config, images, targets, weight, bias):
    """Weights after each step of a Module of one FullyConnected; the loss is half the mean squared error."""
    score = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=1, name="d1")
    module = mx.mod.Module(mx.sym.LinearRegressionOutput(score, mx.sym.var("label")), ("data",), ("label",))
    module.bind([("data", images[0].shape)], [("label", targets[0].shape)])
    module.init_params(arg_params={"d1_weight": mx.nd.array(weight), "d1_bias": mx.nd.array(bias)})
    init_optimizer(module, config, 1)
    for x, y in zip(images, targets):
        module.forward(mx.io.DataBatch([mx.nd.array(x)], [mx.nd.array(y)]), is_train=True)
        module.backward()
        module.update()
        parameters, _ = module.get_params()
        yield parameters["d1_weight"].asnumpy(), parameters["d1_bias"].asnumpy()


@pytest.mark.parametrize("config, name, arguments", AS_IN_TORCH, ids=lambda c: getattr(c, "name", None))
def test_twenty_steps_equal_those_of_torch(config, name, arguments):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    images, targets = rng.standard_normal((20, 8, 5)).astype("f"), rng.standard_normal((20, 8)).astype("f")
    weight, bias = rng.standard_normal((1, 5)).astype("f"), rng.standard_normal(1).astype("f")
    linear = torch.nn.Linear(5, 1)
    linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    optimizer = getattr(torch.optim, name)(linear.parameters(), **arguments)
    steps = linear_regression(config, images, targets, weight, bias)
    for x, y, (found_weight, found_bias) in zip(images, targets, steps):
        optimizer.zero_grad()
        (0.5 * (linear(torch.tensor(x))[:, 0] - torch.tensor(y)) ** 2).mean().backward()
        optimizer.step()
        np.testing.assert_allclose(found_weight, linear.weight.detach().numpy(), rtol=0, atol=5e-7)
        np.testing.assert_allclose(found_bias, linear.bias.detach().numpy(), rtol=0, atol=5e-7)
    assert np.abs(found_weight - weight).max() > 20 * 5e-7


def test_mxnets_rmsprop_has_its_epsilon_inside_the_root():
    """So that PyTorch's 1e-8 is 1e-16 here; 1e-8 itself would hold back gradients far below 1e-4."""
    weight, gradient = mx.nd.zeros(1), mx.nd.array([1e-6])
    settings = {"learning_rate": 1.0, "gamma1": 0.99}
    for epsilon, expected in ((1e-16, 1e-6 / np.sqrt(1e-14 + 1e-16)), (1e-8, 1e-6 / np.sqrt(1e-14 + 1e-8))):
        weight[:] = 0
        mx.optimizer.get_updater(mx.optimizer.create("rmsprop", epsilon=epsilon, **settings))(0, gradient, weight)
        np.testing.assert_allclose(weight.asnumpy(), -expected, rtol=1e-5)


def test_mxnets_adadelta_ignores_the_learning_rate_and_ours_does_not():
    moved = {}
    for name in ("adadelta", "adadelta_lr"):
        for rate in (0.5, 1.0):
            weight = mx.nd.zeros(3)
            optimizer = mx.optimizer.create(name, learning_rate=rate, rho=0.9, epsilon=1e-6)
            mx.optimizer.get_updater(optimizer)(0, mx.nd.array([1.0, -2.0, 0.0]), weight)
            moved[name, rate] = weight.asnumpy()
    np.testing.assert_array_equal(moved["adadelta", 0.5], moved["adadelta", 1.0])
    np.testing.assert_array_equal(moved["adadelta_lr", 0.5] * 2, moved["adadelta_lr", 1.0])
    np.testing.assert_array_equal(moved["adadelta_lr", 1.0], moved["adadelta", 1.0])


def test_adadelta_takes_what_every_optimiser_takes():
    """The first step in closed form: w − lr g √ε / √((1−ρ) g² + ε), g clipped after rescaling, then decayed."""
    weight, gradient = mx.nd.array([2.0, -1.0]), mx.nd.array([8.0, -1.0])
    optimizer = mx.optimizer.create(
        "adadelta_lr", learning_rate=0.25, epsilon=1e-2, rescale_grad=0.125, clip_gradient=0.5, wd=0.125
    )
    mx.optimizer.get_updater(optimizer)(0, gradient, weight)
    g = np.array([0.5 + 0.25, -0.125 - 0.125])
    expected = np.array([2.0, -1.0]) - 0.25 * g * np.sqrt(1e-2) / np.sqrt(0.1 * g**2 + 1e-2)
    np.testing.assert_allclose(weight.asnumpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(gradient.asnumpy(), [8.0, -1.0])  # MXNet's own changes it


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("adam", {"beta2": "abc"}, "beta2 is 'abc'; give a number from 0 to below 1"),
        ("adam", {"beta1": None}, "beta1 is None; give a number"),
        ("adadelta_lr", {"rho": 7}, "rho is 7; give a number from 0 to below 1"),
        ("adadelta_lr", {"epsilon": -1}, "epsilon is -1; give a number from 0 up"),
        ("rmsprop", {"gamma1": 5}, "gamma1 is 5; give a number from 0 to below 1"),
        ("adam", {"lr_scheduler": 3}, "lr_scheduler is 3; give a scheduler of mx.lr_scheduler"),
        ("adam", {"clip_gradient": "much"}, "was refused by MXNet: "),
        ("sgd", {"rescale_grad": float("nan")}, "was refused by MXNet: its update is not finite"),
    ],
)
def test_settings_that_cannot_be_are_named_before_anything_is_trained(name, settings, words):
    with pytest.raises(ArgumentError) as caught:
        make_pair(optimizer=OptimizerConfig(name, 1e-3, settings))
    assert words in str(caught.value)


def test_adadelta_itself_checks_its_settings():
    with pytest.raises(ArgumentError, match="rho is 1.5"):
        AdaDeltaWithRate(rho=1.5)


def test_trying_an_optimiser_out_leaves_its_schedule_as_it_was():
    schedule = mx.lr_scheduler.FactorScheduler(step=1, factor=0.5, base_lr=1e-3)
    make_pair(optimizer=OptimizerConfig("adam", 1e-3, {"lr_scheduler": schedule}))
    assert schedule.base_lr == 1e-3
