"""Runs from beginning to end: the folder they leave, the bits they give, stopping and going on."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.errors import (
    ArgumentError,
    CheckpointError,
    CorruptFileError,
    DatasetError,
    DisplayError,
    DivergedError,
    RunFolderError,
)
from mxgan.training.callback import Callback
from mxgan.training.run_folder import RunFolder
from tests.support import StopAt, params_of, tiny_config


def run(config, folder):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.run()
    return session


def history(folder):
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for line in lines:
        assert line.pop("images_per_second") > 0
    return lines


def checkpoint_files(folder):
    """{name without the stamp: content} of the newest checkpoint."""
    newest = RunFolder(folder).latest_checkpoint()
    return {
        "_".join(f.name.split("_")[:2]) + f.name[-12:]: f.read_bytes() for f in newest.iterdir() if f.suffix != ".json"
    }


def config(**settings):
    """20 steps, 17 of them in the first epoch: 540 images in batches of 32."""
    return tiny_config(steps=20, limit=540, **settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return run(config(keep=2, checkpoint_every=8), folder), folder


def test_the_run_folder_holds_what_its_contract_says(finished):
    session, folder = finished
    assert {p.name for p in folder.iterdir()} == {
        "config.json",
        "history.jsonl",
        "events.jsonl",
        "samples",
        "checkpoints",
        ".lock",
    }
    record = json.loads((folder / "config.json").read_text())
    assert record["run"]["recipe"]["network"] == {"name": "dcgan", **vars(session.config.recipe.network)}
    assert record["versions"]["mxnet"] == "1.9.1"
    assert record["versions"]["threads"]["count"] >= 1
    assert record["data"]["count"] == 540
    lines = history(folder)
    assert [line["step"] for line in lines] == list(range(4, 21, 4))
    assert all({"epoch", "facc", "fentropy_g", "fentropy_d", "d_real", "d_fake"} <= set(line) for line in lines)
    assert lines[-1]["epoch"] == 1  # that it has begun
    steps = {f"{step:06d}" for step in [*range(8, 21, 8), 20]}
    for title in ("gout", "diff", "data"):
        assert {p.name for p in (folder / "samples").glob(f"{title}-*")} == {f"{title}-{step}.png" for step in steps}
    assert cv2.imread(str(folder / "samples" / "gout-000020.png")).shape == (8 * 18 - 2, 8 * 18 - 2, 3)
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {"000016", "000020"}
    names = {p.name for p in (folder / "checkpoints" / "000020").iterdir()}
    stamp = record["stamp"]
    assert {f"digits_{half}_{stamp}-0001.params" for half in "GD"} <= names
    assert {f"digits_{half}_{stamp}-symbol.json" for half in "GD"} <= names


def test_mxnet_itself_loads_the_checkpoint(finished):
    import mxnet as mx

    session, folder = finished
    prefix = folder / "checkpoints" / "000020" / f"digits_G_{json.loads((folder / 'config.json').read_text())['stamp']}"
    symbol, arguments, auxiliary = mx.model.load_checkpoint(str(prefix), 1)
    assert symbol.list_arguments() == session.trainer.pair.generator.symbol.list_arguments()
    expected = params_of(session.trainer.pair)
    for name, value in {**arguments, **auxiliary}.items():
        np.testing.assert_array_equal(value.asnumpy(), expected[name])


def test_the_same_seed_gives_the_same_bits(finished, tmp_path):
    _, folder = finished
    run(config(checkpoint_every=20), tmp_path / "again")
    assert checkpoint_files(tmp_path / "again") == checkpoint_files(folder)
    assert history(tmp_path / "again") == history(folder)
    picture = "samples/gout-000020.png"
    assert (tmp_path / "again" / picture).read_bytes() == (folder / picture).read_bytes()
    run(replace(config(seed=1), steps=4), tmp_path / "other")
    assert history(tmp_path / "other")[0] != history(folder)[0]


def test_a_resumed_run_is_the_same_run(finished, tmp_path):
    """Stopped in the middle of an epoch and of a log interval, and resumed across the epoch's end."""
    _, folder = finished
    run(replace(config(checkpoint_every=1000), steps=14), tmp_path / "part")
    session = mxgan.resume(tmp_path / "part", steps=20, display="none", progress=False)
    assert (session.trainer.step, session.trainer.epoch, session.trainer.iteration) == (14, 0, 14)
    session.run()
    assert checkpoint_files(tmp_path / "part") == checkpoint_files(folder)
    assert history(tmp_path / "part") == history(folder)


