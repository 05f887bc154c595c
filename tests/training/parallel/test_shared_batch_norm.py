"""BatchNorm over all ranks: MXNet's own numbers in one process, in two and three ranks, and errors that come out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import batch_norms
from mxgan.runtime import cpu_features, mx
from mxgan.training.parallel import shared_batch_norm
from mxgan.training.parallel.shared_batch_norm import own_errors, with_shared_batch_norm
from mxgan.training.precision import in_bfloat16
from tests.ranks import run_ranks, said_by
from tests.training.parallel.shared_norm_program import network, passes, relative

STEPS = 3
X = mx.sym.Variable("data")


def alone(layer: str):
    """The `total` of a job of one rank."""
    return lambda vector: None


def layer(**settings):
    return mx.sym.BatchNorm(X, name="bn", **settings)


def batch(shape=(12, 3, 8, 8)):
    return np.random.default_rng(4).normal(1, 2, (STEPS, *shape)).astype(np.float32)


def assert_as_mxnet(symbol, data, **settings):
    """Outputs, gradients, states and arguments, and their names, are those of MXNet's own BatchNorm in float64.

    In float32, MXNet's own are up to 5e-6 away from these.
    """
    rewritten = with_shared_batch_norm(symbol, alone)
    for names in ("list_arguments", "list_auxiliary_states", "list_outputs"):
        assert getattr(rewritten, names)() == getattr(symbol, names)()
    expected, found = passes(symbol, data.astype(np.float64), **settings), passes(rewritten, data, **settings)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert relative(found[name], value) < 1e-6, name
    return found


def test_a_network_of_every_kind_of_layer():
    found = assert_as_mxnet(network(), batch())
    assert np.abs(found["state b1_moving_mean"]).max() > 0.1


@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("shape, axis", [((6, 3, 4, 5), 1), ((6, 4, 5, 3), 3), ((6, 4, 5, 3), -1), ((6, 7), 1)])
def test_axis_and_fixed_gamma(shape, axis, fix_gamma):
    found = assert_as_mxnet(layer(axis=axis, fix_gamma=fix_gamma), batch(shape))
    assert found["state bn_moving_mean"].shape == (shape[axis],)
    assert (found["argument bn_gamma"] == 1).all() == fix_gamma


@pytest.mark.parametrize("settings", [{"eps": 0.8}, {"eps": 1e-5 + 1e-12, "momentum": 0.5}, {"use_global_stats": True}])
def test_settings(settings):
    assert_as_mxnet(layer(fix_gamma=False, **settings), batch())


def test_data_far_from_zero():
    assert_as_mxnet(layer(fix_gamma=False), batch() + 100)


@pytest.mark.parametrize("request_", ["add", "null"])
def test_gradients_that_are_added_or_not_asked_for(request_):
    requests = dict.fromkeys(network().list_arguments(), "write")
    assert_as_mxnet(network(), batch(), grad_req={**requests, "data": request_, "b1_gamma": request_})
    assert_as_mxnet(network(), batch(), grad_req={**requests, "b1_beta": request_, "b2_gamma": request_})


def test_a_gradient_of_data_that_the_layer_itself_adds():
    assert_as_mxnet(layer(fix_gamma=False), batch(), grad_req="add")


@pytest.mark.parametrize("fix_gamma", [False, True])
def test_copies_on_the_host_as_on_a_gpu(monkeypatch, fix_gamma):
    """The arrays are copied and written back; no GPU has been seen here."""
    monkeypatch.setattr(shared_batch_norm, "_is_on_gpu", lambda array: True)
    assert_as_mxnet(layer(fix_gamma=fix_gamma), batch(), grad_req="add")
    assert_as_mxnet(network(), batch())


def test_a_middle_layer_that_adds():
    shared = X * 2
    symbol = layer_of(shared, "left", fix_gamma=False) + layer_of(shared, "right") + shared
    assert_as_mxnet(symbol, batch())


def layer_of(data, name: str, **settings):
    return mx.sym.BatchNorm(data, name=name, **settings)


def test_statistics_of_a_layer_with_moving_ones_are_not_summed():
    symbol = with_shared_batch_norm(mx.sym.Group([layer(use_global_stats=True)]), alone)
    assert [node["op"] for node in json.loads(symbol.tojson())["nodes"]][-1] == "BatchNorm"


def test_each_layer_asks_for_its_total_once_in_order():
    asked = []
    with_shared_batch_norm(network(), lambda name: asked.append(name) or alone(name))
    assert asked == ["b1", "b2"]


def test_the_average_and_the_clip_know_a_held_gamma():
    assert batch_norms(with_shared_batch_norm(network(), alone)) == batch_norms(network())
    assert [norm.held for norm in batch_norms(network())] == [False, True]


@pytest.mark.parametrize(
    "symbol, said",
    [
        (layer(output_mean_var=True)[0], "the layer 'bn' is a BatchNorm with output_mean_var, whose statistics"),
        (
            mx.sym.contrib.SyncBatchNorm(X, key="a", name="s"),
            "the layer 's' is a _contrib_SyncBatch",
        ),
        (mx.sym.BatchNorm_v1(X, name="old"), "the layer 'old' is a BatchNorm_v1, whose statistics"),
    ],
)
def test_what_cannot_be_shared(symbol, said):
    with pytest.raises(ArgumentError, match=said):
        with_shared_batch_norm(symbol, alone)


def test_two_modules_over_the_same_parameters():
    """As in BoundPair: D trains, the head of G has D's parameters fixed and gives the gradient of the data."""
    found = []
    for change in (lambda symbol: symbol, lambda symbol: with_shared_batch_norm(symbol, alone)):
        loss = mx.sym.MakeLoss(mx.sym.sum(network() ** 3, axis=(1, 2, 3)))
        held = [name for name in loss.list_arguments() if name != "data"]
        trained = mx.mod.Module(change(loss), ("data",), None)
        trained.bind([("data", (12, 3, 8, 8))])
        mx.random.seed(1)
        trained.init_params(mx.init.Normal(0.3))
        head = mx.mod.Module(change(loss), ("data",), None, fixed_param_names=held)
        head.bind([("data", (12, 3, 8, 8))], inputs_need_grad=True, shared_module=trained)
        trained.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 1e-3})
        for data in batch():
            for module in (trained, head):
                module.forward(mx.io.DataBatch([mx.nd.array(data)]), is_train=True)
                module.backward()
            trained.update()
        mx.nd.waitall()
        parameters = {name: value.asnumpy() for group in trained.get_params() for name, value in group.items()}
        found.append({**parameters, "data": head.get_input_grads()[0].asnumpy()})
    for name, value in found[0].items():
        assert relative(found[1][name], value) < 1e-4, name  # several steps of training


