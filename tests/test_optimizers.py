import json

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.optimizers import OptimizerConfig, export_state, import_state
from mxgan.runtime import mx
from tests.support import assert_same, make_pair, params_of, train

CONFIGS = [
    OptimizerConfig(),
    OptimizerConfig("sgd", 0.1, {}),
    OptimizerConfig("sgd", 0.1, {"momentum": 0.9}),
    OptimizerConfig("rmsprop", 1e-3, {}),
    OptimizerConfig("rmsprop", 1e-3, {"centered": True}),
    OptimizerConfig("adadelta", 1.0, {}),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.name}-{len(c.settings)}-{c.learning_rate}")
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
    with pytest.raises(CheckpointError, match="entries of no parameter here: stray.0"):
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