def test_a_stopped_run_saves_and_goes_on(finished, tmp_path):
    _, folder = finished
    session = mxgan.start(config(checkpoint_every=1000), tmp_path / "run", "none", progress=False)
    session.trainer.callbacks.append(StopAt(13))
    session.run()
    assert session.trainer.step == 13
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [13]
    mxgan.resume(tmp_path / "run", display="none", progress=False).run()
    assert checkpoint_files(tmp_path / "run") == checkpoint_files(folder)


def test_steps_done_after_the_last_checkpoint_are_done_again(tmp_path):
    run(tiny_config(steps=16, checkpoint_every=8), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    whole = history(folder.path)
    import shutil

    shutil.rmtree(folder.checkpoint(16))
    with folder.history_path.open("a") as file:
        file.write('{"step": 20, "epo')  # cut short by a crash
    session = mxgan.resume(folder.path, display="none", progress=False)
    assert session.trainer.step == 8
    session.run()
    assert history(folder.path) == whole


def test_an_existing_run_folder_is_never_overwritten(finished):
    _, folder = finished
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(RunFolderError, match="exists and is not empty; nothing was changed.*--resume"):
        mxgan.start(tiny_config(steps=5), folder, display="none", progress=False)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("kind, said", [("file", "is not a folder"), ("folder", "not empty; nothing was changed")])
def test_what_is_no_run_is_not_to_be_gone_on_with(tmp_path, kind, said):
    target = tmp_path / "here"
    target.write_text("a") if kind == "file" else (target / "more").mkdir(parents=True)
    with pytest.raises(RunFolderError, match=f"{said}. Give another --run-dir.$"):
        mxgan.start(tiny_config(steps=1), target, display="none", progress=False)


def test_a_bad_configuration_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DisplayError):
        mxgan.start(tiny_config(steps=5), tmp_path / "run", display="window")
    with pytest.raises(DatasetError):
        mxgan.start(replace(tiny_config(steps=5), dataset="mnist", data_dir=str(tmp_path / "none")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["config.json", "params", "optimizer", "state.json"])
def test_a_damaged_run_is_named_and_not_resumed(name, tmp_path, trained_copy):
    trained_copy(2, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    (path,) = [p for p in folder.path.rglob("*") if p.name == name] or [
        next(p for p in sorted(folder.path.rglob("*")) if p.name.endswith(name))
    ]
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2] = b"\xff\xff"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=path.name.replace(".", r"\.")):
        mxgan.resume(folder.path, display="none", progress=False)
    if name != "optimizer":
        with pytest.raises(CorruptFileError):
            mxgan.load_sampler(folder.path)


