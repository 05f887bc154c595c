"""Going on with a run: the same command again, changed settings, what is kept, what a killed process left."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.checkpointer import Checkpointer
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, OutputError, RunFinishedError, RunFolderError
from mxgan.runtime.config import override
from mxgan.training.callback import Callback
from mxgan.training.checkpoint_choice import best_step
from mxgan.training.checkpoint_files import read_state
from mxgan.training.run_folder import RunFolder
from tests.support import StopAt, assert_same, params_of, tiny_config
from tests.tiny_run import contents, differences


def auto(config, run_dir=None, **settings):
    return mxgan.start_or_resume(config, run_dir, display="none", progress=False, **settings)


def resumed(run, *given, **settings):
    return mxgan.resume(run, *given, display="none", progress=False, **settings)


def trained(config, folder):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.run()
    return session


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tiny_config(steps=16), tmp_path_factory.mktemp("whole") / "run")


def test_the_same_call_begins_goes_on_and_ends(whole, tmp_path):
    folder = tmp_path / "run"
    stopped = auto(tiny_config(steps=16), folder)
    stopped.trainer.callbacks.insert(0, StopAt(8))
    stopped.run()
    session = auto(tiny_config(steps=16), folder)
    assert session.trainer.step == 8
    session.run()
    assert_same(params_of(session.trainer.pair), params_of(whole.trainer.pair))
    with pytest.raises(RunFinishedError, match="is at step 16 already, and its end is 16"):
        auto(tiny_config(steps=16), folder)


def test_a_finished_run_is_finished_whatever_a_later_command_asks_for(tmp_path, monkeypatch, caplog):
    """`mxgan train --steps 2`, and then `mxgan train --resume auto` in the same folder, whose end is 100 epochs."""
    monkeypatch.chdir(tmp_path)
    done = trained(tiny_config(steps=2), "runs/first").folder.path
    before = {path: path.read_bytes() for path in done.rglob("*") if path.is_file()}
    with pytest.raises(RunFinishedError, match="is at step 2 already, and its end is 2. For a later end, give --"):
        auto(tiny_config(steps=2))
    with caplog.at_level("INFO"):
        other = auto(tiny_config(epochs=100))
    other.lock.release()
    assert (other.folder.path.resolve() != done.resolve(), other.trainer.step) == (True, 0)
    assert f"{done} has these settings, but another end; --resume {done} continues it." in caplog.messages
    with pytest.raises(ArgumentError, match="ends after 2 steps, but this .* asks for 3 steps; only the command"):
        auto(tiny_config(steps=3), done)
    assert {path: path.read_bytes() for path in done.rglob("*") if path.is_file()} == before
    resumed(done, steps=3).run()  # asked for by its name, it gets a later end
    assert RunFolder(done).checkpoint_steps()[-1] == 3
    with pytest.raises(RunFinishedError, match="is at step 3 already, and its end is 2"):
        auto(tiny_config(steps=2), done)  # the command that began it still knows it


def test_a_run_from_before_windows_had_an_interval_goes_on(whole, tmp_path):
    """Its config.json has no show_every, and its recipe no default of it: neither changes the training."""
    stopped = mxgan.start(tiny_config(steps=16), tmp_path / "run", "none", progress=False)
    stopped.trainer.callbacks.insert(0, StopAt(8))
    stopped.run()
    path = tmp_path / "run" / "config.json"
    record = json.loads(path.read_text())
    assert record["run"].pop("show_every") is None
    assert record["run"]["recipe"]["run_defaults"] == {}
    path.write_text(json.dumps(record))
    config = tiny_config(steps=16, show_every=10)
    config = replace(config, recipe=replace(config.recipe, run_defaults={"show_every": 10}))
    session = auto(config, tmp_path / "run")
    assert (session.trainer.step, session.config.show_every) == (8, 10)
    session.run()
    assert_same(params_of(session.trainer.pair), params_of(whole.trainer.pair))
    assert RunFolder(tmp_path / "run").read_config()["run"]["show_every"] == 10


def test_without_a_folder_the_newest_run_with_these_settings_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    auto(tiny_config(steps=4)).lock.release()  # none yet: one is begun
    (first,) = (tmp_path / "runs").iterdir()
    shutil.move(first, tmp_path / "runs" / "zzz")
    for name, seed, stamp in (("a", 0, "2026_01_01-10_00"), ("b", 0, "2025_01_01-10_00"), ("c", 1, "2027_01_01-10_00")):
        mxgan.start(tiny_config(steps=6, seed=seed), tmp_path / "runs" / name, "none", progress=False).lock.release()
        path = tmp_path / "runs" / name / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "stamp": stamp}))
    path = tmp_path / "runs" / "zzz" / "config.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7'))
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "config.json").write_text("{")
    session = auto(tiny_config(steps=6))
    assert session.folder.path.name == "a"
    session.run()
    new = auto(tiny_config(steps=6, seed=2))
    new.run()
    assert new.folder.path.name.startswith("digits-")


def test_a_run_killed_before_its_first_checkpoint_begins_again(whole, tmp_path):
    folder = RunFolder(tmp_path / "run")
    session = mxgan.start(tiny_config(steps=16), folder.path, display="none", progress=False)
    session.lock.release()
    folder.history_path.write_text('{"step": 4}\n{"st')
    (folder.checkpoints / ".000008.writing").mkdir()
    (folder.checkpoints / ".000008.writing" / "half").write_text("x")
    (folder.path / ".config.json.abcd.writing").write_text("x")
    (folder.samples / ".gout-000008.png.12ab.writing").write_text("x")
    again = auto(tiny_config(steps=16), folder.path)
    again.run()
    assert_same(params_of(again.trainer.pair), params_of(whole.trainer.pair))
    assert [json.loads(line)["step"] for line in folder.history_path.read_text().splitlines()] == [4, 8, 12, 16]
    assert not [path for path in folder.path.rglob(".*") if path.name != ".lock"]


def test_a_folder_whose_run_was_killed_before_its_configuration_is_a_new_one(tmp_path):
    for part in ("samples", "checkpoints"):
        (tmp_path / "run" / part).mkdir(parents=True)
    (tmp_path / "run" / ".lock").touch()
    (tmp_path / "run" / ".config.json.12ab.writing").write_text("{")
    session = auto(tiny_config(steps=4), tmp_path / "run")
    session.run()
    assert session.folder.checkpoint_steps() == [4]
    assert not list((tmp_path / "run").glob("*.writing"))


def test_changed_settings_are_listed_refused_and_taken_when_told(tmp_path, trained_copy):
    trained_copy(8, tmp_path / "run")
    config = override(tiny_config(steps=12, keep=2), {"generator_optimizer.learning_rate": 0.001})
    lines = (
        r"other settings than those asked for:\n  recipe.generator_optimizer.learning_rate: \S+ in the run, 0.001 asked"
    )
    with pytest.raises(ArgumentError, match=lines):
        resumed(tmp_path / "run", config)
    before = (tmp_path / "run" / "config.json").read_text()
    with pytest.raises(ArgumentError, match="Leave these out, start a new run in another --run-dir, or give --allow"):
        auto(config, tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_text() == before
    session = auto(config, tmp_path / "run", allow_changes=True)
    assert session.trainer.pair.generator._optimizer.lr == 0.001
    session.run()
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    (change,) = record["changes"]
    assert change["step"] == 8
    assert change["settings"]["recipe.generator_optimizer.learning_rate"][1] == 0.001
    later = resumed(tmp_path / "run", steps=13)
    later.run()
    assert later.config.recipe == config.recipe


def test_a_change_that_does_not_fit_the_checkpoint_is_said(tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    wider = override(tiny_config(steps=8), {"ngf": 8})
    with pytest.raises(CheckpointError, match="the parameter '.*' of the generator is .* in the file and"):
        resumed(tmp_path / "run", wider, allow_changes=True)
    other = override(tiny_config(steps=8), {"discriminator_optimizer.name": "sgd"})
    other = override(other, {"discriminator_optimizer.settings": {}})
    with pytest.raises(CheckpointError, match="the optimiser's state of .* resume with the optimiser that saved it"):
        resumed(tmp_path / "run", other, allow_changes=True)
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [4]


def test_other_intervals_lose_no_history(tmp_path, trained_copy):
    trained_copy(10, tmp_path / "run")
    path = tmp_path / "run" / "history.jsonl"
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [4, 8, 10]  # 10: the end
    resumed(tmp_path / "run", steps=15, log_every=5).run()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [4, 8, 15]


def test_a_history_that_became_shorter_is_warned_of(tmp_path, caplog, trained_copy):
    trained_copy(8, tmp_path / "run")
    (tmp_path / "run" / "history.jsonl").unlink()
    resumed(tmp_path / "run", steps=12).run()
    assert any("has lost" in record.getMessage() for record in caplog.records)
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [12]


def test_the_best_checkpoint_by_a_metric_stays(tmp_path):
    config = tiny_config(steps=24, checkpoint_every=4, keep=1, keep_best="loss_d:max")
    session = trained(config, tmp_path / "run")
    rows = [json.loads(line) for line in session.folder.history_path.read_text().splitlines()]
    best = max(rows, key=lambda row: row["loss_d"])["step"]
    assert session.folder.checkpoint_steps() == sorted({best, 24})
    assert best_step(session.folder, "loss_d:max") == best != best_step(session.folder, "loss_d:min")
    state = read_state(session.folder.checkpoint(best))
    assert state["metrics"]["loss_d"] == max(row["loss_d"] for row in rows)
    images = mxgan.load_sampler(tmp_path / "run", checkpoint="best").draw(2)
    np.testing.assert_array_equal(images, mxgan.load_sampler(tmp_path / "run", checkpoint=best).draw(2))
    assert not np.array_equal(images, mxgan.load_sampler(tmp_path / "run").draw(2))
    with pytest.raises(ArgumentError, match="has no checkpoint of step 3; there are"):
        mxgan.load_sampler(tmp_path / "run", checkpoint="3")
    with pytest.raises(ArgumentError, match="give latest, best, or the number of a step"):
        mxgan.load_sampler(tmp_path / "run", checkpoint="first")
    with pytest.raises(ArgumentError, match="unknown metric in keep_best 'los_d'; did you mean 'loss_d'"):
        trained(replace(config, keep_best="los_d:max"), tmp_path / "misspelt")


def test_a_run_without_a_best_one_says_so(whole):
    with pytest.raises(ArgumentError, match="has no best checkpoint, because it has no keep_best"):
        mxgan.load_sampler(whole.folder.path, checkpoint="best")


class Hurry(Callback):
    """Makes the checkpointer's minute pass in an instant at chosen steps, as a monotonic clock would have it."""

    def __init__(self, steps):
        self.steps = steps

    def on_step_begin(self, trainer):
        for callback in trainer.callbacks:
            if isinstance(callback, Checkpointer) and trainer.step + 1 in self.steps:
                callback._since -= 60