@pytest.mark.skipif("avx512_bf16" not in cpu_features(), reason="this CPU has no AVX512_BF16")
def test_in_bfloat16_its_own_numbers_are_float32():
    low = in_bfloat16(with_shared_batch_norm(network(), alone))
    operators = [node["op"] for node in json.loads(low.symbol.tojson())["nodes"]]
    assert operators.count("Custom") == 2
    executor = low.symbol.simple_bind(mx.cpu(), data=(4, 3, 8, 8))
    for array in executor.arg_dict.values():
        array[:] = mx.nd.array(np.random.default_rng(0).normal(size=array.shape)).astype(array.dtype)
    (out,) = executor.forward(is_train=True)
    assert relative(out.asnumpy().mean(axis=(0, 2, 3)), executor.arg_dict["b2_beta"].asnumpy()) < 1e-5


@pytest.mark.parametrize("call", [1, 2])
def test_an_error_of_a_total_comes_out_as_itself(call, capfd):
    """In the forward pass (call 1) and in the backward pass (call 2); the next passes work."""
    calls = []

    def total(vector) -> None:
        calls.append(len(vector))
        if len(calls) == call:
            raise ConnectionError("rank 1 on somewhere is gone")

    executor = with_shared_batch_norm(layer(), lambda name: total).simple_bind(mx.cpu(), data=(4, 3, 5, 5))
    with pytest.raises(ConnectionError, match="rank 1 on somewhere is gone"), own_errors():
        one_pass(executor)
    with own_errors():
        one_pass(executor)
    assert len(calls) == call + 2
    assert capfd.readouterr() == ("", "")


def one_pass(executor) -> None:
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones(executor.outputs[0].shape))
    mx.nd.waitall()


def test_another_error_of_mxnet_stays_as_it_is():
    with pytest.raises(mx.base.MXNetError), own_errors():
        mx.nd.dot(mx.nd.ones((2, 3)), mx.nd.ones((2, 3))).asnumpy()


def test_the_same_bits_twenty_times():
    runs = [passes(with_shared_batch_norm(network(), alone), batch()) for _ in range(20)]
    for run in runs[1:]:
        for name, value in run.items():
            np.testing.assert_array_equal(value, runs[0][name], err_msg=name)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.long)])
def test_ranks_compute_what_one_process_computes(count):
    """Forward, gradients, states over several steps; bits equal on all ranks, and each time."""
    lines = said_by(run_ranks(count, "from tests.training.parallel.shared_norm_program import equality; equality()"))
    assert len(lines) == count
    for report in map(json.loads, lines):
        assert report["same_states"]
        assert report["same_bits"]
        assert max(report["errors"].values()) < 1e-6, report["errors"]
        assert report["own_statistics"] > 0.01  # MXNet's own BatchNorm of a part: the test would see it


def test_layers_that_run_in_another_order_on_each_rank():
    lines = said_by(run_ranks(2, "from tests.training.parallel.shared_norm_program import order; order()"))
    reports = [json.loads(line) for line in lines]
    assert reports[0]["first"] != reports[1]["first"]
    assert max(report["error"] for report in reports) < 1e-6


def test_a_rank_that_fails_in_a_layer_ends_the_job():
    result = run_ranks(2, "from tests.training.parallel.shared_norm_program import failure; failure()")
    assert result.returncode == 1
    assert "RankError: rank 1 on " in result.stderr  # of rank 0, which waited in the layer
    assert ": ValueError: it cannot sum (shared_norm_program.py, line " in result.stderr
    assert "this line is never reached" not in result.stdout
