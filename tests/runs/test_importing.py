"""Networks of other programs as runs: the same images, the same scores, and training that goes on."""

from __future__ import annotations

import json
import shutil
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, MXGANError, RunFolderError, ShapeError
from mxgan.export import write_model
from mxgan.export.computing import computed
from mxgan.export.model import Model
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import Symbols
from mxgan.runs.config import recorded_config
from mxgan.runs.model import model_of
from mxgan.runtime import mx
from mxgan.runtime.config import to_dict
from mxgan.runtime.draws import rng_for
from mxgan.training.run_folder import RunFolder
from tests.export.models import FORMS
from tests.networks import torch_dcgan
from tests.support import SMALLER, gluon_generator, long_but, params_of

SMALL = {"batch_size": 4, "limit": 40, "diagnose": False}


def imported(file, run, **given) -> Path:
    return mxgan.import_model(file, run, settings={**SMALL, **given.pop("settings", {})}, **given)


def network_of(run: Path):
    return recorded_config(RunFolder.open(run)).recipe.network


def train_on(run: Path, steps: int, **changes):
    session = mxgan.resume(run, steps=steps, display="none", progress=False, **changes)
    session.run()
    return session


def torch_pair(folder: Path, sides: int = 16, channels: int = 3, steps: int = 0) -> tuple:
    """(G, D) of PyTorch in eval mode, saved as g.pt and d.pt."""
    torch = pytest.importorskip("torch")
    pair = torch_dcgan.generator(sides, channels), torch_dcgan.discriminator(sides, channels)
    pair = torch_dcgan.trained(*pair, steps=steps)
    for name, network in zip(("g.pt", "d.pt"), pair):
        torch.save(torch_dcgan.named(network), folder / name)
    return pair


