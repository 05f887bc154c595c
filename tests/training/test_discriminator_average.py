"""The average of D's weights: the formula by NumPy, D's accuracy with it, its file, exact on resume and on ranks."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CorruptFileError
from mxgan.graphs.params_files import load_params
from mxgan.runs.changes import as_begun
from mxgan.runs.pair import build_pair
from mxgan.runs.sources import source_of
from mxgan.runtime import cpu_features, mx
from mxgan.training.checkpoint_choice import best_step
from mxgan.training.checkpoint_files import average_file, parameter_file, read_state
from tests.callbacks.test_finite_guard import session_of
from tests.support import Spoil, StopAt, assert_same, make_pair, params_of
from tests.training.test_averaging import arrays, trained

BATCH = 20
LABELS = ("class_label", "label")


def config(discriminator_ema=0.99, **settings):
    recipe = mxgan.RECIPES["ssgan"]
    network = replace(recipe.network, ngf=4, ndf=4, image_size=16, latent_size=10)
    recipe = replace(recipe, network=network, batch_size=BATCH, discriminator_ema=discriminator_ema)
    settings = {"sample_every": 10, "checkpoint_every": 5, "log_every": 10, **settings}
    return mxgan.RunConfig(recipe=recipe, dataset="digits", **settings)


def averaged_of(pair) -> dict:
    return arrays(pair.averages["discriminator"].get_params())


def rows_of(folder) -> list:
    return [json.loads(line) for line in folder.evaluation_path.read_text().splitlines()]


def late_gradients(pair) -> None:
    """Let the engine write D's gradients of BatchNorm late, and with them run what must wait for them."""
    group, slow = pair.discriminator._exec_group, mx.nd.ones((900, 900))
    for _ in range(8):
        slow = mx.nd.dot(slow, slow) * 0
    for name, (gradient, *_) in zip(group.param_names, group.grad_arrays):
        if name.endswith(("_gamma", "_beta")):
            gradient[:] = gradient + slow[0, :1]


class LateUpdate:
    """`WeightAverage.update` of D, after its gradients were written late."""

    def __init__(self, pair) -> None:
        self._pair, self._update = pair, pair.averages["discriminator"].update

    def __call__(self) -> None:
        late_gradients(self._pair)
        self._update()


