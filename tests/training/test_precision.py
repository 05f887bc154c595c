"""bfloat16: which layers compute in it, that nothing else does, and that a training with it goes as in float32."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.monitor import MonitorOutputs
from mxgan.errors import ArgumentError
from mxgan.graphs.layers import nodes_of
from mxgan.runs.data import open_sources
from mxgan.runs.pair import build_pair
from mxgan.runtime import cpu_features, mx
from mxgan.training import precision
from mxgan.training.precision import check_precision, in_bfloat16
from tests.support import assert_same, inputs, make_pair, params_of, train
from tests.test_recipes import small, trained

HAS_IT = "avx512_bf16" in cpu_features()
needs_bfloat16 = pytest.mark.skipif(not HAS_IT, reason="this CPU has no AVX512_BF16")


def types_of(symbol, shapes: dict) -> dict:
    """{layer: "float32" or "bfloat16"} of every operator's first output."""
    internals = symbol.get_internals()
    _, types, _ = internals.infer_type(**dict.fromkeys(shapes, np.float32))
    found = dict(zip(internals.list_outputs(), types))
    names = {node.name for node in nodes_of(symbol, None) if node.operator not in ("null", "amp_cast")}
    return {name: "float32" if found[f"{name}_output"] is np.float32 else "bfloat16" for name in names}


def test_all_but_the_last_convolution_of_each_network_compute_in_bfloat16():
    generator, discriminator = mxgan.make_dcgan_sym(4, 4, 3)
    low = in_bfloat16(generator)
    assert low.leaves == ["g1_weight", "g2_weight", "g3_weight", "g4_weight"]
    found = types_of(low.symbol, {"rand": (2, 100, 1, 1)})
    assert {name for name, kind in found.items() if kind == "float32"} == {"g5", "gact5"}
    low = in_bfloat16(discriminator)
    found = types_of(low.symbol, {"data": (2, 3, 64, 64)})
    assert low.leaves == ["d1_weight", "d2_weight", "d3_weight", "d4_weight"]
    (flat,) = (name for name in found if name.startswith("flatten"))  # MXNet numbers them
    assert {name for name, kind in found.items() if kind == "float32"} == {"d5", flat, "dloss"}


def test_the_parameters_stay_what_they_were():
    generator, discriminator = mxgan.make_dcgan_sym(4, 4, 3)
    for symbol, shapes in ((generator, {"rand": (2, 100, 1, 1)}), (discriminator, {"data": (2, 3, 64, 64)})):
        low = in_bfloat16(symbol).symbol
        assert low.list_arguments() == symbol.list_arguments()
        assert low.list_auxiliary_states() == symbol.list_auxiliary_states()
        assert low.list_outputs() == symbol.list_outputs()
        assert low.infer_shape(**shapes) == symbol.infer_shape(**shapes)


def test_a_machine_or_a_device_without_it_is_refused(monkeypatch):
    check_precision("float32", [mx.gpu(0)])
    with pytest.raises(ArgumentError, match="precision 'bfloat17'.*did you mean 'bfloat16'"):
        check_precision("bfloat17", [mx.cpu()])
    with pytest.raises(ArgumentError, match="which is for one CPU; leave --gpu out, or give float32"):
        check_precision("bfloat16", [mx.gpu(0)])
    with pytest.raises(ArgumentError, match="one CPU"):
        check_precision("bfloat16", [mx.cpu(0), mx.cpu(1)])
    monkeypatch.setattr(precision, "cpu_features", lambda: ["avx512f"])
    with pytest.raises(ArgumentError, match="this CPU has no AVX512_BF16.*give float32"):
        make_pair(precision="bfloat16")


def test_a_transposed_convolution_by_a_computed_weight_is_refused():
    weight = 2 * mx.sym.var("g1_weight", shape=(3, 4, 4, 4))
    image = mx.sym.Deconvolution(mx.sym.var("rand"), weight=weight, name="g1", kernel=(4, 4), num_filter=4)
    with pytest.raises(ArgumentError, match="the weight of 'g1' is computed in the graph.*give precision float32"):
        in_bfloat16(mx.sym.Convolution(image, name="g2", kernel=(1, 1), num_filter=3))


def gradients_of(pair) -> dict:
    """Gradients of one step, in float64."""
    pair.step(*inputs(pair, 0))
    return {name: value.asnumpy().astype(float) for name, value in pair.gradients().items()}


