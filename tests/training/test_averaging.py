"""The generator's average: the formula by NumPy, exact on resume and after a rollback, in a checkpoint and read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, DivergedError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.objectives.heads import get_objective
from mxgan.runtime import mx
from mxgan.training.averaging import WeightAverage, check_decay
from mxgan.training.checkpoint_files import average_file, read_state
from mxgan.training.schedule import Schedule
from tests.callbacks.test_finite_guard import session_of
from tests.support import ADAM, Spoil, assert_same, inputs, make_pair, params_of, tiny_config, train


def make_averaged(ema=0.9, **settings):
    """The pair of `make_pair` with an average."""
    network = mxgan.DCGAN(ngf=4, ndf=4, nc=3, image_size=16, latent_size=10, fix_gamma=settings.pop("fix_gamma", True))
    pair = mxgan.AdversarialPair(
        network.generator(),
        get_objective("gan").discriminator_head(network.discriminator(), mx.sym.var("label")),
        latent_shape=network.latent_shape,
        image_shape=network.image_shape,
        batch_size=4,
        ema=ema,
        **settings,
    )
    pair.init_params(mx.init.Normal(0.02), seed=3)
    pair.init_optimizers(ADAM, ADAM)
    return pair


def arrays(params: tuple) -> dict:
    return {name: value.asnumpy() for group in params for name, value in group.items()}


def averaged_of(pair) -> dict:
    return arrays(pair.average.get_params())


def with_ema(ema=0.99, **settings):
    config = tiny_config(**settings)
    return replace(config, recipe=replace(config.recipe, ema=ema))


def trained(config, folder):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.run()
    return session


def resumed(folder, **settings):
    session = mxgan.resume(folder, display="none", progress=False, **settings)
    session.run()
    return session


def by_numpy(steps: int, ema: float, **settings) -> dict:
    """The average in float64, of parameters read after a wait for everything in each step."""
    pair, found = make_averaged(ema, **settings), None
    for step in range(steps + 1):
        raw = {name: value.astype(np.float64) for name, value in arrays(pair.get_params()[0]).items()}
        found = formula(found, raw, step, ema)
        pair.step(*inputs(pair, step))
    return found


def formula(average, raw: dict, step: int, ema: float) -> dict:
    """The average after `step` steps, from the one before and the parameters now."""
    decay = min(ema, step / (9 + step))  # (1 + t) / (10 + t) at t = step - 1
    return raw if average is None else {name: decay * average[name] + (1 - decay) * raw[name] for name in raw}


@pytest.mark.parametrize("ema, fix_gamma", [(0.3, True), (0.999, False)])
def test_it_is_the_formula_without_a_wait_in_any_step(ema, fix_gamma):
    """Statistics that were read one step early or late would be off by far more than the last digits."""
    expected = by_numpy(12, ema, fix_gamma=fix_gamma)
    for _ in range(3):
        pair = make_averaged(ema, fix_gamma=fix_gamma)
        train(pair, 0, 12)
        found = averaged_of(pair)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=2e-6, atol=1e-7 * np.abs(value).max(), err_msg=name)


def test_it_changes_no_bit_of_the_pair():
    pair, plain = make_averaged(), make_pair()
    train(pair, 0, 5)
    train(plain, 0, 5)
    assert_same(params_of(pair), params_of(plain))
    assert pair.average.updates == 5


def test_every_update_of_a_step_counts():
    pair = make_averaged(schedule=Schedule(generator_updates=3))
    latents, images = inputs(pair, 0)
    pair.step([latents] * pair.schedule.latent_batches, images)
    assert pair.average.updates == 3


def test_several_devices_have_one_average():
    pair, plain = (make_averaged(contexts=[mx.cpu(0), mx.cpu(1)]), make_averaged())
    pair.set_params(*plain.get_params())
    pair.average.begin()  # from the statistics' mean over the devices, as get_params has it
    expected = None
    for step in range(4):
        raw = {name: value.astype(np.float64) for name, value in arrays(pair.get_params()[0]).items()}
        expected = formula(expected, raw, step, 0.9)
        if step < 3:
            pair.step(*inputs(pair, step))
    for name, value in averaged_of(pair).items():
        tolerance = 1e-7 * np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=2e-6, atol=tolerance, err_msg=name)


def test_an_average_of_what_stands_still_stays():
    pair = make_averaged(0.999)
    before = averaged_of(pair)
    for _ in range(300):
        pair.average.update()
    for name, value in averaged_of(pair).items():
        np.testing.assert_allclose(value, before[name], rtol=4e-5, err_msg=name)


def test_held_gammas_are_one():
    pair = make_averaged()
    pair.parameters("generator")["gbn1_gamma"][:] = 7
    pair.average.begin()
    np.testing.assert_array_equal(averaged_of(pair)["gbn1_gamma"], np.ones(8, np.float32))
    free = make_averaged(fix_gamma=False)
    free.parameters("generator")["gbn1_gamma"][:] = 7
    free.average.begin()
    np.testing.assert_array_equal(averaged_of(free)["gbn1_gamma"], np.full(8, 7, np.float32))


def test_a_generator_without_statistics():
    network = mxgan.NETWORKS["mlp"](image_size=8, latent_size=5, generator_widths=(6,), norm_first=False)
    module = mx.mod.Module(network.generator(), ("rand",), None)
    module.bind([("rand", (2, *network.latent_shape))])
    module.init_params(mx.init.Normal(0.1))
    found = WeightAverage("generator", module, 0.5)
    assert module._exec_group.aux_names == []
    found.begin()
    found.update()
    for name, value in arrays(module.get_params()).items():
        np.testing.assert_allclose(arrays(found.get_params())[name], value, rtol=1e-6)
    found.set_params(*module.get_params(), updates=4)
    assert_same(arrays(found.get_params()), arrays(module.get_params()))


@pytest.mark.parametrize("ema", [0, 1, -0.1, 1.5, float("nan"), True])
def test_decays_that_are_none(ema):
    with pytest.raises(
        ArgumentError, match=r"ema is .*; give the decay .* above 0 and below 1, such as 0.999, or null"
    ):
        with_ema(ema, steps=1)
    with pytest.raises(ArgumentError, match="ema is"):
        check_decay(ema)


@pytest.mark.long
@pytest.mark.parametrize("again", range(3))
def test_stopped_and_gone_on_with_it_is_the_same_to_the_bit(again, tmp_path):
    whole = trained(with_ema(steps=20), tmp_path / "whole")
    trained(with_ema(steps=12), tmp_path / "part")
    part = resumed(tmp_path / "part", steps=20)
    assert_same(averaged_of(part.trainer.pair), averaged_of(whole.trainer.pair))
    assert_same(params_of(part.trainer.pair), params_of(whole.trainer.pair))
    files = [next(each.folder.checkpoint(20).glob("digits_E_*-0000.params")).read_bytes() for each in (whole, part)]
    assert files[0] == files[1]


def test_rolled_back_it_is_that_of_the_checkpoint(tmp_path):
    rolled = session_of(with_ema(steps=16, on_nan="rollback"), tmp_path / "run", Spoil("generator", "g3_weight", 11))
    rolled.run()
    by_hand = trained(with_ema(steps=8), tmp_path / "by hand")
    halved = mxgan.resume(by_hand.folder.path, steps=16, display="none", progress=False)
    halved.trainer.pair.learning_rate_scale = 0.5
    halved.run()
    assert rolled.trainer.pair.average.updates == 16
    assert_same(averaged_of(rolled.trainer.pair), averaged_of(halved.trainer.pair))
    assert all(np.isfinite(value).all() for value in averaged_of(rolled.trainer.pair).values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(with_ema(steps=8), tmp_path_factory.mktemp("ema") / "run").folder


def copied(run, tmp_path):
    """(a copy of the run, its checkpoint's folder, the file of the average)."""
    shutil.copytree(run.path, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "000008"
    return tmp_path / "run", checkpoint, average_file(checkpoint, read_state(checkpoint))


def test_samples_are_of_the_average_or_of_the_generator(run, tmp_path):
    checkpoint = run.checkpoint(8)
    file = average_file(checkpoint, read_state(checkpoint))
    assert read_state(checkpoint)["average"] == {"updates": 8}
    (raw,) = checkpoint.glob("*_G_*.params")
    wanted = {True: file, None: file, False: raw}
    drawn = {averaged: mxgan.load_sampler(run.path, averaged=averaged).draw(2) for averaged in wanted}
    for averaged, path in wanted.items():
        np.testing.assert_array_equal(drawn[averaged], mxgan.load_sampler(path).draw(2))
    assert not np.array_equal(drawn[True], drawn[False])
    for flags, averaged in (([], None), (["--ema"], True), (["--raw"], False)):
        target = tmp_path / f"{averaged}.npz"
        found = CliRunner().invoke(main, ["sample", str(run.path), "--num", "2", "--output", str(target), *flags])
        assert found.exit_code == 0, found.output
        np.testing.assert_array_equal(np.load(target)["images"], drawn[averaged])


def test_the_average_of_a_run_without_one(tmp_path):
    session = trained(with_ema(None, steps=2), tmp_path / "run")
    assert not list(session.folder.checkpoint(2).glob("*_E_*"))
    assert "average" not in read_state(session.folder.checkpoint(2))
    with pytest.raises(ArgumentError, match="000002 has no average of the generator: the run was trained without ema"):
        mxgan.load_sampler(session.folder.path, averaged=True)
    (file,) = session.folder.checkpoint(2).glob("*_G_*.params")
    with pytest.raises(ArgumentError, match="is one file of parameters; give the run folder for the average"):
        mxgan.load_sampler(file, averaged=True)


def test_the_parameters_to_evaluate():
    pair, plain = make_averaged(), make_pair()
    train(pair, 0, 3)
    assert plain.average is None
    assert_same(arrays(pair.generator_params()), averaged_of(pair))
    assert_same(arrays(pair.generator_params(averaged=True)), averaged_of(pair))
    assert_same(arrays(pair.generator_params(averaged=False)), arrays(pair.get_params()[0]))
    assert_same(arrays(plain.generator_params()), arrays(plain.get_params()[0]))
    with pytest.raises(ArgumentError, match="this pair keeps no average of its generator; train with ema set"):
        plain.generator_params(averaged=True)


def test_begun_later_and_given_up(run, tmp_path, caplog):
    """A checkpoint without an average, as every older one is, and one whose average is no longer wanted."""
    trained(with_ema(None, steps=8), tmp_path / "later")
    later = mxgan.resume(tmp_path / "later", with_ema(steps=12), display="none", progress=False, allow_changes=True)
    assert any("has no average of the generator; it begins with" in line.getMessage() for line in caplog.records)
    assert later.trainer.pair.average.updates == 0
    assert_same(averaged_of(later.trainer.pair), arrays(later.trainer.pair.get_params()[0]))
    later.run()
    assert read_state(later.folder.checkpoint(12))["average"] == {"updates": 4}
    folder, _, _ = copied(run, tmp_path)
    without = mxgan.resume(folder, with_ema(None, steps=10), display="none", progress=False, allow_changes=True)
    without.run()
    assert average_file(without.folder.checkpoint(10), read_state(without.folder.checkpoint(10))) is None


def test_a_file_that_is_broken_or_missing_or_of_another_generator(run, tmp_path):
    folder, _, file = copied(run, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for load in (mxgan.load_sampler, lambda run: mxgan.resume(run, steps=12, display="none", progress=False)):
        with pytest.raises(CorruptFileError, match="_E_.*: is not what was saved"):
            load(folder)
    file.unlink()
    with pytest.raises(CorruptFileError, match="_E_.*: is missing"):
        mxgan.load_sampler(folder, averaged=False)
    other = make_averaged()
    shapes, _ = parameter_shapes(other.generator.symbol, {"rand": (4, 10, 1, 1)})
    arguments = {name: mx.nd.zeros(shape) for name, shape in shapes.items()}
    before = averaged_of(other)
    with pytest.raises(CheckpointError, match="do not fit the generator's average: the file lacks gbn1_moving_mean"):
        other.average.set_params(arguments, {}, 3)
    with pytest.raises(CheckpointError, match="the parameter 'g1_weight' of the generator's average is .1,. in the"):
        other.average.set_params({**arguments, "g1_weight": mx.nd.zeros((1,))}, {}, 3)
    assert_same(averaged_of(other), before)


@pytest.mark.parametrize(
    "value, words",
    [
        (3, "'average' is 3, not its number of updates"),
        ({"updates": -1}, "'average' is .* not its number of updates"),
        (None, "lists '.*_E_.*' and has no 'average'"),
    ],
)
def test_a_state_that_says_otherwise_is_refused(value, words, run, tmp_path):
    folder, checkpoint, _ = copied(run, tmp_path)
    state = json.loads((checkpoint / "state.json").read_text())
    (checkpoint / "state.json").write_text(json.dumps({**state, "average": value}))
    with pytest.raises(CorruptFileError, match=words):
        mxgan.load_sampler(folder)


def test_a_state_without_the_file_that_it_needs(run, tmp_path):
    folder, checkpoint, file = copied(run, tmp_path)
    state = json.loads((checkpoint / "state.json").read_text())
    del state["sha256"][file.name]
    (checkpoint / "state.json").write_text(json.dumps(state))
    with pytest.raises(CorruptFileError, match="lists 0 files of the generator's average, not one"):
        mxgan.load_sampler(folder)


def test_one_that_is_not_finite_is_not_saved(tmp_path):
    session = mxgan.start(with_ema(steps=8), tmp_path / "run", display="none", progress=False)
    session.trainer.pair.average._weights["g2_weight"][:] = np.nan
    with pytest.raises(DivergedError, match="'g2_weight' of the generator's average is not finite"):
        session.run()
    assert session.folder.checkpoint_steps() == []


def test_the_flag(tmp_path):
    found = CliRunner().invoke(main, ["train", "--ema", "0.995", "--steps", "1", "--dry-run"])
    assert json.loads(found.output)["recipe"]["ema"] == 0.995
    found = CliRunner().invoke(main, ["train", "--ema", "1", "--steps", "1", "--dry-run"])
    assert found.exit_code == 2
    assert "ema is 1.0; give the decay" in found.output
    plain = CliRunner().invoke(main, ["train", "--recipe", "dcgan-original", "--steps", "1", "--dry-run"])
    assert json.loads(plain.output)["recipe"]["ema"] is None