def drawn_by_torch(network, values: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return network(torch.tensor(values)).numpy()


# ---- PyTorch ----


@pytest.mark.parametrize("sides, channels, steps", [(32, 1, 0), (64, 3, 3)])
def test_images_and_scores_are_those_of_torch(sides, channels, steps, tmp_path):
    maker, judge = torch_pair(tmp_path, sides, channels, steps)
    run = imported(tmp_path / "g.pt", tmp_path / "run", discriminator=tmp_path / "d.pt")
    sampler = mxgan.load_sampler(run)
    latents = sampler.latents(9, seed=1)
    images = sampler.sample(latents)
    assert images.shape == (9, channels, sides, sides)
    assert images.std() > 0.1
    np.testing.assert_allclose(images, drawn_by_torch(maker, latents), atol=1e-5, rtol=0)
    (scores,) = computed(model_of(run, "discriminator"), {"data": images})
    np.testing.assert_allclose(scores[:, 0], drawn_by_torch(judge[:-1], images).reshape(-1), atol=1e-5, rtol=1e-4)


def test_one_file_of_both_and_a_safetensors_are_the_same_run(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    pair = torch_pair(tmp_path)
    torch.save({"netG": pair[0].state_dict(), "netD": pair[1].state_dict(), "epoch": 3}, tmp_path / "both.pth")
    for name, network in zip(("g", "d"), pair):
        save_file(torch_dcgan.named(network, "module.main."), tmp_path / f"{name}.safetensors")
    runs = [
        imported(tmp_path / "g.pt", tmp_path / "1", discriminator=tmp_path / "d.pt"),
        imported(tmp_path / "both.pth", tmp_path / "2"),
        imported(tmp_path / "g.safetensors", tmp_path / "3", discriminator=tmp_path / "d.safetensors"),
    ]
    files = [[path.read_bytes() for path in sorted((run / "checkpoints" / "000000").glob("*.params"))] for run in runs]
    assert [len(each) for each in files] == [2, 2, 2]
    assert files[0] == files[1] == files[2]


def test_the_settings_are_those_of_the_example_and_may_be_others(tmp_path):
    torch_pair(tmp_path)
    run = mxgan.import_model(tmp_path / "g.pt", tmp_path / "run")
    recipe = recorded_config(RunFolder.open(run)).recipe
    assert (recipe.batch_size, recipe.objective, recipe.real_label) == (64, "gan", 1.0)
    assert recipe.generator_optimizer == recipe.discriminator_optimizer == mxgan.OptimizerConfig("adam", 2e-4)
    assert recipe.discriminator_optimizer.settings["beta1"] == 0.5
    given = {"recipe": "lsgan", "distribution": "uniform", "settings": {"eps": 0.1, "seed": 3}}
    config = recorded_config(RunFolder.open(imported(tmp_path / "g.pt", tmp_path / "other", **given)))
    assert (config.recipe.objective, config.recipe.latent_distribution) == ("least_squares", "uniform")
    assert (config.recipe.network.eps, config.seed, config.recipe.batch_size) == (0.1, 3, 4)
    assert (mxgan.load_sampler(tmp_path / "other").draw(64) != mxgan.load_sampler(run).draw(64)).any()


def test_biases_that_only_some_layers_have_are_zero_in_the_others(tmp_path):
    torch = pytest.importorskip("torch")
    maker, _ = torch_pair(tmp_path, 32)
    maker[9].bias = torch.nn.Parameter(torch.tensor([0.1, -0.2, 0.3]))
    torch.save(maker.state_dict(), tmp_path / "g.pt")
    run = imported(tmp_path / "g.pt", tmp_path / "run", discriminator=tmp_path / "d.pt")
    sampler = mxgan.load_sampler(run)
    latents = sampler.latents(3, 0)
    np.testing.assert_allclose(sampler.sample(latents), drawn_by_torch(maker, latents), atol=1e-5, rtol=0)
    train_on(run, 1, dataset="digits")


def test_a_spectrally_normalised_recipe_goes_on_from_the_weights(tmp_path):
    _, judge = torch_pair(tmp_path, 32)
    run = imported(tmp_path / "g.pt", tmp_path / "run", discriminator=tmp_path / "d.pt", recipe="hinge")
    images = np.tanh(np.random.default_rng(0).standard_normal((4, 3, 32, 32))).astype("f")
    import torch

    for layer in judge:
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight.data /= torch.linalg.matrix_norm(layer.weight.data.flatten(1), 2)
    (scores,) = computed(model_of(run, "discriminator"), {"data": images})
    np.testing.assert_allclose(scores[:, 0], drawn_by_torch(judge[:-1], images).reshape(-1), rtol=1e-3, atol=1e-5)
    train_on(run, 1, dataset="digits")


# ---- training goes on ----


def test_two_and_two_steps_are_four(tmp_path):
    torch_pair(tmp_path)
    runs = [imported(tmp_path / "g.pt", tmp_path / n, discriminator=tmp_path / "d.pt", dataset="digits") for n in "ab"]
    whole = params_of(train_on(runs[0], 4).trainer.pair)
    train_on(runs[1], 2)
    parts = params_of(train_on(runs[1], 4).trainer.pair)
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)
    assert RunFolder.open(runs[1]).checkpoint_steps() == [0, 2, 4]
    with pytest.raises(ArgumentError, match="the run .* has other settings than those asked for"):
        mxgan.resume(runs[0], steps=6, limit=20)
    shutil.rmtree(runs[0] / "checkpoints")
    with pytest.raises(CheckpointError, match="was imported, and its checkpoints are missing"):
        mxgan.resume(runs[0], steps=6)
    config = json.loads((runs[1] / "config.json").read_text())
    assert config["imported"]["generator"]["file"] == "g.pt"
    assert config["data"]["count"] == 40


def test_a_step_after_the_import_is_torchs_own_step(tmp_path):
    """One step of plain SGD on the first latents and images, against PyTorch in the order of the example."""
    torch = pytest.importorskip("torch")
    maker, judge = torch_pair(tmp_path, 32)
    sgd = {"name": "sgd", "learning_rate": 0.1, "settings": {}}
    halves = ("generator", "discriminator")
    sgd = {f"{half}_optimizer.{name}": value for half in halves for name, value in sgd.items()}
    run = imported(tmp_path / "g.pt", tmp_path / "run", discriminator=tmp_path / "d.pt", dataset="digits", settings=sgd)
    session = mxgan.resume(run, steps=1, display="none", progress=False)
    trainer = session.trainer
    trainer.latents.seek(0)
    latents = torch.tensor(trainer.latents.next().data[0].asnumpy())
    trainer.data.reset()
    real = torch.tensor(trainer.data.next().data[0].asnumpy())
    session.run()
    for network in (maker, judge):
        network.train()
    fake = maker(latents)
    for network, given in ((judge, [(fake.detach(), 0.0), (real, 1.0)]), (maker, [(fake, 1.0)])):
        losses = [torch.nn.functional.binary_cross_entropy(judge(x).view(-1), torch.full((4,), y)) for x, y in given]
        parameters = list(network.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(sum(losses), parameters, retain_graph=True)):
            parameter.data -= 0.1 * gradient
    found = params_of(trainer.pair)
    np.testing.assert_allclose(found["g4_weight"], maker[9].weight.detach().numpy(), atol=2e-5)
    np.testing.assert_allclose(found["d1_weight"], judge[0].weight.detach().numpy(), atol=2e-5)
    np.testing.assert_allclose(found["dbn2_gamma"], judge[3].weight.detach().numpy(), atol=2e-5)


def test_rollback_and_evaluation_work_from_the_imported_checkpoint(tmp_path):
    from tests.support import Spoil

    torch_pair(tmp_path)
    both = {"discriminator": tmp_path / "d.pt", "settings": {"on_nan": "rollback"}}
    run = imported(tmp_path / "g.pt", tmp_path / "run", dataset="digits", **both)
    callbacks = [Spoil("generator", "g1_weight", 1)]
    session = mxgan.resume(run, steps=2, display="none", progress=False, callbacks=callbacks)
    session.run()
    assert (session.trainer.step, session.trainer.pair.learning_rate_scale) == (2, 0.5)
    assert mxgan.evaluate(run, 0, ["swd"], 100, progress=False).protocol["checkpoint"] == 0


def test_a_run_without_data_takes_them_later(tmp_path):
    torch_pair(tmp_path)
    run = imported(tmp_path / "g.pt", tmp_path / "run", discriminator=tmp_path / "d.pt")
    with pytest.raises(ArgumentError, match="imported without data, .* Give the data: --dataset NAME"):
        mxgan.resume(run, steps=1)
    with pytest.raises(ArgumentError, match="imported without data, .* Give the data: --dataset NAME"):
        mxgan.evaluate(run, metrics=["swd"], samples=100)
    found = mxgan.evaluate(run, metrics=["swd"], samples=100, dataset="digits", progress=False)
    assert found.protocol["checkpoint"] == 0
    train_on(run, 1, dataset="digits")
    assert json.loads((run / "config.json").read_text())["data"]["count"] == 40
    with pytest.raises(ArgumentError, match="dataset is 'mnist', and the run has the data set 'digits'"):
        mxgan.evaluate(run, dataset="mnist")
    with pytest.raises(ArgumentError, match='dataset: "digits" in the run, "mnist" asked for'):
        mxgan.resume(run, steps=2, dataset="mnist")


def test_a_generator_alone_makes_images_and_is_not_trained(tmp_path):
    torch_pair(tmp_path)
    run = imported(tmp_path / "g.pt", tmp_path / "run")
    assert mxgan.load_sampler(run).draw(2).shape == (2, 3, 16, 16)
    for action in (
        lambda: mxgan.resume(run, steps=1, dataset="digits"),
        lambda: mxgan.start_or_resume(recorded_config(RunFolder.open(run)), run),
        lambda: model_of(run, "discriminator"),
    ):
        with pytest.raises(CheckpointError, match="imported from a generator alone.* --discriminator FILE"):
            action()
    mxgan.evaluate(run, metrics=["swd"], samples=100, dataset="digits", progress=False)
    mxgan.export_model(run, tmp_path / "out", "npz")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| Imported from | g.pt, of a training that is not known |" in card
    assert "It was imported into mxgan; its training is not known." in card
    assert not {"recipe", "settings", "summary", "source"} & model_of(run).facts.keys()
    assert "What the network was trained on is not known." in card


# ---- MXNet ----


def saved(symbol, folder: Path, name: str, data: dict, labels: dict = {}, beside: bool = True) -> Path:  # noqa: B006
    """Write NAME.params of a symbol with drawn parameters, and the symbol beside it."""
    module = mx.mod.Module(symbol, list(data), list(labels) or None)
    module.bind(list(data.items()), list(labels.items()) or None)
    mx.random.seed(1)
    module.init_params(mx.init.Normal(0.2))
    module.save_params(str(folder / f"{name}.params"))
    if beside:
        symbol.save(str(folder / f"{name}-symbol.json"))
    return folder / f"{name}.params"


@pytest.mark.parametrize("beside", [False, True])
def test_files_of_mxnets_own_example(beside, tmp_path):
    generator, discriminator = mxgan.make_dcgan_sym(4, 3, 3)
    first = saved(generator, tmp_path, "g", {"rand": (2, 10, 1, 1)}, beside=beside)
    second = saved(discriminator, tmp_path, "d", {"data": (2, 3, 64, 64)}, {"label": (2,)}, beside=beside)
    drawn = mxgan.load_sampler(first).draw(3)
    run = imported(first, tmp_path / "run", discriminator=second, dataset="digits")
    np.testing.assert_array_equal(mxgan.load_sampler(run).draw(3), drawn)
    network = network_of(run)
    assert isinstance(network, Symbols) if beside else (network.ngf, network.ndf) == (4, 3)
    train_on(run, 1)


def test_mxgans_own_networks_are_known_by_both_halves(tmp_path):
    """acgan and cgan have the same generator; the discriminator tells which it is."""
    for name in ("auxiliary-dcgan", "semi-supervised-dcgan", "mlp"):
        row = mxgan.NETWORKS[name]
        own = {"minibatch_kernels": 3, "classes": 4} if name.startswith("semi") else {}
        network = row(**{**SMALLER[name], **own, **({"discriminator_widths": (9, 7)} if name == "mlp" else {})})
        first = saved(network.generator(), tmp_path, f"{name}-g", network.generator_inputs(2), beside=False)
        second = saved(network.discriminator(), tmp_path, f"{name}-d", network.images(2), beside=False)
        found = network_of(imported(first, tmp_path / name, discriminator=second))
        assert found == replace(network, **{field: getattr(found, field) for field in network.assumed})
    with pytest.raises(CheckpointError, match="are not those of the generator's network, .* --discriminator-symbol"):
        imported(first, tmp_path / "run", discriminator=tmp_path / "auxiliary-dcgan-d.params")


def test_a_pair_of_gluon_whose_halves_have_the_same_names(tmp_path):
    generator, nn = gluon_generator(), mx.gluon.nn
    discriminator = nn.HybridSequential(prefix=generator.prefix)
    with discriminator.name_scope():
        discriminator.add(nn.Conv2D(4, 4, 2, 1), nn.BatchNorm(), nn.LeakyReLU(0.2), nn.Conv2D(1, 4))
        discriminator.add(nn.Activation("sigmoid"))
    discriminator.initialize(mx.init.Normal(0.3))
    discriminator.hybridize()
    images = mx.nd.array(np.tanh(np.random.default_rng(0).standard_normal((2, 3, 8, 8))))
    probabilities = discriminator(images).asnumpy().reshape(-1)
    generator.export(str(tmp_path / "g"))
    discriminator.export(str(tmp_path / "d"))
    run = imported(
        tmp_path / "g-0000.params", tmp_path / "run", discriminator=tmp_path / "d-0000.params", dataset="digits"
    )
    drawn = mxgan.load_sampler(tmp_path / "g-0000.params").draw(3)
    np.testing.assert_array_equal(mxgan.load_sampler(run).draw(3), drawn)
    model = model_of(run, "discriminator")
    (scores,) = computed(model, {"data": images.asnumpy()})
    np.testing.assert_allclose(1 / (1 + np.exp(-scores[:, 0])), probabilities, rtol=1e-5)
    assert all(name.startswith("d_") for name in model.parameters)
    session = mxgan.resume(run, steps=1, display="none", progress=False)
    before = params_of(session.trainer.pair)
    session.run()
    after = params_of(session.trainer.pair)
    assert all((before[name] != after[name]).any() for name in before if name.endswith("weight"))


def test_a_pair_of_images_from_zero_to_one_in_flat_form(tmp_path):
    hidden = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.Variable("z"), num_hidden=8, name="a"), act_type="relu")
    generator = mx.sym.Activation(mx.sym.FullyConnected(hidden, num_hidden=256, name="b"), act_type="sigmoid")
    seen = mx.sym.FullyConnected(mx.sym.Variable("im"), num_hidden=1, name="c")
    discriminator = mx.sym.LogisticRegressionOutput(seen, mx.sym.Variable("lab"), name="out")
    first = saved(generator, tmp_path, "g", {"z": (2, 5)})
    second = saved(discriminator, tmp_path, "d", {"im": (2, 256)}, {"lab": (2, 1)})
    run = imported(first, tmp_path / "run", discriminator=second, dataset="digits")
    assert network_of(run).image_shape == (1, 16, 16)
    assert list(model_of(run).facts["network"]) == ["name", "nc", "image_size", "latent", "classes"]
    weights = mxgan.load_params(second)[0]
    images = np.tanh(np.random.default_rng(0).standard_normal((3, 1, 16, 16))).astype("f")
    (scores,) = computed(model_of(run, "discriminator"), {"data": images})
    expected = (images.reshape(3, -1) + 1) / 2 @ weights["c_weight"].asnumpy().T + weights["c_bias"].asnumpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    train_on(run, 1)


