"""Samplers of .params files: the symbol beside them, what decides the images, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.runs.load import symbol_beside
from mxgan.runtime import mx
from mxgan.runtime.config import override
from mxgan.training.run_folder import RunFolder
from tests.support import gluon_generator, tiny_config

CHANGES = {
    "plain": {},
    "weight decay": {"generator_optimizer.settings.wd": 0.1},
    "trained gammas": {"network.fix_gamma": False},
    "eps": {"network.eps": 0.1},
    "average": {"ema": 0.9},
    "perceptrons": {"network": mxgan.NETWORKS["mlp"](image_size=16, generator_widths=(9,), eps=0.3, slope=0.1)},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_run_and_its_own_file_draw_the_same_bits(kind, tmp_path):
    config = tiny_config(steps=6, checkpoint_every=6)
    changes = dict(CHANGES[kind])
    recipe = replace(config.recipe, network=changes.pop("network", config.recipe.network))
    channels = {"nc": 3} if kind == "perceptrons" else {}
    config = replace(config, recipe=override(recipe, {**changes, **channels}))
    mxgan.start(config, tmp_path / "run", "none", progress=False).run()
    half = "E" if kind == "average" else "G"
    (file,) = RunFolder(tmp_path / "run").latest_checkpoint().glob(f"*_{half}_*.params")
    drawn = mxgan.load_sampler(tmp_path / "run").draw(5)
    np.testing.assert_array_equal(mxgan.load_sampler(file).draw(5), drawn)
    alone = shutil.copy(file, tmp_path / "alone.params")
    same = np.array_equal(mxgan.load_sampler(alone).draw(5), drawn)
    assert same == (kind not in ("eps", "perceptrons"))  # which no file shows: assumed, and said


def grown(name: str = "up", channels: int = 3):
    return mx.sym.tanh(mx.sym.Deconvolution(mx.sym.Variable("noise"), name=name, kernel=(8, 8), num_filter=channels))


def written(folder, symbol=None) -> mx.sym.Symbol:
    """Write gen-0003.params of a generator with the input `noise` (N, 7, 1, 1); returns its symbol."""
    symbol = grown() if symbol is None else symbol
    module = mx.mod.Module(symbol, ["noise"], None)
    module.bind([("noise", (2, 7, 1, 1))])
    module.init_params(mx.init.Normal(0.5))
    module.save_params(str(folder / "gen-0003.params"))
    return symbol


def test_the_symbol_beside_is_found_in_a_fixed_order(tmp_path, caplog):
    def beside(params: str):
        found = symbol_beside(tmp_path / params)
        return found and found.name

    assert beside("a-0090.params") is None
    for name in ("a-0090.json", "a-0090-symbol.json", "a-symbol.json"):
        (tmp_path / name).touch()
        assert beside("a-0090.params") == name
    assert beside("a-90.params") is None  # no epoch of MXNet's: four digits
    for name in ("b.json", "b-symbol.json"):
        (tmp_path / name).touch()
        assert beside("b.params") == beside("b") == name
    (tmp_path / "digits_G_2026-symbol.json").touch()
    assert beside("digits_G_2026-0001.params") == beside("digits_E_2026-0001.params") == "digits_G_2026-symbol.json"
    assert beside("digits_D_2026-0001.params") is None
    written(tmp_path).save(str(tmp_path / "gen-symbol.json"))
    with caplog.at_level("INFO"):
        mxgan.load_sampler(tmp_path / "gen-0003.params")
    assert caplog.messages == [f"symbol: {tmp_path / 'gen-symbol.json'}; latents noise (7, 1, 1)"]


def test_a_symbol_that_is_given_comes_before_the_one_beside(tmp_path):
    symbol = written(tmp_path)
    (tmp_path / "gen-symbol.json").write_text("{}")
    file = tmp_path / "gen-0003.params"
    with pytest.raises(CorruptFileError, match="gen-symbol.json: cannot be read as a symbol"):
        mxgan.load_sampler(file)
    symbol.save(str(tmp_path / "other.json"))
    drawn = mxgan.load_sampler(file, symbol=symbol).draw(3)
    assert drawn.shape == (3, 3, 8, 8)
    for given in (tmp_path / "other.json", str(tmp_path / "other.json")):
        np.testing.assert_array_equal(mxgan.load_sampler(file, symbol=given).draw(3), drawn)
    stated = {"latent_shape": (7, 1, 1), "input_name": "noise"}
    np.testing.assert_array_equal(mxgan.load_sampler(file, symbol=symbol, **stated).draw(3), drawn)


def test_a_symbol_of_a_stranger_is_read_by_the_whitelist(tmp_path):
    graph = json.loads(written(tmp_path).tojson())
    graph["nodes"][-1]["op"] = "Custom"
    (tmp_path / "gen-symbol.json").write_text(json.dumps(graph))
    with pytest.raises(CorruptFileError, match="has the operator 'Custom', which is not accepted from a file"):
        mxgan.load_sampler(tmp_path / "gen-0003.params")


@pytest.mark.parametrize("version", [700, 905, 1000])
def test_symbols_of_old_versions_draw_what_mxnet_draws(version, tmp_path):
    """The forms of 0.7 ("param"), 0.9 ("attr" on every node) and 1.0 ("attrs"), with BatchNorm's hidden states."""
    data = mx.sym.Deconvolution(mx.sym.Variable("noise"), name="g1", kernel=(4, 4), num_filter=5, no_bias=True)
    data = mx.sym.Activation(mx.sym.BatchNorm(data, name="gbn1", eps=0.01), name="gact1", act_type="relu")
    data = mx.sym.Deconvolution(data, name="g2", kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=3, no_bias=True)
    symbol = written(tmp_path, mx.sym.Activation(data, name="gact2", act_type="tanh"))
    (tmp_path / "gen-symbol.json").write_text(json.dumps(as_old(json.loads(symbol.tojson()), version)))
    sampler = mxgan.load_sampler(tmp_path / "gen-0003.params", batch_size=4)
    latents = np.random.default_rng(0).standard_normal((4, 7, 1, 1)).astype("f")
    module = mx.mod.Module(symbol, ["noise"], None)
    module.bind([("noise", latents.shape)])
    module.load_params(str(tmp_path / "gen-0003.params"))
    module.forward(mx.io.DataBatch([mx.nd.array(latents)]), is_train=False)
    np.testing.assert_array_equal(sampler.sample(latents), module.get_outputs()[0].asnumpy())