def test_saved_every_so_many_minutes(whole, tmp_path):
    session = mxgan.start(tiny_config(steps=16, checkpoint_every="1min"), tmp_path / "run", "none", progress=False)
    session.trainer.callbacks.insert(0, Hurry({5, 6, 11}))
    session.run()
    assert session.folder.checkpoint_steps() == [5, 6, 11, 16]
    assert_same(params_of(session.trainer.pair), params_of(whole.trainer.pair))


@pytest.mark.parametrize("every", ["0min", "min", "1.5min", "-1min", "²min", 0, "often"])
def test_intervals_that_are_none(every):
    with pytest.raises(ArgumentError, match="checkpoint_every is .* above 0, or 'epoch', or minutes as in"):
        tiny_config(steps=4, checkpoint_every=every)


@pytest.mark.parametrize(
    "where, value, words",
    [
        (["step"], -1, "'step' is -1, not a whole number"),
        (["epoch"], 1e300, "'epoch' is 1e.300, not a whole number"),
        (["iteration"], True, "'iteration' is True"),
        (["seed"], None, "'seed' is None"),
        (["format"], 99, "is of the format 99, and this version of mxgan reads 2"),
        (["learning_rate_scale"], 0, "'learning_rate_scale' is 0"),
        (["callbacks"], [], "'callbacks' is .., not an object"),
        (["optimizers", "generator", "num_update"], "many", "counts of the generator's optimiser"),
        (["optimizers", "discriminator"], None, "counts of the discriminator's optimiser"),
        (["sha256", "../../config.json"], "0", "'../../config.json' is not the name of a file in the same folder"),
        (["callbacks", "Logger"], {"metrics": 3, "notes": {}, "bytes": 0}, "the checkpoint's state of Logger is"),
        (["callbacks", "Logger"], {}, "the checkpoint's state of Logger is"),
    ],
)
def test_a_state_with_wrong_values_is_refused(where, value, words, tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "000004" / "state.json"
    state = json.loads(path.read_text())
    place = state
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    path.write_text(json.dumps(state))
    with pytest.raises((CorruptFileError, CheckpointError), match=words):
        resumed(tmp_path / "run", steps=8)


def test_a_stamp_that_is_a_path_is_refused(tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "stamp": "../../../elsewhere"}))
    with pytest.raises(CorruptFileError, match="the stamp '../../../elsewhere' is not YYYY_MM_DD-HH_MM"):
        resumed(tmp_path / "run", steps=8)