def test_resuming_what_is_no_run(tmp_path, trained_copy):
    with pytest.raises(RunFolderError, match="is not a run folder: it has no config.json"):
        mxgan.resume(tmp_path)
    trained_copy(2, tmp_path / "run")
    import shutil

    whole = checkpoint_files(tmp_path / "run"), history(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(RunFolderError, match="had checkpoints, and they are missing. Restore .*checkpoints"):
        mxgan.resume(tmp_path / "run", display="none", progress=False)
    (tmp_path / "run" / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="has no checkpoint yet"):
        mxgan.load_sampler(tmp_path / "run")
    mxgan.resume(tmp_path / "run", display="none", progress=False).run()  # as the run that it was
    assert (checkpoint_files(tmp_path / "run"), history(tmp_path / "run")) == whole


def test_gammas_that_were_trained_come_out_of_the_file_alone(tmp_path):
    config = tiny_config(steps=20)
    network = replace(config.recipe.network, fix_gamma=False)
    config = replace(config, recipe=replace(config.recipe, network=network, initial_sigma=0.2))
    run(config, tmp_path / "run")
    (path,) = (tmp_path / "run" / "checkpoints" / "000020").glob("*_G_*.params")
    gamma = mxgan.load_params(path)[0]["gbn1_gamma"].asnumpy()
    assert np.abs(gamma - 1).max() > 1e-3
    np.testing.assert_allclose(
        mxgan.load_sampler(path).draw(4), mxgan.load_sampler(tmp_path / "run", averaged=False).draw(4), atol=1e-6
    )


def test_a_run_that_diverges_keeps_its_good_checkpoints(tmp_path):
    config = tiny_config(steps=40, checkpoint_every=4, keep=1)
    wild = replace(config.recipe.generator_optimizer, learning_rate=1e30)
    with pytest.raises(DivergedError, match="training has diverged: in step .*not finite. There is no good checkpoint"):
        run(replace(config, recipe=replace(config.recipe, generator_optimizer=wild)), tmp_path / "wild")
    assert RunFolder(tmp_path / "wild").checkpoint_steps() == []
    session = mxgan.start(replace(config, steps=20), tmp_path / "late", "none", progress=False)

    class Spoil(Callback):
        def on_step_end(self, trainer, batch, result):
            if trainer.step == 10:
                generator, discriminator = trainer.pair.get_params()
                generator[0]["g1_weight"][:] = np.nan
                trainer.pair.set_params(generator, discriminator)

    session.trainer.callbacks.insert(0, Spoil())
    with pytest.raises(DivergedError, match="in step 10 'g1_weight' of the generator is not .*checkpoints/000008"):
        session.run()
    assert RunFolder(tmp_path / "late").checkpoint_steps() == [8]
    for line in (tmp_path / "late" / "history.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_two_processes_cannot_use_one_run(finished, tmp_path):
    session = mxgan.start(tiny_config(steps=2), tmp_path / "run", "none", progress=False)
    with pytest.raises(RunFolderError, match="in use by another process"):
        mxgan.resume(tmp_path / "run", steps=4, display="none", progress=False)
    session.run()
    again = mxgan.resume(tmp_path / "run", steps=4, display="none", progress=False)
    with pytest.raises(RunFolderError, match="in use by another process; wait for it to end, or stop it"):
        mxgan.resume(tmp_path / "run", steps=6, display="none", progress=False)
    again.run()
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [2, 4]


def test_a_new_end_is_kept_and_one_that_is_reached_is_said(tmp_path, trained_copy):
    trained_copy(2, tmp_path / "run")
    with pytest.raises(ArgumentError, match="is at step 2 already, and its end is 2. For a later end, .* N above 2"):
        mxgan.resume(tmp_path / "run", display="none", progress=False)
    session = mxgan.resume(tmp_path / "run", steps=9, keep=1, display="none", progress=False)
    session.trainer.callbacks.append(StopAt(4))
    session.run()
    session = mxgan.resume(tmp_path / "run", display="none", progress=False)
    assert (session.config.steps, session.config.keep) == (9, 1)
    session.run()
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [9]


def test_what_may_not_change_is_refused(finished):
    _, folder = finished
    with pytest.raises(ArgumentError, match=r"other settings.*:\n  seed: 0 in the run, 3 asked for\nA run keeps its"):
        mxgan.resume(folder, seed=3)
    with pytest.raises(ArgumentError, match="unknown setting of a run 'sede'; did you mean 'seed'"):
        mxgan.resume(folder, sede=3)


def test_other_threads_are_warned_of(tmp_path, caplog, trained_copy):
    trained_copy(2, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "000002" / "state.json"
    record = json.loads(path.read_text())
    record["versions"]["threads"] = {"count": 64, "reason": "a larger machine"}
    path.write_text(json.dumps(record))
    with caplog.at_level("WARNING"):
        mxgan.resume(tmp_path / "run", steps=3, display="none", progress=False).run()
    (message,) = [r.getMessage() for r in caplog.records if "bits may differ" in r.getMessage()]
    assert "threads 64 (a larger machine) then, " in message


def test_other_kernels_are_warned_of(tmp_path, caplog, trained_copy, monkeypatch):
    trained_copy(2, tmp_path / "run")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")  # read when the library is loaded, so nothing changes here
    with caplog.at_level("WARNING"):
        mxgan.resume(tmp_path / "run", steps=3, display="none", progress=False).run()
    (message,) = [r.getMessage() for r in caplog.records if "bits may differ" in r.getMessage()]
    assert "OPENBLAS_CORETYPE=Prescott" in message.rpartition(" then, ")[2]


def test_another_reason_for_as_many_threads_is_no_change(tmp_path, caplog, trained_copy):
    trained_copy(2, tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "000002" / "state.json"
    record = json.loads(path.read_text())
    record["versions"]["threads"]["reason"] = "another one"
    path.write_text(json.dumps(record))
    with caplog.at_level("WARNING"):
        mxgan.resume(tmp_path / "run", steps=3, display="none", progress=False).run()
    assert "bits may differ" not in caplog.text


def test_resuming_on_other_data_is_refused(tmp_path, trained_copy):
    trained_copy(2, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["data"]["sha256"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(
        ArgumentError, match=r"the data set is not the one that .* then, .* now\. Restore the same files"
    ):
        mxgan.resume(tmp_path / "run", steps=3, display="none", progress=False)


def test_steps_left_over_at_the_end_are_logged_too(tmp_path, trained_copy):
    trained_copy(3, tmp_path / "run")
    assert [line["step"] for line in history(tmp_path / "run")] == [3]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, "give either steps or epochs; got steps=None and epochs=None"),
        ({"steps": 1, "epochs": 1}, "got steps=1 and epochs=1"),
        ({"steps": 0}, "steps is 0; give at least 1"),
        ({"steps": 1, "log_every": 0}, "log_every is 0"),
        ({"steps": 1, "monitor": -1}, "monitor is -1"),
        ({"steps": 1, "keep": 0}, "keep is 0"),
        ({"steps": 1, "checkpoint_every": 0}, "checkpoint_every is 0"),
    ],
)
def test_bad_run_settings(settings, words):
    with pytest.raises(ArgumentError) as caught:
        tiny_config(**settings)
    assert words in str(caught.value)


def test_epochs_end_where_the_data_does(tmp_path):
    session = run(tiny_config(epochs=1, checkpoint_every="epoch"), tmp_path / "run")
    assert (session.trainer.step, session.trainer.epoch, session.trainer.iteration) == (57, 1, 0)
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [57]


def test_the_monitor_prints_outputs_and_gradients(tmp_path, caplog):
    with caplog.at_level("INFO"):
        run(tiny_config(steps=3, monitor=2), tmp_path / "run")
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Batch:")]
    assert not any("_backward" in line for line in lines)
    for name in ("gact3_output", "dloss_output", "d1_weight_gradient", "g1_weight_gradient", "data_gradient"):
        assert any(name in line for line in lines), name


def test_samples_come_from_the_run_or_from_the_file_alone(finished):
    session, folder = finished
    by_run = mxgan.load_sampler(folder, batch_size=5)
    (path,) = (folder / "checkpoints" / "000020").glob("*_E_*.params")  # the average, as by_run
    by_file = mxgan.load_sampler(path, batch_size=64)
    images = by_run.draw(12, seed=4)
    assert images.shape == (12, 3, 16, 16)
    assert np.abs(images).max() <= 1
    np.testing.assert_allclose(by_file.draw(12, seed=4), images, atol=1e-6)
    np.testing.assert_allclose(by_run.draw(7, seed=4), images[:7], atol=1e-6)
    assert not np.allclose(by_run.draw(12, seed=5), images)
    sampler = mxgan.Sampler(session.config.recipe.network.generator(), (10, 1, 1))
    sampler.copy_from(session.trainer.pair)
    np.testing.assert_allclose(sampler.draw(12, seed=4), images, atol=1e-6)


def test_sampling_from_what_is_not_a_generator(finished, tmp_path):
    _, folder = finished
    (path,) = (folder / "checkpoints" / "000020").glob("*_D_*.params")
    with pytest.raises(CheckpointError, match="a discriminator's parameters; give the file with _G_"):
        mxgan.load_sampler(path)
    with pytest.raises(CheckpointError, match="does not exist; give a run folder or a .params file"):
        mxgan.load_sampler(tmp_path / "none.params")
    for number, content in enumerate((b"", b"PNG not params", path.read_bytes()[:1000])):
        broken = tmp_path / f"broken{number}.params"
        broken.write_bytes(content)
        with pytest.raises(CorruptFileError, match="is not a whole MXNet parameter file"):
            mxgan.load_sampler(broken)


def test_parameters_that_are_not_finite_are_refused(tmp_path):
    from mxgan.runtime import mx

    mxgan.save_params(tmp_path / "nan.params", {"g1_weight": mx.nd.array([np.nan])}, {})
    with pytest.raises(CheckpointError, match="'g1_weight' has values that are not finite"):
        mxgan.load_params(tmp_path / "nan.params")


def test_saving_where_one_cannot_keeps_what_was_there(tmp_path, monkeypatch):
    from mxgan.runtime import mx

    with pytest.raises(CheckpointError, match="could not be saved|cannot be written"):
        mxgan.save_params(tmp_path / "none" / "a.params", {"w": mx.nd.ones(2)}, {})
    mxgan.save_params(tmp_path / "a.params", {"w": mx.nd.ones(2)}, {})
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CheckpointError, match="could not be saved whole"):
        mxgan.save_params(tmp_path / "a.params", {"w": mx.nd.zeros(2)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.params"]
    assert mxgan.load_params(tmp_path / "a.params")[0]["w"].asnumpy().tolist() == [1, 1]


@pytest.mark.parametrize("nc", [1, 3])
def test_a_sampler_follows_its_pair(nc):
    """MXNet's inference backend keeps a weight that is worked out in the graph, as the grey layer's is, for ever."""
    from tests.support import make_pair, train

    pair = make_pair(nc=nc)
    sampler = mxgan.Sampler(pair.generator.symbol, (10, 1, 1), batch_size=4)
    for step in range(3):
        train(pair, step * 5, step * 5 + 5)
        sampler.copy_from(pair)
        fresh = mxgan.Sampler(pair.generator.symbol, (10, 1, 1), batch_size=4)
        fresh.copy_from(pair)
        np.testing.assert_array_equal(sampler.draw(4), fresh.draw(4))
