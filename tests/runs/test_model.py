"""Models of runs and of .params files: each half with its inputs, and what the run says of itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, ShapeError
from mxgan.export.computing import computed
from mxgan.runs.evaluation_files import save_evaluation
from mxgan.runs.file_settings import FileSettings
from mxgan.runs.model import model_of
from mxgan.runtime import mx
from mxgan.runtime.config import override
from mxgan.training.run_folder import RunFolder
from tests.support import assert_same, tiny_config
from tests.test_recipes import small


def trained(folder, recipe="dcgan", steps=1, **settings):
    config = tiny_config(steps=steps, checkpoint_every=1, sample_every=100)
    config = small(recipe, steps=steps) if recipe != "dcgan" else config
    config = replace(config, recipe=override(config.recipe, {"ema": None, **settings}))
    mxgan.start(config, folder, "none", progress=False).run()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two checkpoints with an average."""
    return trained(tmp_path_factory.mktemp("model") / "run", steps=2, ema=0.5)


def file_of(run, half: str):
    (found,) = RunFolder(run).latest_checkpoint().glob(f"*_{half}_*.params")
    return found


def test_a_generator_is_that_of_its_sampler(run):
    for averaged in (None, False):
        model, sampler = model_of(run, averaged=averaged), mxgan.load_sampler(run, averaged=averaged)
        assert (model.half, model.inputs, model.outputs) == ("generator", {"rand": (10, 1, 1)}, ("image",))
        latents = sampler.latents(3, 0)
        np.testing.assert_allclose(computed(model, {"rand": latents})[0], sampler.sample(latents), atol=1e-6)
    raw, average, first = model_of(run, averaged=False), model_of(run), model_of(run, checkpoint=1)
    assert [m.facts["weights"] for m in (raw, average, first)] == ["raw", "average", "average"]
    assert [m.facts["step"] for m in (raw, average, first)] == [2, 2, 1]
    assert not np.array_equal(raw.parameters["g1_weight"], average.parameters["g1_weight"])


def test_the_facts_of_a_run(run):
    facts = model_of(run).facts
    assert facts["recipe"] == "dcgan"
    assert facts["settings"] == {
        "batch_size": 32, "ema": 0.5, "network.image_size": 16, "network.latent_size": 10, "network.ndf": 4,
        "network.ngf": 4,
    }  # fmt: skip
    assert facts["source"].startswith("Radford et al. 2016")
    assert (facts["epoch"], facts["seed"], facts["batch_size"]) == (0, 0, 32)
    assert (facts["dataset"], facts["data_fingerprint"]["count"]) == ("digits", 1797)
    assert facts["data_classes"] == list("0123456789")
    assert facts["library"] == f"mxgan {mxgan.__version__}"
    assert facts["license"] == "unknown"
    assert json.loads(json.dumps(facts)) == facts


def test_a_recipe_of_the_users_own_has_no_name(tmp_path):
    facts = model_of(trained(tmp_path / "run", summary="my own", source="nobody")).facts
    assert (facts["recipe"], facts["settings"], facts["summary"]) == (None, {}, "my own")


def test_only_scores_of_the_same_weights_are_told(run, tmp_path, caplog):
    run = shutil.copytree(run, tmp_path / "run")
    for averaged in (True, False):
        save_evaluation(run, mxgan.evaluate(run, metrics=["swd"], samples=100, averaged=averaged, progress=False))
    for averaged, weights in ((True, "average"), (False, "raw")):
        (record,) = model_of(run, averaged=averaged).facts["scores"]
        assert record["protocol"]["weights"] == weights
        assert record["results"]["swd"]["value"] > 0
    assert model_of(run, checkpoint=1).facts["scores"] == []
    assert model_of(run, half="discriminator").facts["scores"] == []
    (first, *_) = sorted(RunFolder(run).evaluations.iterdir())
    other = json.loads(first.read_text())
    other["protocol"]["generator_sha256"] = "0" * 64  # of a run that was trained again in this folder
    first.write_text(json.dumps(other))
    (RunFolder(run).evaluations / "broken.json").write_text("{")
    (RunFolder(run).evaluations / "list.json").write_text("[]")
    assert sum(len(model_of(run, averaged=each).facts["scores"]) for each in (True, False)) == 1
    said = [message for message in caplog.messages if "left out of the scores" in message]
    assert any("broken.json" in message for message in said)
    assert any("left out of the scores: evaluation/list.json is not a file of `mxgan evaluate`" in m for m in said)