@needs_bfloat16
def test_gradients_point_where_those_of_float32_do():
    settings = {"ngf": 16, "ndf": 16, "batch_size": 16, "size": 32}
    full, low = (gradients_of(make_pair(precision=each, **settings)) for each in ("float32", "bfloat16"))
    assert full.keys() == low.keys()
    for name, expected in full.items():
        if np.linalg.norm(expected):  # gammas that are held at 1 have none
            cosine = (low[name] * expected).sum() / np.linalg.norm(low[name]) / np.linalg.norm(expected)
            assert cosine > 0.97, (name, cosine)
            assert not np.array_equal(low[name], expected), f"{name} was not computed in bfloat16"


@needs_bfloat16
def test_a_step_too_small_for_bfloat16_is_not_lost():
    """The optimiser works on float32 weights: a learning rate of a millionth moves them."""
    optimizer = mxgan.OptimizerConfig("sgd", 1e-6, {})
    pair = make_pair(precision="bfloat16", optimizer=optimizer)
    before = params_of(pair)
    train(pair, 0, 1)
    after = params_of(pair)
    changes = np.abs(after["g2_weight"] - before["g2_weight"])
    assert 0 < changes.max() < 1e-6
    assert {value.dtype for value in after.values()} == {np.dtype("float32")}


@needs_bfloat16
def test_losses_track_those_of_float32(tmp_path):
    """Sixty steps of the default recipe on the digits: bfloat16 changes the losses less than another seed does."""
    histories = {}
    for name, seed, kind in (("full", 0, "float32"), ("low", 0, "bfloat16"), ("other", 1, "float32")):
        config = small("dcgan", steps=60, seed=seed)
        network = replace(config.recipe.network, ngf=8, ndf=8)
        recipe = replace(config.recipe, network=network, batch_size=32, precision=kind)
        folder = trained(replace(config, recipe=recipe), tmp_path / name).folder
        lines = [json.loads(line) for line in folder.history_path.read_text().splitlines()]
        histories[name] = np.array([[line["loss_g"], line["loss_d"]] for line in lines])
    apart = {name: np.abs(histories[name] - histories["full"]).mean() for name in ("low", "other")}
    assert 0 < apart["low"] < 0.05
    assert apart["low"] < 0.5 * apart["other"], apart


@needs_bfloat16
@pytest.mark.parametrize("name", sorted(mxgan.RECIPES))
def test_every_recipe_takes_a_step_in_it(name):
    config = small(name, steps=1)
    config = replace(config, recipe=replace(config.recipe, precision="bfloat16"))
    pair, sources = build_pair(config), open_sources(config)
    trainer_inputs = mxgan.RandIter(8, pair.latent_shape, 0, config.recipe.network.generator_classes)
    schedule = pair.schedule
    latents = [trainer_inputs.next() for _ in range(schedule.latent_batches)]
    images = [sources.images.next() for _ in range(schedule.real_batches)]
    labelled = [sources.labelled.next() for _ in range(schedule.real_batches)] if sources.labelled else []
    before = params_of(pair)
    pair.step(latents, images, labelled=labelled)
    after = params_of(pair)
    assert all(np.isfinite(value).all() for value in after.values())
    assert all(not np.array_equal(after[key], before[key]) for key in after if key.endswith("weight"))


@needs_bfloat16
def test_the_monitor_prints_what_it_does_in_float32(caplog):
    """Root mean squares of layers and gradients; MXNet's own norm of a bfloat16 array is no number."""
    printed = {}
    for kind in ("float32", "bfloat16"):
        pair, monitor = make_pair(precision=kind, ngf=16, ndf=16, batch_size=16, size=32), MonitorOutputs(1)
        monitor.on_fit_begin(SimpleNamespace(pair=pair))
        monitor.monitor.tic()
        pair.step(*inputs(pair, 0))
        printed[kind] = {name: float(value.split()[0]) for _, name, value in monitor.monitor.toc()}
    assert printed["bfloat16"].keys() == printed["float32"].keys()
    layers = [name for name in printed["float32"] if name.startswith(("gbn", "gact", "dact", "dbn"))]
    assert len(layers) > 6
    for name in layers:
        assert printed["bfloat16"][name] == pytest.approx(printed["float32"][name], rel=0.05), name


@needs_bfloat16
@pytest.mark.parametrize("name", ["dcgan", "cgan", "hinge", "wgan-gp", "ssgan"])
def test_twelve_and_eight_steps_are_twenty_bit_for_bit(name, tmp_path):
    config = small(name, steps=20)
    config = replace(config, recipe=replace(config.recipe, precision="bfloat16"))
    whole = trained(config, tmp_path / "whole")
    trained(replace(config, steps=12), tmp_path / "parts")
    resumed = mxgan.resume(tmp_path / "parts", steps=20, display="none", progress=False)
    resumed.run()
    assert_same(params_of(resumed.trainer.pair), params_of(whole.trainer.pair))