def test_the_symbols_of_a_run_are_read_as_a_strangers(tmp_path):
    generator, _ = mxgan.make_dcgan_sym(4, 3, 3)
    run = imported(saved(generator, tmp_path, "g", {"rand": (2, 10, 1, 1)}), tmp_path / "run")
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace('\\"op\\":\\"Deconvolution\\"', '\\"op\\":\\"Custom\\"', 1))
    assert (run / "config.json").read_text() != config
    with pytest.raises(CorruptFileError, match="operator 'Custom', which is not accepted from a file"):
        mxgan.load_sampler(run)


# ---- mxgan's own exports ----


def small_run(recipe: str, folder: Path) -> Path:
    recipe = mxgan.RECIPES[recipe]
    network = replace(recipe.network, **SMALLER[recipe.network.name])
    few = {"labelled_per_class": 2} if recipe.labelled_per_class else {}
    recipe = replace(recipe, network=network, batch_size=16, run_name=None, **few)
    config = mxgan.RunConfig(recipe=recipe, dataset="digits", steps=2, diagnose=False)
    mxgan.start(config, folder, "none", progress=False).run()
    return folder


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory):
    """small_runs(recipe): a run of two steps, made once."""
    top = tmp_path_factory.mktemp("small")
    return cache(lambda recipe: small_run(recipe, top / recipe))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("recipe", long_but(mxgan.RECIPES, "hinge"))
