"""The layers of a network and their table, on small symbols whose numbers are computed by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.layers import LayerRow, layers, summary
from mxgan.networks.residual_blocks import pooled_convolution, upsampled_convolution
from mxgan.runtime import mx

LATENTS = {"rand": (2, 5, 1, 1)}
IMAGES = {"data": (2, 3, 8, 8)}


def small_generator(**batch_norm):
    net = mx.sym.Deconvolution(mx.sym.Variable("rand"), name="g1", kernel=(4, 4), num_filter=6, no_bias=True)
    net = mx.sym.BatchNorm(net, name="gbn1", **batch_norm)
    net = mx.sym.Activation(net, name="gact1", act_type="relu")
    doubling = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}
    net = mx.sym.Deconvolution(net, name="g2", num_filter=3, no_bias=True, **doubling)
    return mx.sym.Activation(net, name="gact2", act_type="tanh")


def small_discriminator():
    data, halving = mx.sym.Variable("data"), {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}
    net = mx.sym.Convolution(data, name="d1", num_filter=7, **halving)
    net = mx.sym.LeakyReLU(net, name="dact1", act_type="leaky", slope=0.2)
    net = mx.sym.FullyConnected(net, name="d2", num_hidden=1)
    return mx.sym.LogisticRegressionOutput(net, mx.sym.Variable("label"), name="dloss")


def totals(rows):
    return tuple(sum(getattr(row, kind) for row in rows) for kind in ("trained", "fixed", "auxiliary"))


def test_layers_of_a_generator():
    assert layers(small_generator(fix_gamma=True), LATENTS) == [
        LayerRow("rand", "input", ((2, 5, 1, 1),)),
        LayerRow("g1", "Deconvolution", ((2, 6, 4, 4),), trained=5 * 6 * 4 * 4),
        LayerRow("gbn1", "BatchNorm", ((2, 6, 4, 4),), trained=6, fixed=6, auxiliary=12),
        LayerRow("gact1", "Activation", ((2, 6, 4, 4),)),
        LayerRow("g2", "Deconvolution", ((2, 3, 8, 8),), trained=6 * 3 * 4 * 4),
        LayerRow("gact2", "Activation", ((2, 3, 8, 8),)),
    ]


def test_a_label_is_an_input_and_biases_count():
    rows = {row.name: row for row in layers(small_discriminator(), IMAGES)}
    assert rows["label"].operator == "input"
    assert rows["d1"].trained == 7 * 3 * 4 * 4 + 7
    assert rows["d2"].trained == 7 * 4 * 4 + 1
    assert rows["dloss"].output_shape == (2, 1)
    assert rows["dloss"].trained == 0


@pytest.mark.parametrize(
    "options, fixed", [({}, 6), ({"fix_gamma": True}, 6), ({"fix_gamma": 1}, 6), ({"fix_gamma": False}, 0)]
)
def test_gammas_that_fix_gamma_holds_are_not_trained(options, fixed):
    row = layers(small_generator(**options), LATENTS)[2]
    assert (row.trained, row.fixed, row.auxiliary) == (12 - fixed, fixed, 12)


def test_totals_agree_with_what_a_module_binds():
    symbol = small_generator(fix_gamma=True)
    module = mx.mod.Module(symbol, data_names=["rand"], label_names=None)
    module.bind([("rand", (2, 5, 1, 1))])
    module.init_params()
    parameters, states = module.get_params()
    trained, fixed, auxiliary = totals(layers(symbol, LATENTS))
    assert trained + fixed == sum(array.size for array in parameters.values())
    assert auxiliary == sum(array.size for array in states.values())


def test_a_shared_parameter_counts_once():
    weight, data = mx.sym.Variable("shared"), mx.sym.Variable("data")
    net = mx.sym.FullyConnected(data, weight, name="first", num_hidden=4, no_bias=True)
    net = mx.sym.FullyConnected(net, weight, name="second", num_hidden=4, no_bias=True)
    assert [row.trained for row in layers(net, {"data": (2, 4)})] == [0, 16, 0]


def test_a_parameter_behind_another_operator_is_counted():
    scaled = mx.sym.Variable("w", shape=(4, 3)) * 2.0
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), scaled, name="fc", num_hidden=4, no_bias=True)
    assert totals(layers(net, {"data": (2, 3)})) == (12, 0, 0)


@pytest.mark.parametrize("merged", [pooled_convolution, partial(upsampled_convolution, side=6)])
def test_a_computed_weight_counts_in_its_layer_with_its_own_size(merged):
    rows = layers(merged(mx.sym.Variable("data"), "d1", 4, 5), {"data": (2, 4, 6, 6)})
    assert [(row.operator, row.trained) for row in rows if row.trained] == [("Convolution", 5 * 4 * 3 * 3 + 5)]
    assert {row.output_shape[0] for row in rows} == {2}  # no row of a weight


def test_a_weight_that_is_also_an_output_or_data_keeps_its_row():
    doubled = mx.sym.Variable("w", shape=(4, 3)) * 2.0
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), doubled, name="fc", num_hidden=4, no_bias=True)
    of_output = layers(mx.sym.Group([net, doubled]), {"data": (2, 3)})
    assert [row.trained for row in of_output] == [0, 12, 0]
    start = mx.sym.tanh(mx.sym.Variable("start", shape=(1, 3)), name="t")  # a learned constant as data
    net = mx.sym.FullyConnected(start, name="fc", num_hidden=2, no_bias=True)
    rows = layers(mx.sym.broadcast_add(net, mx.sym.Variable("data")), {"data": (2, 2)})
    assert [(row.name, row.trained) for row in rows if row.trained] == [("t", 3), ("fc", 6)]


def test_an_operator_with_several_outputs_has_all_their_shapes():
    parts = mx.sym.SliceChannel(mx.sym.Variable("data"), num_outputs=3, name="parts")
    rows = layers(mx.sym.Group([parts[0] + parts[2], parts[1]]), {"data": (2, 6)})
    assert rows[1].output_shapes == ((2, 2),) * 3
    assert [row.name for row in rows[:2]] == ["data", "parts"]
    assert len(rows) == 3


def test_summary_is_an_aligned_table_with_totals():
    lines = summary(small_generator(fix_gamma=True), {"rand": (64, 500, 1, 1)}).splitlines()
    assert lines[0].split() == ["layer", "operator", "output", "shape", "trained", "fixed", "auxiliary"]
    assert lines[3].split() == ["g1", "Deconvolution", "64×6×4×4", "48,000"]
    assert lines[4].split() == ["gbn1", "BatchNorm", "64×6×4×4", "6", "6", "12"]
    assert lines[-1].split() == ["total", "48,294", "6", "12"]
    assert len({len(line) for line in lines}) == 1


def test_shapes_may_be_lists_of_numpy_integers():
    assert len(layers(small_generator(), {"rand": [np.int64(2), 5, 1, 1]})) == 6


@pytest.mark.parametrize(
    "shapes, error, text",
    [
        ({}, ShapeError, r"input shapes given \(none\) do not decide all others \(unknown: rand, g1_weight"),
        (
            {"rand": (2, 5)},
            ShapeError,
            r"layer 'g1' does not fit its input: .*4D.*shapes given: rand \(2, 5\)\.",
        ),
        ({"ran": (2, 5, 1, 1)}, ArgumentError, r"unknown input 'ran'; did you mean 'rand'\?"),
        ({"rand": (2, 0, 1, 1)}, ShapeError, r"shape \(2, 0, 1, 1\) of input 'rand': expected a tuple"),
        ({"rand": ()}, ShapeError, r"shape \(\) of input 'rand'"),
        ({"rand": (2, "5", 1, 1)}, ShapeError, "whole numbers above 0"),
        ({"rand": 5}, ShapeError, "shape 5 of input 'rand'"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, error, text):
    with pytest.raises(error, match=text):
        layers(small_generator(), shapes)


def test_a_misfit_deep_in_the_network_names_the_layer():
    net = mx.sym.Convolution(small_generator(), name="d1", kernel=(9, 9), num_filter=1)
    with pytest.raises(ShapeError, match=r"layer 'd1' does not fit its input: kernel size exceed input"):
        summary(net, LATENTS)