def as_old(graph: dict, version: int) -> dict:
    """A graph of 1.9 in the form of an old version.

    Before 0.9, auxiliary states were no nodes. From 0.9 on, a layer's settings stood at its parameters too.
    """
    nodes, key = graph["nodes"], "attrs" if version >= 1000 else "attr" if version > 900 else "param"
    kept = [i for i, node in enumerate(nodes) if version > 900 or "_moving_" not in node["name"]]
    place = {old: new for new, old in enumerate(kept)}
    made = []
    for node in (nodes[i] for i in kept):
        inputs = [[place[source], *rest] for source, *rest in node["inputs"] if source in place]
        made.append({"op": node["op"], "name": node["name"], "inputs": inputs})
        own = {name: value for name, value in node.get("attrs", {}).items() if not name.startswith("__")}
        if version < 900:
            made[-1].update(param=own, backward_source_id=-1, inputs=[each[:2] for each in inputs])
        else:
            made[-1].update({key: own} if own else {})
            for source, *_ in inputs[1:]:
                made[source][key] = own
    heads = [[place[source], *rest] for source, *rest in graph["heads"]]
    whole = {"nodes": made, "arg_nodes": [i for i, node in enumerate(made) if node["op"] == "null"], "heads": heads}
    return whole if version < 900 else {**whole, "attrs": {"mxnet_version": ["int", {905: 905, 1000: 10000}[version]]}}