def test_every_recipe_comes_back_from_every_format(recipe, form, small_runs, tmp_path):
    run, options = small_runs(recipe), {"keep_batch_norm": True} if form == "onnx" else {}
    before, drawn = recorded_config(RunFolder.open(run)).recipe, mxgan.load_sampler(run).draw(5)
    for half in ("generator", "discriminator"):
        (tmp_path / half).mkdir()
        write_model(model_of(run, half), tmp_path / half, form, options)
    (file,) = [path for path in (tmp_path / "generator").glob("model*") if path.suffix not in (".py", ".json")]
    back = mxgan.import_model(file, tmp_path / "run", discriminator=tmp_path / "discriminator", dataset="digits")
    exact = form in ("npz", "safetensors")
    np.testing.assert_allclose(mxgan.load_sampler(back).draw(5), drawn, atol=0 if exact else 1e-5, rtol=0)
    assert recorded_config(RunFolder.open(back)).recipe == before
    if before.network.generator_classes:
        assert mxgan.load_sampler(back).class_names == mxgan.load_sampler(run).class_names
    train_on(back, 1)


def test_facts_of_an_export_are_not_believed(tmp_path):
    run = small_run("dcgan", tmp_path / "run")
    (tmp_path / "out").mkdir()
    model = model_of(run, "generator")
    facts = {**model.facts, "network": {**model.facts["network"], "eps": 0.5}, "settings": {"no_such": 3}}
    write_model(replace(model, facts=facts), tmp_path / "out", "npz")
    back = imported(tmp_path / "out", tmp_path / "back")
    assert isinstance(network_of(back), Symbols)
    np.testing.assert_array_equal(mxgan.load_sampler(back).draw(3), mxgan.load_sampler(run).draw(3))