def updated(pair, step: int, before_generator) -> None:
    """One update of D and one of G, by hand."""
    draws = np.random.default_rng(step)
    images = mx.nd.array(draws.uniform(-1, 1, (BATCH, *pair.image_shape)))
    fake = pair.generate(mx.nd.array(draws.normal(size=(BATCH, *pair.latent_shape))))
    pair.accumulate_discriminator(fake, 0)
    pair.accumulate_discriminator(images, 1)
    pair.update_discriminator()
    before_generator()
    pair.update_generator(fake)  # its pass through D writes D's moving statistics too


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_it_is_the_formula_without_a_wait_in_any_step(decay, monkeypatch):
    """Read with a wait after each update of D, in float64; statistics of another pass would be far off."""
    seen = []
    watched = build_pair(config(decay, steps=1))
    start = arrays(watched.get_params()[1])
    for step in range(10):
        updated(watched, step, lambda: seen.append(arrays(watched.get_params()[1])))
    expected = {name: value.astype(np.float64) for name, value in start.items()}
    for step, raw in enumerate(seen):
        share = min(decay, (1 + step) / (10 + step))
        expected = {name: share * value + (1 - share) * raw[name] for name, value in expected.items()}
    for late in (False, True):
        pair = build_pair(config(decay, steps=1))
        if late:
            monkeypatch.setattr(pair.averages["discriminator"], "update", LateUpdate(pair))
        for step in range(10):
            updated(pair, step, lambda: None)
        assert pair.averages["discriminator"].updates == 10
        found = averaged_of(pair)
        assert found.keys() == expected.keys()
        assert any("moving" in name for name in found)
        for name, value in expected.items():
            if not name.endswith("_gamma"):  # held at 1
                np.testing.assert_allclose(found[name], value, rtol=3e-6, atol=2e-7 * np.abs(value).max(), err_msg=name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(config(steps=20), tmp_path_factory.mktemp("average") / "run")


def test_it_changes_no_bit_of_the_training(run, tmp_path):
    plain = trained(config(None, steps=20), tmp_path / "run")
    assert plain.trainer.pair.averages.keys() == {"generator"}
    assert_same(params_of(plain.trainer.pair), params_of(run.trainer.pair))
    assert [row["test_accuracy"] for row in rows_of(plain.folder)] == [
        row["test_accuracy"] for row in rows_of(run.folder)
    ]
    assert not any("ema_test_accuracy" in row for row in rows_of(plain.folder))


def test_the_accuracy_is_that_of_the_file_in_a_module_of_its_own(run):
    """MXNet's own Module with the symbol and the average's file of the checkpoint, all test images in one batch."""
    checkpoint = run.folder.checkpoint(20)
    file = average_file(checkpoint, read_state(checkpoint), "discriminator")
    assert file.name.startswith("digits_ED_")
    (symbol,) = checkpoint.glob("*_D_*-symbol.json")
    (batch,) = mxgan.open_dataset("digits", batch_size=360, image_size=16, channels=1, split="test", shuffle=False)
    found = by_module(symbol.read_text(), load_params(file), batch.data[0]).argmax(axis=1)
    right = found == batch.label[0].asnumpy()
    rows = rows_of(run.folder)
    assert [row["step"] for row in rows] == [10, 20]
    assert rows[-1]["ema_test_accuracy"] == right.mean()
    raw = load_params(parameter_file(checkpoint, "discriminator"))
    assert not np.array_equal(raw[0]["d1_weight"].asnumpy(), load_params(file)[0]["d1_weight"].asnumpy())


BOUND = {
    "plain": {},
    "spectral": {"spectral_norm": True},
    "augmented": {"augment": ("colour", "translation", "cutout")},
    "fast": {"algorithm": "fast"},
    "bfloat16": {"precision": "bfloat16"},
    "two devices": {"spectral_norm": True, "augment": ("colour",), "algorithm": "direct"},
}


@pytest.mark.parametrize("case", BOUND)
def test_it_classifies_as_a_module_of_its_own(case, monkeypatch):
    """After each of some updates, against MXNet's own Module bound anew; spectral norm computes its weights."""
    if case == "fast":
        pytest.importorskip("numba")
    if case == "bfloat16" and "avx512_bf16" not in cpu_features():
        pytest.skip("bfloat16 is for CPUs with AVX512_BF16")
    if case == "two devices":
        monkeypatch.setattr("mxgan.runs.pair.runtime.contexts", lambda gpu: [mx.cpu(0), mx.cpu(1)])
    wide = config(0.5, steps=1)
    network = replace(wide.recipe.network, ngf=16, ndf=32) if case == "fast" else wide.recipe.network
    pair = build_pair(replace(wide, recipe=replace(wide.recipe, network=network, **BOUND[case])))
    images = mx.nd.array(np.random.default_rng(9).uniform(-1, 1, (BATCH, *pair.image_shape)))
    seen = []
    for step in range(3):
        updated(pair, step, lambda: None)
        seen.append(pair.classifier_of_average()(images).asnumpy())
        average = pair.averages["discriminator"].get_params()
        expected = by_module(pair.symbol_json("discriminator"), average, images)
        np.testing.assert_allclose(seen[-1], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(seen[-1] - seen[0]).max() > 2e-5  # ten times what the comparison allows


def by_module(symbol: str, parameters: tuple, images) -> np.ndarray:
    """D's class probabilities of a batch, by a Module that is bound for inference."""
    probabilities, (arguments, statistics) = mx.sym.load_json(symbol).get_internals()["closs_output"], parameters
    labels = [mx.nd.zeros((len(images),)) for name in probabilities.list_arguments() if name in LABELS]
    inputs = [name for name in probabilities.list_arguments() if name in LABELS]
    module = mx.mod.Module(probabilities, ("data",), inputs or None)
    module.bind([("data", images.shape)], [(name, (len(images),)) for name in inputs] or None, for_training=False)
    kept = {name: value for name, value in arguments.items() if name in probabilities.list_arguments()}
    module.init_params(arg_params=kept, aux_params=statistics)
    module.forward(mx.io.DataBatch([images], labels or None), is_train=False)
    return module.get_outputs()[0].asnumpy()


def test_new_weights_of_the_generator_alone_leave_it(run):
    pair = build_pair(run.config)
    updated(pair, 0, lambda: None)
    pair.set_params(pair.get_params()[0])
    assert {half: average.updates for half, average in pair.averages.items()} == {"generator": 0, "discriminator": 1}


def test_the_accuracy_is_that_of_the_weights_at_its_time(run):
    """One Module for all measurements: it must not keep the first weights."""
    pair = run.trainer.pair
    images = mx.nd.array(np.random.default_rng(0).uniform(-1, 1, (BATCH, *pair.image_shape)))
    first = pair.classifier_of_average()(images).asnumpy()
    average = pair.averages["discriminator"]
    kept, updates = average.get_params(), average.updates
    zeros = tuple({name: mx.nd.zeros_like(value) for name, value in group.items()} for group in kept)
    average.set_params(zeros[0], kept[1], updates)
    np.testing.assert_allclose(pair.classifier_of_average()(images).asnumpy(), 0.1, rtol=1e-6)
    average.set_params(*kept, updates)
    np.testing.assert_array_equal(pair.classifier_of_average()(images).asnumpy(), first)


def test_stopped_and_gone_on_with_it_is_the_same_to_the_bit(run, tmp_path):
    trained(config(steps=10), tmp_path / "part")
    part = mxgan.resume(tmp_path / "part", steps=20, display="none", progress=False)
    part.run()
    assert_same(averaged_of(part.trainer.pair), averaged_of(run.trainer.pair))
    assert rows_of(part.folder) == rows_of(run.folder)
    files = [next(each.folder.checkpoint(20).glob("digits_ED_*.params")).read_bytes() for each in (run, part)]
    assert files[0] == files[1]
    state = read_state(part.folder.checkpoint(20))
    assert state["discriminator_average"] == state["average"] == {"updates": 20}


def test_rolled_back_it_is_that_of_the_checkpoint(tmp_path):
    rolled = session_of(config(steps=16, on_nan="rollback"), tmp_path / "run", Spoil("generator", "g1_weight", 13))
    rolled.run()
    by_hand = trained(config(steps=10), tmp_path / "by hand")
    halved = mxgan.resume(by_hand.folder.path, steps=16, display="none", progress=False)
    halved.trainer.pair.learning_rate_scale = 0.5
    halved.run()
    assert_same(averaged_of(rolled.trainer.pair), averaged_of(halved.trainer.pair))


def test_its_file_is_none_of_the_generator_or_of_d(run):
    """`--ema` of the samples, and the discriminator of a run, take their own files."""
    checkpoint = run.folder.checkpoint(20)
    assert average_file(checkpoint, read_state(checkpoint)).name.startswith("digits_E_")
    without = {name for name in read_state(checkpoint)["sha256"] if "_ED_" not in name}
    assert len(without) == len(read_state(checkpoint)["sha256"]) - 1
    own, (average,) = parameter_file(checkpoint, "discriminator"), checkpoint.glob("*_ED_*.params")
    assert own.name.startswith("digits_D_")
    for averaged, file in ((None, own), (False, own), (True, average)):
        found = source_of(run.folder.path, "discriminator", averaged=averaged)
        assert_same(arrays(found.parameters), arrays(load_params(file)))
    alone = source_of(average, "discriminator")  # its symbol is that of D
    assert (
        alone.parameters[0]["d1_weight"].asnumpy().tobytes() == load_params(average)[0]["d1_weight"].asnumpy().tobytes()
    )
    with pytest.raises(ArgumentError, match="average of a discriminator's weights .*give the file with _D_"):
        source_of(average, "discriminator", averaged=False)


def test_a_missing_or_changed_file_is_found(run, tmp_path):
    shutil.copytree(run.folder.path, tmp_path / "run")
    (file,) = (tmp_path / "run" / "checkpoints" / "000020").glob("*_ED_*.params")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CorruptFileError, match="_ED_.*: is not what was saved"):
        mxgan.resume(tmp_path / "run", steps=30, display="none", progress=False)
    file.unlink()
    with pytest.raises(CorruptFileError, match="_ED_.*: is missing"):
        mxgan.resume(tmp_path / "run", steps=30, display="none", progress=False)


def test_a_state_that_says_otherwise_is_refused(run, tmp_path):
    shutil.copytree(run.folder.path, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "000020" / "state.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "discriminator_average": None}))
    with pytest.raises(CorruptFileError, match="lists '.*_ED_.*' and has no 'discriminator_average'"):
        mxgan.load_sampler(tmp_path / "run")


def test_a_run_from_before_it_goes_on_without_one(tmp_path, caplog):
    """The command that began it continues it; a config.json from before this setting has no entry of it."""
    caplog.set_level("INFO")
    settings = {"display": "none", "progress": False}
    begun = mxgan.start(config(None, steps=9), tmp_path / "run", callbacks=[StopAt(3)], **settings)
    begun.run()
    record = json.loads(begun.folder.config_path.read_text())
    del record["run"]["recipe"]["discriminator_ema"], record["discriminator_average_by_default"]
    begun.folder.config_path.write_text(json.dumps(record))
    for steps in (6, 9):  # resumed twice: this version has written config.json in between
        again = mxgan.start_or_resume(config(0.999, steps=9), tmp_path / "run", callbacks=[StopAt(steps)], **settings)
        again.run()
        assert again.trainer.step == steps
        assert again.trainer.pair.averages.keys() == {"generator"}
    assert "before its recipe had the average discriminator_ema; it goes on without it" in caplog.text


@pytest.mark.parametrize(
    "given, value, kept", [((), 0.999, None), ((), 0.5, 0.5), (["discriminator_ema"], 0.999, 0.999)]
)
def test_one_that_is_asked_for_is_not_taken_away(given, value, kept, tmp_path):
    """Of an older run the recipe's own decay is dropped, unless it was given; another decay was given in any case."""
    begun = trained(config(None, steps=1), tmp_path / "run")
    record = json.loads(begun.folder.config_path.read_text())
    del record["discriminator_average_by_default"]
    begun.folder.config_path.write_text(json.dumps(record))
    recipe = replace(mxgan.RECIPES["ssgan"], discriminator_ema=value)
    found = as_begun(begun.folder, begun.config, replace(begun.config, recipe=recipe), given)
    assert found.recipe.discriminator_ema == kept


@pytest.mark.parametrize("decay", [0, 1, float("nan"), True])
def test_numbers_that_are_no_decay(decay):
    with pytest.raises(ArgumentError, match="discriminator_ema is .*; give the decay of the discriminator's average"):
        config(decay, steps=1)


def test_a_pair_without_one_says_so():
    with pytest.raises(ArgumentError, match="keeps no average of its discriminator; train with discriminator_ema set"):
        build_pair(config(None, steps=1)).classifier_of_average()
    with pytest.raises(ArgumentError, match="this discriminator does not classify"):
        make_pair(discriminator_ema=0.9).classifier_of_average()


def test_the_best_by_its_accuracy_needs_it(tmp_path):
    wanted = {"steps": 10, "checkpoint_every": 10, "keep_best": "ema_test_accuracy:max"}
    with pytest.raises(ArgumentError, match=r"ema_test_accuracy.* --set discriminator_ema=0.999"):
        mxgan.start(config(None, **wanted), tmp_path / "without", display="none", progress=False)
    found = trained(config(**wanted), tmp_path / "run")
    assert best_step(found.folder, "ema_test_accuracy:max") == 10


def test_without_few_labels_there_is_nothing_to_measure():
    recipe = replace(config(steps=1).recipe, labelled_per_class=0)
    assert build_pair(replace(config(steps=1), recipe=recipe)).averages.keys() == {"generator"}