def test_names_that_utf_8_does_not_have_are_written_all_the_same(run, tmp_path):
    run = shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    record["run"]["recipe"]["summary"] = record["data"]["name"] = "half \udcff\ud800 a name"
    (run / "config.json").write_text(json.dumps(record))
    facts = model_of(run).facts
    assert facts["summary"] == facts["data_fingerprint"]["name"] == "half \ufffd\ufffd a name"
    assert json.dumps(facts, ensure_ascii=False).encode()


HINGE = {"objective": "hinge_loss", "real_label": 1.0, "spectral_norm": True}


@pytest.mark.parametrize("recipe, settings", [("dcgan", HINGE), ("cgan", {}), ("ssgan", {})])
def test_a_discriminator_of_a_file_is_that_of_its_run(recipe, settings, tmp_path):
    """Heads, losses, labels and the choice between labelled and other images are left out; the raw score stays."""
    run = trained(tmp_path / "run", recipe, **settings)
    known = model_of(run, "discriminator")
    file = file_of(run, "D")
    found = model_of(file, "discriminator")
    alone = shutil.copy(file, tmp_path / "d.params")
    shutil.copy(next(file.parent.glob("*_D_*.json")), tmp_path / "d-symbol.json")
    for model in (found, model_of(alone, "discriminator")):
        assert (model.inputs, model.outputs, model.classes) == (known.inputs, known.outputs, known.classes)
        assert_same(dict(model.parameters), dict(known.parameters))
        values = {"data": np.tanh(np.random.default_rng(0).standard_normal((4, *known.inputs["data"]))).astype("f")}
        values.update({"class_label": np.arange(4)} if known.classes else {})
        for one, other in zip(computed(model, values), computed(known, values)):
            np.testing.assert_array_equal(one, other)
    assert known.facts["step"] == 1
    assert model_of(alone, "discriminator").facts["file"] == "d.params"


def test_the_raw_score_is_the_logit_of_the_prediction(run):
    model, file = model_of(run, "discriminator"), file_of(run, "D")
    data = np.tanh(np.random.default_rng(0).standard_normal((4, 3, 16, 16))).astype("f")
    symbol = mxgan.load_symbol(next(file.parent.glob("*_D_*.json")))
    arguments, states = mxgan.load_params(file)
    arguments.update(data=mx.nd.array(data), label=mx.nd.zeros(4))
    executor = symbol.bind(mx.cpu(), arguments, grad_req="null", aux_states=states)
    prediction = executor.forward(is_train=False)[0].asnumpy()
    (score,) = computed(model, {"data": data})
    np.testing.assert_allclose(1 / (1 + np.exp(-score.astype(np.float64))), prediction, rtol=1e-6)


def foreign(folder, last=None, pooled=False):
    """A discriminator of another program: input `pictures`, two layers, a sigmoid."""
    layer = mx.sym.Convolution(mx.sym.Variable("pictures"), name="c1", kernel=(4, 4), stride=(2, 2), num_filter=3)
    layer = mx.sym.Pooling(layer, global_pool=True, kernel=(1, 1), pool_type="avg") if pooled else layer
    score = mx.sym.FullyConnected(layer, name="f1", num_hidden=1)
    symbol = score if last is None else last(score)
    module = mx.mod.Module(symbol, ["pictures"], None)
    module.bind([("pictures", (2, 3, 12, 12))], for_training=False)
    module.init_params(mx.init.Normal(0.5))
    module.save_params(str(folder / "d-0001.params"))
    symbol.save(str(folder / "d-symbol.json"))
    return folder / "d-0001.params"