def exported_pair(folder: Path, network, **other) -> tuple:
    """The folders of G and D of a network with drawn parameters, whose facts tell the network, or other settings."""
    for half, symbol, sizes in (
        ("generator", network.generator(), network.generator_inputs(1)),
        ("discriminator", network.discriminator(), network.images(1)),
    ):
        rng, shapes = rng_for(half, 0, 0), parameter_shapes(symbol, sizes)
        arrays = {n: np.float32(np.abs(rng.normal(0, 0.2, s)) + 0.1) for group in shapes for n, s in group.items()}
        inputs = {name: shape[1:] for name, shape in sizes.items()}
        (folder / half).mkdir()
        facts = {"network": {**to_dict(network), **other}}
        write_model(Model(symbol, arrays, inputs, half, facts=facts), folder / half, "npz")
    return folder / "generator", folder / "discriminator"


SMALL_DCGAN = mxgan.DCGAN(ngf=4, ndf=3, image_size=16, latent_size=5)


@pytest.mark.parametrize("recipe", ["dcgan", "hinge"])
def test_a_pair_of_a_known_network_stays_one_under_every_recipe(recipe, tmp_path, caplog):
    first, second = exported_pair(tmp_path, SMALL_DCGAN)
    caplog.set_level("INFO", "mxgan")
    back = imported(first, tmp_path / "back", discriminator=second, recipe=recipe)
    assert network_of(back) == SMALL_DCGAN
    assert "is not the one that it holds" not in caplog.text