def test_names_that_are_no_checkpoints_are_passed_over(tmp_path, trained_copy):
    folder = trained_copy(4, tmp_path / "run")
    checkpoints = folder.checkpoints
    for name in ("²", "latest", "12x", ".000099.writing"):
        (checkpoints / name).mkdir()
    (checkpoints / "000007").write_text("a file")
    assert folder.checkpoint_steps() == [4]


def test_a_linked_checkpoint_is_unlinked_and_not_followed(tmp_path, trained_copy):
    folder = trained_copy(4, tmp_path / "run")
    shutil.move(folder.checkpoint(4), tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder.checkpoint(4))
    resumed(tmp_path / "run", steps=8, keep=1).run()
    assert folder.checkpoint_steps() == [8]
    assert (tmp_path / "elsewhere" / "state.json").is_file()


@pytest.mark.parametrize("name", ["samples", "checkpoints"])
def test_a_linked_folder_is_refused_before_anything_is_written_through_it(name, tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    shutil.move(tmp_path / "run" / name, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "run" / name)
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    with pytest.raises(RunFolderError, match=f"{name} is a link, and a run writes only inside its own folder"):
        resumed(tmp_path / "run", steps=8)
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before


@pytest.mark.parametrize("target", ["history.jsonl", "../elsewhere"])
def test_a_history_that_is_a_link_is_refused(target, tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "run" / "history.jsonl").unlink()
    os.symlink(target, tmp_path / "run" / "history.jsonl")
    with pytest.raises(OutputError, match="history.jsonl is a link.*Remove the link"):
        resumed(tmp_path / "run", steps=8)
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_histories_that_a_power_cut_left_in_the_middle_of_a_line(tmp_path, caplog, trained_copy):
    trained_copy(8, tmp_path / "run")
    path = tmp_path / "run" / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    resumed(tmp_path / "run", steps=12).run()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [4, 12]
    assert any("has lost" in record.getMessage() for record in caplog.records)


def test_an_epochs_end_and_a_checkpoint_at_one_step(tmp_path):
    """57 whole batches of 32 are an epoch of 1,797 images: here 5 of 160."""
    config = tiny_config(epochs=2, limit=160, checkpoint_every=5, sample_every="epoch", log_every=2)
    whole = trained(config, tmp_path / "a" / "whole")
    states = [read_state(whole.folder.checkpoint(step)) for step in (5, 10)]
    assert [(state["epoch"], state["iteration"]) for state in states] == [(1, 0), (2, 0)]
    with pytest.raises(RunFinishedError, match="is at epoch 2 already"):
        resumed(whole.folder.path)
    part = trained(
        replace(config, epochs=None, steps=5), tmp_path / "b" / "whole"
    )  # ends before the epoch's end is told
    assert read_state(part.folder.checkpoint(5))["iteration"] == 5
    resumed(part.folder.path, epochs=2).run()
    differ = differences(contents(part.folder.path), contents(whole.folder.path))
    assert [name for name in differ if not name.endswith("-symbol.json")] == []  # MXNet counts names up in a process


def test_checkpoints_and_metrics_of_a_resumed_run_are_those_of_one_never_stopped(tmp_path):
    config = tiny_config(steps=24, checkpoint_every=6, log_every=8, keep_best="loss_g:min", keep=None)
    whole, part = trained(config, tmp_path / "whole"), trained(replace(config, steps=10), tmp_path / "part")
    assert part.folder.checkpoint_steps() == [6, 10]
    resumed(part.folder.path, steps=24).run()
    for step in (12, 18, 24):
        metrics = [read_state(each.folder.checkpoint(step))["metrics"] for each in (whole, part)]
        assert metrics[0] == metrics[1]
    assert best_step(part.folder, "loss_g:min") == best_step(whole.folder, "loss_g:min")


def test_a_metric_that_comes_later_than_the_first_checkpoint(tmp_path):
    recipe = mxgan.RECIPES["ssgan"]
    network = replace(recipe.network, ngf=4, ndf=4, image_size=16, latent_size=10)
    recipe = replace(recipe, network=network, batch_size=20)
    config = mxgan.RunConfig(
        recipe=recipe, steps=8, sample_every=6, checkpoint_every=2, log_every=2, keep=1, keep_best="test_accuracy:max"
    )
    session = trained(config, tmp_path / "run")
    assert session.folder.checkpoint_steps() == [6, 8]


def test_a_bad_old_checkpoint_does_not_end_a_run(tmp_path, caplog):
    session = trained(tiny_config(steps=8, checkpoint_every=4), tmp_path / "run")
    (session.folder.checkpoint(4) / "state.json").write_text("{")
    resumed(tmp_path / "run", steps=12, keep_best="loss_d:min").run()
    assert session.folder.checkpoint_steps() == [4, 8, 12]
    assert any("Skipped in the search for the best" in record.getMessage() for record in caplog.records)


def test_a_picture_that_cannot_be_written_costs_no_checkpoint(tmp_path):
    session = mxgan.start(tiny_config(steps=7, sample_every=100), tmp_path / "run", "none", progress=False)
    shutil.rmtree(session.folder.samples)
    with pytest.raises(OutputError, match="samples.* cannot be written"):
        session.run()
    assert session.folder.checkpoint_steps() == [7]
    resumed(tmp_path / "run", steps=9).run()  # the folder for pictures is made again
    assert (session.folder.samples / "gout-000009.png").is_file()


def test_the_same_command_with_other_data_is_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(tiny_config(steps=2, data_dir=None), tmp_path / "runs" / "one")
    path = tmp_path / "runs" / "one" / "config.json"
    path.write_text(path.read_text().replace('"data_dir": null', '"data_dir": "/elsewhere"'))
    session = auto(tiny_config(steps=2))
    session.run()
    assert session.folder.path.name != "one"
    with pytest.raises(ArgumentError, match="needs the run to change: give its folder as run_dir"):
        auto(tiny_config(steps=3), allow_changes=True)


def test_another_seed_is_taken_when_told(tmp_path, trained_copy):
    trained_copy(4, tmp_path / "run")
    session = resumed(tmp_path / "run", steps=6, seed=5, allow_changes=True)
    session.run()
    assert session.trainer.seed == 5
    again = resumed(tmp_path / "run", steps=7)
    again.run()
    assert again.config.seed == 5


def test_a_run_that_cannot_begin_leaves_its_folder_free(tmp_path):
    config = override(tiny_config(steps=4, limit=32), {"discriminator_updates": 3})
    with pytest.raises(ArgumentError, match="an epoch of the data has 1 whole batches"):
        mxgan.start(config, tmp_path / "run", display="none", progress=False)
    assert not (tmp_path / "run").exists()