def test_a_block_of_gluon_is_drawn_from_each_of_its_files(tmp_path):
    block = gluon_generator()
    block.export(str(tmp_path / "gen"))
    block.collect_params().save(str(tmp_path / "whole.params"))
    block.collect_params().save(str(tmp_path / "short.params"), strip_prefix=block.prefix)
    latents = np.random.default_rng(0).standard_normal((2, 5, 1, 1)).astype("f")
    expected = block(mx.nd.array(latents)).asnumpy()
    given = {"symbol": tmp_path / "gen-symbol.json", "batch_size": 2}
    for name in ("gen-0000", "whole", "short"):
        np.testing.assert_allclose(
            mxgan.load_sampler(tmp_path / f"{name}.params", **given).sample(latents), expected, atol=1e-6
        )
    with pytest.raises(CheckpointError, match="has Gluon's names .* or in Python symbol=…"):
        mxgan.load_sampler(tmp_path / "whole.params")
    with pytest.raises(CheckpointError, match="does not begin with 'x_'; give another prefix"):
        mxgan.load_sampler(tmp_path / "whole.params", strip_prefix="x_", **given)


def test_settings_of_a_symbol_where_there_is_none(tmp_path):
    config = tiny_config(steps=1, checkpoint_every=1)
    mxgan.start(config, tmp_path / "run", "none", progress=False).run()
    with pytest.raises(ArgumentError, match="symbol, input_name: only for a .params file .* is a run folder, which"):
        mxgan.load_sampler(tmp_path / "run", symbol="a.json", input_name="noise")
    (file,) = RunFolder(tmp_path / "run").latest_checkpoint().glob("*_G_*.params")
    alone = shutil.copy(file, tmp_path / "alone.params")
    with pytest.raises(
        ArgumentError, match=r"latent_shape: only .*has no symbol beside it; give it with --symbol FILE"
    ):
        mxgan.load_sampler(alone, latent_shape=(10, 1, 1))


def test_parameters_that_do_not_fit_the_symbol(tmp_path):
    symbol = written(tmp_path)
    with pytest.raises(ArgumentError, match="do not decide the shape of a latent"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=grown(channels=1))
    with pytest.raises(CheckpointError, match=r"'up_weight' of the generator is \(7, 3, 8, 8\) in the file and \(9, 3"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=symbol, latent_shape=(9, 1, 1))
    with pytest.raises(ArgumentError, match="not in the file are noise, down_weight. Give --input"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=grown("down"))


def test_a_grey_symbol_of_mxnets_own_example_beside_its_file(tmp_path):
    """Its last Deconvolution, to one channel, is what MXNet alone cannot compute; ours has other operators there."""
    sides, layer = iter((16, 8, 4)), mx.sym.Variable("noise")
    layer = mx.sym.Deconvolution(layer, name="g1", kernel=(4, 4), num_filter=next(sides), no_bias=True)
    grow = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "no_bias": True}
    for i in (2, 3, 4):
        layer = mx.sym.BatchNorm(layer, name=f"gbn{i - 1}", fix_gamma=True, eps=1e-5 + 1e-12)
        layer = mx.sym.Activation(layer, name=f"gact{i - 1}", act_type="relu")
        layer = mx.sym.Deconvolution(layer, name=f"g{i}", num_filter=next(sides, 1), **grow)
    written(tmp_path, mx.sym.Activation(layer, name="gact4", act_type="tanh")).save(str(tmp_path / "gen-symbol.json"))
    drawn = mxgan.load_sampler(tmp_path / "gen-0003.params").draw(5)
    assert drawn.shape == (5, 1, 32, 32)
    alone = shutil.copy(tmp_path / "gen-0003.params", tmp_path / "alone.params")
    np.testing.assert_allclose(mxgan.load_sampler(alone).draw(5), drawn, atol=1e-5)


def test_a_checkpoint_s_file_draws_with_its_run_s_distribution(tmp_path):
    recipe = override(mxgan.RECIPES["dcgan"], {"image_size": 16, "ngf": 4, "ndf": 4, "batch_size": 8})
    config = mxgan.RunConfig(override(recipe, {"latent_distribution": "uniform"}), dataset="digits", steps=2)
    session = mxgan.start(config, run_dir=tmp_path / "run", display="none")
    session.run()
    file = next((tmp_path / "run" / "checkpoints").glob("*/*_G_*.params"))
    expected = mxgan.load_sampler(tmp_path / "run").draw(4)
    np.testing.assert_array_equal(mxgan.load_sampler(file).draw(4), expected)
    assert np.abs(mxgan.load_sampler(file, distribution="normal").draw(4) - expected).max() > 0
    with pytest.raises(ArgumentError, match="distribution: only for a .params file"):
        mxgan.load_sampler(tmp_path / "run", distribution="normal")