def test_a_network_that_the_arrays_do_not_have_takes_no_memory(tmp_path, caplog):
    first, _ = exported_pair(tmp_path, SMALL_DCGAN, ngf=2**22, no_bias=False)
    caplog.set_level("INFO", "mxgan")
    tracemalloc.start()
    back = imported(first, tmp_path / "back")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(network_of(back), Symbols)
    assert "is not the one that it holds" in caplog.text
    assert peak < 2**25  # a bias of 2²⁵ numbers would have 2²⁷ bytes


def test_facts_with_a_layer_for_every_byte_are_not_built(tmp_path):
    first, _ = exported_pair(tmp_path, SMALL_DCGAN)
    values = json.loads((first / "export.json").read_text())
    values["facts"]["network"] = {"name": "mlp", "generator_widths": [1] * 10**6}
    (first / "export.json").write_text(json.dumps(values, separators=(",", ":")))
    before = time.monotonic()
    imported(first, tmp_path / "back")
    assert time.monotonic() - before < 30  # 3 minutes to build them


@pytest.mark.parametrize("beside", [False, True])
def test_a_checkpoint_of_a_run_keeps_the_distribution_of_its_latents(beside, tmp_path, caplog):
    generator = SMALL_DCGAN.generator()
    file = saved(generator, tmp_path, "g", SMALL_DCGAN.generator_inputs(2), beside=beside)
    run = imported(file, tmp_path / "run", distribution="uniform")
    (file,) = (run / "checkpoints" / "000000").glob("*_G_*.params")
    caplog.set_level("INFO", "mxgan")
    for given, expected in ((None, "uniform"), ("normal", "normal")):
        back = imported(file, tmp_path / expected, distribution=given)
        assert recorded_config(RunFolder.open(back)).recipe.latent_distribution == expected
    assert "uniform latents, as of its run" in caplog.text
    (run / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="config.json cannot be read.*--distribution normal or uniform"):
        imported(file, tmp_path / "again")


