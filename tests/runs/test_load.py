"""Samplers of .params files: the symbol beside them, what decides the images, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.runs.sources import symbol_beside
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
    config = replace(config, recipe=override(recipe, {"ema": None, **changes, **channels}))
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
        (tmp_path / name).write_text('{"nodes": []}')
        assert beside("a-0090.params") == name
    assert beside("a-90.params") is None  # no epoch of MXNet's: four digits
    (tmp_path / "b.json").write_text('{"lr": 0.1}')  # settings of a program
    assert beside("b.params") is None
    for name in ("b.json", "b-symbol.json"):
        (tmp_path / name).write_text('{"nodes": []}')
        assert beside("b.params") == beside("b") == name
    (tmp_path / "digits_G_2026-symbol.json").touch()
    assert beside("digits_G_2026-0001.params") == beside("digits_E_2026-0001.params") == "digits_G_2026-symbol.json"
    assert beside("digits_D_2026-0001.params") is None
    written(tmp_path).save(str(tmp_path / "gen-symbol.json"))
    with caplog.at_level("INFO"):
        mxgan.load_sampler(tmp_path / "gen-0003.params")
    said = "latents: input 'noise', shape (7, 1, 1)"
    assert caplog.messages == [f"symbol: {tmp_path / 'gen-symbol.json'}; {said}, normal (assumed)"]
    caplog.clear()
    with caplog.at_level("INFO"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", distribution="uniform")
    assert caplog.messages == [f"symbol: {tmp_path / 'gen-symbol.json'}; {said}, uniform"]


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
    with pytest.raises(
        ArgumentError,
        match=r"--symbol \(symbol=…\), --input \(input_name=…\): only for a .params file; .* is a run folder, which",
    ):
        mxgan.load_sampler(tmp_path / "run", symbol="a.json", input_name="noise")
    (file,) = RunFolder(tmp_path / "run").latest_checkpoint().glob("*_G_*.params")
    alone = shutil.copy(file, tmp_path / "alone.params")
    with pytest.raises(
        ArgumentError, match=r"--latent \(latent_shape=…\): only for a .params file with a symbol; .* give --symbol \("
    ):
        mxgan.load_sampler(alone, latent_shape=(10, 1, 1))


def test_parameters_that_do_not_fit_the_symbol(tmp_path):
    symbol = written(tmp_path)
    with pytest.raises(ArgumentError, match="do not decide the shape of a latent"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=grown(channels=1))
    with pytest.raises(CheckpointError, match=r"'up_weight' of the generator is \(7, 3, 8, 8\) in the file and \(9, 3"):
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=symbol, latent_shape=(9, 1, 1))
    with pytest.raises(
        ArgumentError, match="Inputs without a parameter in the file: noise, down_weight. Choose one with --input"
    ):
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


@pytest.fixture(scope="module")
def uniform_run(tmp_path_factory):
    """The folder of a run with uniform latents."""
    recipe = override(tiny_config(steps=1).recipe, {"latent_distribution": "uniform"})
    folder = tmp_path_factory.mktemp("uniform") / "run"
    mxgan.start(replace(tiny_config(steps=1), recipe=recipe), folder, "none", progress=False).run()
    return folder


def file_of(run):
    (file,) = RunFolder(run).latest_checkpoint().glob("*_G_*.params")
    return file


def test_a_checkpoint_s_file_draws_with_its_run_s_distribution(uniform_run, tmp_path, caplog):
    file, expected = file_of(uniform_run), mxgan.load_sampler(uniform_run, averaged=False).draw(4)
    link = tmp_path / "link"
    link.symlink_to(uniform_run)
    (tmp_path / "file.params").symlink_to(file)
    around = uniform_run / "samples" / ".." / "checkpoints" / file.parent.name / ".." / file.parent.name / file.name
    for path in (file, around, file_of(link), tmp_path / "file.params"):
        with caplog.at_level("INFO"):
            np.testing.assert_array_equal(mxgan.load_sampler(path).draw(4), expected)
    assert "shape (10, 1, 1), uniform" in caplog.messages[0]
    assert np.abs(mxgan.load_sampler(file, distribution="normal").draw(4) - expected).max() > 0
    with pytest.raises(
        ArgumentError, match=r"--distribution \(distribution=…\): only for a .params file; .* run folder"
    ):
        mxgan.load_sampler(uniform_run, distribution="normal")


def test_a_file_away_from_its_run_is_said_to_be_assumed_normal(uniform_run, tmp_path, caplog):
    expected = mxgan.load_sampler(uniform_run, averaged=False).draw(4)
    copied = shutil.copytree(file_of(uniform_run).parent, tmp_path / "copied")
    (copy,) = copied.glob("*_G_*.params")
    alone = shutil.copy(copy, tmp_path / "alone.params")
    for file, words in (
        (copy, "shape (10, 1, 1), normal (assumed)"),
        (alone, "assumed are eps 1e-05, distribution normal. Its symbol or its run folder shows them"),
    ):
        caplog.clear()
        with caplog.at_level("INFO"):
            assert np.abs(mxgan.load_sampler(file).draw(4) - expected).max() > 0
        assert words in caplog.text
        caplog.clear()
        with caplog.at_level("INFO"):
            np.testing.assert_array_equal(mxgan.load_sampler(file, distribution="uniform").draw(4), expected)
        assert "assumed are eps 1e-05. Its" in caplog.text or "shape (10, 1, 1), uniform" in caplog.text


def test_a_run_s_config_that_is_broken_is_not_needed(uniform_run, tmp_path):
    run = shutil.copytree(uniform_run, tmp_path / "run")
    expected = mxgan.load_sampler(uniform_run, averaged=False).draw(2)
    (run / "config.json").write_text("{")
    with pytest.raises(
        CheckpointError, match=r"whose config.json cannot be read, .* --distribution normal or uniform \("
    ):
        mxgan.load_sampler(file_of(run))
    np.testing.assert_array_equal(mxgan.load_sampler(file_of(run), distribution="uniform").draw(2), expected)


def test_settings_of_a_run_are_refused_for_one_file(uniform_run, tmp_path):
    file = file_of(uniform_run)
    with pytest.raises(ArgumentError, match=r"--checkpoint 77 \(checkpoint=…\): only for a run folder; .* is one file"):
        mxgan.load_sampler(file, checkpoint=77)
    average = shutil.copy(file, tmp_path / file.name.replace("_G_", "_E_"))
    with pytest.raises(
        ArgumentError, match=r"is the average of a generator's weights .* \(--raw\), give the file with _G_"
    ):
        mxgan.load_sampler(average, averaged=False)
    assert mxgan.load_sampler(file, averaged=False).draw(1).shape == mxgan.load_sampler(average).draw(1).shape


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"latent_shape": 7}, r"latent_shape is 7; give the shape of one latent, such as \(100, 1, 1\)"),
        ({"latent_shape": "7,1,1"}, "latent_shape is '7,1,1'"),
        ({"latent_shape": (7.5, 1, 1)}, r"latent_shape is \(7.5, 1, 1\)"),
        ({"latent_shape": (True, 1, 1)}, r"latent_shape is \(True, 1, 1\)"),
        ({"symbol": {}}, "symbol is of the type dict; give a .json file, or an mx.sym.Symbol"),
        ({"symbol": 5}, "symbol is of the type int"),
        ({"symbol": mx.gluon.nn.Dense(3)}, "symbol is of the type Dense"),
        ({"batch_size": "3"}, "batch_size is '3'; give a whole number from 1"),
        ({"batch_size": 0}, "batch_size is 0; give a whole number from 1"),
        ({"distribution": ""}, "unknown distribution of latents ''"),
    ],
)
def test_settings_of_another_type_are_refused_in_words(settings, words, tmp_path):
    symbol = written(tmp_path)
    with pytest.raises(ArgumentError, match=words):
        mxgan.load_sampler(tmp_path / "gen-0003.params", **{"symbol": symbol, **settings})


def test_a_symbol_itself_is_no_path_of_one():
    with pytest.raises(ArgumentError, match="path is of the type Symbol; give the path of a symbol's .json file"):
        mxgan.load_symbol(grown())


def test_a_symbol_with_its_batch_and_more_parameters_than_it_has(tmp_path, caplog):
    """What the file and the symbol of an old program often are: one file for all, and a batch in a Reshape."""
    data = mx.sym.FullyConnected(mx.sym.Variable("z"), name="fc", num_hidden=64)
    symbol = mx.sym.sigmoid(mx.sym.Reshape(data, shape=(10, 1, 8, 8)))
    weight = np.random.default_rng(0).standard_normal((64, 3)).astype("f")
    arrays = {"arg:fc_weight": mx.nd.array(weight), "arg:fc_bias": mx.nd.zeros(64), "arg:d_weight": mx.nd.zeros(3)}
    mx.nd.save(str(tmp_path / "a.params"), arrays)
    with caplog.at_level("INFO"):
        sampler = mxgan.load_sampler(tmp_path / "a.params", symbol=symbol)
    for words in ("left out, since the symbol does not have them: d_weight", "10 at once, the batch in the symbol"):
        assert words in caplog.text
    expected = np.tanh(sampler.latents(13, 0) @ weight.T / 2).reshape(13, 1, 8, 8)
    np.testing.assert_allclose(sampler.draw(13), expected, atol=1e-5)


def test_images_without_a_value_below_0_are_said_of_foreign_files(tmp_path, caplog):
    for symbol, said in ((mx.sym.relu(grown()), True), (mx.sym.tanh(mx.sym.square(grown())), False)):
        written(tmp_path, symbol)
        caplog.clear()
        mxgan.load_sampler(tmp_path / "gen-0003.params", symbol=symbol / 1e3 if said else symbol).draw(2)
        assert ("No value of the images is below 0" in caplog.text) == said