@pytest.mark.parametrize("last", [None, mx.sym.sigmoid, lambda score: mx.sym.Activation(score, act_type="sigmoid")])
def test_a_foreign_discriminator_is_used_by_its_logit(last, tmp_path, caplog):
    with caplog.at_level("INFO"):
        model = model_of(foreign(tmp_path, last), "discriminator")
    assert model.inputs == {"data": (3, 12, 12)}
    assert model.symbol.list_outputs() == ["f1_output"]
    assert "images: input 'pictures', shape (3, 12, 12); images (3, 12, 12) (the parameters allow sides up to 13)" in (
        caplog.text
    )


def test_images_that_the_parameters_do_not_decide_must_be_given(tmp_path):
    file = foreign(tmp_path, pooled=True)
    with pytest.raises(ArgumentError, match=r"do not decide the shape of an image\. Give it as --image 3,64,64"):
        model_of(file, "discriminator")
    given = FileSettings(image_shape=(3, 20, 14))
    assert model_of(file, "discriminator", given=given).inputs == {"data": (3, 20, 14)}
    for wrong in ((1, 20, 20), (20, 20)):
        with pytest.raises(ShapeError, match=r"do not fit the discriminator's parameters; give the shape of one image"):
            model_of(file, "discriminator", given=FileSettings(image_shape=wrong))


def test_the_wrong_half_and_settings_of_the_other_half_are_refused(run, tmp_path):
    generator, discriminator = file_of(run, "G"), file_of(run, "D")
    with pytest.raises(ArgumentError, match=r"takes latents \('rand'\) and no images: it is a generator's"):
        model_of(generator, "discriminator")
    with pytest.raises(CheckpointError, match="these are a discriminator's parameters"):
        model_of(discriminator)
    with pytest.raises(ArgumentError, match="unknown half 'discriminater'; did you mean 'discriminator'"):
        model_of(run, "discriminater")
    with pytest.raises(ArgumentError, match="has no average of the discriminator .*; leave --ema"):
        model_of(run, "discriminator", averaged=True)
    with pytest.raises(ArgumentError, match=r"--image \(image_shape=…\): only for a discriminator"):
        model_of(generator, given=FileSettings(image_shape=(3, 16, 16)))
    with pytest.raises(ArgumentError, match=r"--latent \(latent_shape=…\): only for a generator"):
        model_of(discriminator, "discriminator", given=FileSettings(latent_shape=(10, 1, 1)))
    alone = shutil.copy(discriminator, tmp_path / "alone.params")
    with pytest.raises(ArgumentError, match="has no symbol beside it, and a discriminator's file alone does not tell"):
        model_of(alone, "discriminator")
    with pytest.raises(CheckpointError, match="nothing does not exist; give a run folder or a .params file of a disc"):
        model_of(tmp_path / "nothing", "discriminator")


def test_a_symbol_of_one_batch_is_refused(tmp_path):
    data = mx.sym.Reshape(mx.sym.Variable("rand"), shape=(5, 7, 1, 1))
    symbol = mx.sym.tanh(mx.sym.Deconvolution(data, name="up", kernel=(8, 8), num_filter=3))
    module = mx.mod.Module(symbol, ["rand"], None)
    module.bind([("rand", (5, 7))], for_training=False)
    module.init_params(mx.init.Normal(0.5))
    module.save_params(str(tmp_path / "g.params"))
    symbol.save(str(tmp_path / "g.json"))
    with pytest.raises(ArgumentError, match="has the batch 5 of its program in it, and an exported network takes any"):
        model_of(tmp_path / "g.params")


def test_a_range_that_the_last_layer_does_not_tell_is_not_claimed(tmp_path):
    symbol = mx.sym.Deconvolution(mx.sym.Variable("rand"), name="up", kernel=(8, 8), num_filter=3)
    module = mx.mod.Module(symbol, ["rand"], None)
    module.bind([("rand", (2, 7, 1, 1))], for_training=False)
    module.init_params(mx.init.Normal(0.5))
    module.save_params(str(tmp_path / "g.params"))
    for made, said in ((symbol, "not known"), (mx.sym.tanh(symbol), "images in [-1, 1]")):
        assert model_of(tmp_path / "g.params", given=FileSettings(symbol=made)).facts["normalisation"] == said