def test_an_export_json_of_another_program_is_not_read(tmp_path):
    first, _ = exported_pair(tmp_path, SMALL_DCGAN)
    file = saved(SMALL_DCGAN.generator(), tmp_path, "g", SMALL_DCGAN.generator_inputs(2), beside=False)
    (tmp_path / "export.json").write_text('{"exported": "by a spreadsheet"}')
    imported(file, tmp_path / "run")
    (first / "export.json").write_text((first / "export.json").read_text().replace("sha256", "md5"))
    with pytest.raises(CorruptFileError, match="does not describe an export"):
        imported(first / "model.npz", tmp_path / "other")


# ---- what is refused, with nothing left behind ----


def entries(folder: Path) -> list:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_must_be_new_and_is_whole_or_not_there(tmp_path):
    torch_pair(tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="used exists and is not empty; nothing was changed"):
        imported(tmp_path / "g.pt", tmp_path / "used")
    assert entries(tmp_path / "used") == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    imported(tmp_path / "g.pt", tmp_path / "empty")
    assert entries(tmp_path / "empty") == ["checkpoints", "config.json", "samples"]
    with pytest.raises(RunFolderError, match="below cannot be written: .*Nothing is left of it"):
        imported(tmp_path / "g.pt", tmp_path / "g.pt" / "below")
    assert entries(tmp_path) == ["d.pt", "empty", "g.pt", "used"]


def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch):
    file = saved(SMALL_DCGAN.generator(), tmp_path, "g", SMALL_DCGAN.generator_inputs(2), beside=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(RunFolderError, match="is the current folder, or holds it; give a new --run-dir"):
        imported(file, ".")
    (tmp_path / "here" / "x").touch()
    assert entries(Path()) == ["x"]


def damaged(folder: Path, place: str, value: float, name: str = "g.pt"):
    import torch

    state = torch.load(folder / name, weights_only=True)
    state[place].view(-1)[0] = value
    torch.save(state, folder / "bad.pt")
    return folder / "bad.pt"


REFUSED = {
    "D as G": (lambda at: (at / "d.pt", {}), "d.pt holds a discriminator, and no generator"),
    "G as D": (lambda at: (at / "g.pt", {"discriminator": at / "g.pt"}), "g.pt holds a generator, and no discrim"),
    "NaN": (lambda at: (damaged(at, "main.0.weight", np.nan), {}), "'g1_weight' has values that are not finite"),
    "variance": (lambda at: (damaged(at, "main.1.running_var", -1.0), {}), "'gbn1_moving_var' of the generator is b"),
    "missing": (lambda at: (at / "none.pt", {}), "none.pt cannot be read: No such file"),
    "folder": (lambda at: (at, {}), "is a folder without export.json"),
    "kind": (lambda at: (at / "text", {}), "text is of a kind that cannot be imported; it begins with b'hello'"),
    "recipe": (lambda at: (at / "g.pt", {"recipe": "mlp-gan"}), "Give a recipe of that network: dcgan, dcgan-original"),
    "no recipe": (lambda at: (at / "g.pt", {"recipe": "dcgam"}), "did you mean 'dcgan'"),
    "setting": (lambda at: (at / "g.pt", {"settings": {"ngff": 3}}), "did you mean 'ngf'.*`mxgan train --dry-run`"),
    "width": (lambda at: (at / "g.pt", {"settings": {"ngf": 3}}), "'g1_weight' of the generator is .* in the file and"),
    "penalty": (lambda at: (at / "g.pt", {"discriminator": at / "d.pt", "recipe": "wgan-gp"}), "'dbn2' is BatchNorm"),
    "memory": (
        lambda at: (at / "g.pt", {"discriminator": at / "d.pt", "settings": {"batch_size": 10**7}}),
        "more than the 2,147,483,647 that MXNet can index",
    ),
    "symbol": (lambda at: (at / "g.pt", {"latent_shape": (10, 1, 1)}), "only for a .params file, which .*g.pt is not"),
    "alone": (lambda at: (at / "g.pt", {"discriminator_symbol": "a.json"}), "given without discriminator"),
    "latents": (
        lambda at: (at / "g.pt", {"distribution": "normal", "settings": {"latent_distribution": "uniform"}}),
        "said to be normal .--distribution, .* and uniform .the setting latent_distribution.. Leave one",
    ),
    "data": (lambda at: (at / "g.pt", {"data_dir": "x"}), "data_dir is given without dataset"),
    "no data": (lambda at: (at / "g.pt", {"dataset": "folder", "data_dir": at / "none"}), "none"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_words(case, tmp_path):
    torch_pair(tmp_path)
    (tmp_path / "text").write_text("hello")
    build, words = REFUSED[case]
    file, given = build(tmp_path)
    with pytest.raises(MXGANError, match=words):
        imported(file, tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_several_generators_and_other_layouts(tmp_path):
    torch = pytest.importorskip("torch")
    maker, _ = torch_pair(tmp_path)
    torch.save({"netG": maker.state_dict(), "netG_ema": maker.state_dict()}, tmp_path / "two.pt")
    with pytest.raises(CheckpointError, match="two.pt holds several generators \\('netG', 'netG_ema'\\); save"):
        imported(tmp_path / "two.pt", tmp_path / "run")
    torch.save(torch.nn.Linear(3, 4).state_dict(), tmp_path / "other.pt")
    with pytest.raises(
        CheckpointError, match="0 convolutions, 0 BatchNorms and other layers.*Known is a DCGAN as in Py"
    ):
        imported(tmp_path / "other.pt", tmp_path / "run")


def test_symbols_that_do_not_fit(tmp_path):
    generator, discriminator = mxgan.make_dcgan_sym(4, 3, 3)
    first = saved(generator, tmp_path, "g", {"rand": (2, 10, 1, 1)})
    second = saved(discriminator, tmp_path, "d", {"data": (2, 3, 64, 64)}, {"label": (2,)}, beside=False)
    with pytest.raises(CheckpointError, match="the discriminator has none.*the symbol with --discriminator-symbol"):
        imported(first, tmp_path / "run", discriminator=second)
    with pytest.raises(CheckpointError, match="takes 'rand', as a generator's"):
        imported(first, tmp_path / "run", discriminator=first)
    smaller = mxgan.DCGAN(ngf=4, ndf=3, image_size=32).discriminator()
    third = saved(smaller, tmp_path, "s", {"data": (2, 3, 32, 32)})
    with pytest.raises(ShapeError, match=r"\(3, 64, 64\) do not fit the discriminator's parameters"):
        imported(first, tmp_path / "run", discriminator=third)
    patches = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=1, kernel=(4, 4), name="p")
    fourth = saved(patches, tmp_path, "p", {"data": (2, 3, 64, 64)})
    with pytest.raises(ShapeError, match="a score is one number for each image"):
        imported(first, tmp_path / "run", discriminator=fourth)
    fixed = mx.sym.Reshape(mx.sym.FullyConnected(mx.sym.Variable("rand"), num_hidden=192, name="f"), shape=(2, 3, 8, 8))
    fifth = saved(fixed, tmp_path, "f", {"rand": (2, 5)})
    with pytest.raises(ArgumentError, match="has the batch 2 of its program in it"):
        imported(fifth, tmp_path / "run")
    assert not (tmp_path / "run").exists()
