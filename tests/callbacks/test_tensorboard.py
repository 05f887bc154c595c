"""Event files for TensorBoard, read by TensorBoard's own reader."""

from __future__ import annotations

import io
import json
import logging
import os
import resource
import signal
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import mxgan
from mxgan.callbacks.event_files import EventFile, tensorboard_modules
from mxgan.callbacks.tensorboard import TAGS, TensorBoard, tag_of
from mxgan.errors import ArgumentError, OutputError, RunFolderError, RuntimeUnavailableError
from mxgan.runs.config import config_of_record
from mxgan.runtime.config import to_dict
from tests.made_run import made_run, row, write_lines
from tests.optional import needed
from tests.support import Spoil, StopAt, tiny_config
from tests.tiny_run import Training, contents, differences, history, tiny_flags

WHOLE = {"steps": 12, "evaluate_every": 6}
EVERY = {"log_every": 2, "sample_every": 4, "checkpoint_every": 5}


def config(**settings):
    return tiny_config(**{**EVERY, "tensorboard": True, **settings})


def trained(settings, folder, *callbacks):
    session = mxgan.start(settings, folder, "none", progress=False, callbacks=callbacks)
    session.run()
    return session.folder


def resumed(folder, *callbacks, **settings):
    session = mxgan.resume(folder.path, display="none", progress=False, callbacks=callbacks, **settings)
    session.run()
    return session.folder


def seen(folder):
    """All that TensorBoard's reader finds in a run."""
    reader = needed("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder / "tensorboard"), dict.fromkeys(("scalars", "images", "tensors"), 0))
    return found.Reload()


def scalars(found) -> dict:
    """{tag: [(step, value), …]}."""
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def expected_scalars(folder) -> dict:
    """What the files of a run say, as float32, which is what TensorBoard keeps."""
    found: dict = {}
    for name, tag in (("history.jsonl", tag_of), ("evaluation.jsonl", "evaluation/{}".format)):
        for each in rows(folder / name):
            for key, value in each.items():
                if isinstance(value, (int, float)) and key not in ("step", "samples", "images"):
                    found.setdefault(tag(key), []).append((each["step"], float(np.float32(value))))
    return found


def texts(found) -> list:
    """[(step, text), …] of the marks."""
    tags = [tag for tag in found.Tags()["tensors"] if tag.startswith("marks")]
    return [(each.step, each.tensor_proto.string_val[0].decode()) for tag in tags for each in found.Tensors(tag)]


def assert_same_as_files(folder):
    """Scalars are those of the run's files, and pictures those of samples/; nothing more, and nothing twice."""
    found = seen(folder)
    assert scalars(found) == expected_scalars(folder)
    pictures = {}
    for tag in found.Tags()["images"]:
        for each in found.Images(tag):
            assert tag.startswith("samples/")
            name = f"{tag[len('samples/') :]}-{each.step:06d}.png"
            assert name not in pictures
            pictures[name] = each.encoded_image_string
    kept = {path.name: path.read_bytes() for path in (folder / "samples").iterdir()}
    assert pictures.keys() == kept.keys()
    for name, content in pictures.items():
        pixels = [np.asarray(Image.open(io.BytesIO(each))) for each in (content, kept[name])]
        np.testing.assert_array_equal(*pixels)
    return found


@pytest.fixture(autouse=True)
def quick_scores(monkeypatch):
    """Evaluations of 64 samples by the metric that needs no classifier."""
    monkeypatch.setattr("mxgan.runs.assembly.SAMPLES", 64)
    monkeypatch.setattr("mxgan.runs.assembly.WHILE_TRAINING", ("swd",))


@pytest.fixture
def whole(kept, quick_scores):
    """The folder of a run of 12 steps with event files and evaluations; trained once, and only read."""
    if not kept.exists():
        trained(config(**WHOLE), kept)
    return kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("whole") / "run"


def test_the_reader_finds_every_number_and_every_picture(whole):
    found = assert_same_as_files(whole)
    tags = found.Tags()
    assert {"losses/G", "losses/D", "entropies/G", "accuracy/facc", "outputs/d_real", "evaluation/swd"} <= set(
        tags["scalars"]
    )
    assert set(tags["images"]) == {"samples/gout", "samples/diff", "samples/data"}
    assert len(found.Scalars("losses/G")) == 6
    assert len(found.Images("samples/gout")) == 3
    image = found.Images("samples/gout")[0]
    with Image.open(whole / "samples" / "gout-000004.png") as picture:
        assert (image.width, image.height) == picture.size


def test_settings_are_hyper_parameters_with_their_metrics(whole):
    metadata = needed("tensorboard.plugins.hparams.metadata")
    found = seen(whole)
    contents_of = found.PluginTagToContent("hparams")
    begin = metadata.parse_session_start_info_plugin_data(contents_of[metadata.SESSION_START_INFO_TAG])
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in begin.hparams.items()}
    assert values["network.ngf"] == 4
    assert values["batch_size"] == 32
    assert values["dataset"] == "digits"
    assert values["generator_optimizer.learning_rate"] == 0.0008
    assert values["tensorboard"] is True
    assert "summary" not in values
    experiment = metadata.parse_experiment_plugin_data(contents_of[metadata.EXPERIMENT_TAG])
    metrics = {each.name.tag for each in experiment.metric_infos}
    assert {"losses/G", "entropies/D", "evaluation/swd"} <= metrics
    assert {each.name for each in experiment.hparam_infos} == set(values)
    assert metadata.SESSION_END_INFO_TAG in contents_of


def test_the_training_has_the_same_bits_without_event_files(whole, tmp_path):
    without = trained(config(**WHOLE, tensorboard=False), tmp_path / "run").path
    assert not (without / "tensorboard").exists()
    found, other = contents(whole), contents(without)
    state = next(name for name in found if name.endswith("/state.json"))
    ours = json.loads(found[state])
    assert ours["callbacks"].pop("TensorBoard") == {"whole": True}
    found[state] = json.dumps(ours).encode()
    assert differences(found, other) == []


@pytest.mark.long
def test_a_run_that_is_killed_and_resumed_has_each_point_once(tmp_path):
    flags = tiny_flags(30, tensorboard="", **EVERY, keep=1)
    flags.remove("")
    training = Training(tmp_path / "run", flags)
    path = tmp_path / "run" / "history.jsonl"

    def between_checkpoints():
        """Lines after the newest checkpoint are in the event files."""
        steps = [int(entry.name) for entry in (tmp_path / "run" / "checkpoints").glob("0*")]
        return bool(steps) and path.read_bytes().count(b"\n") * 2 > max(steps) + 2

    assert training.wait_until(between_checkpoints), training.output()
    training.kill()
    last_but_one = history(tmp_path / "run")[-2]["step"]  # the last one may be in no event file yet
    assert last_but_one in [step for step, _ in scalars(seen(tmp_path / "run"))["losses/G"]]
    training = Training(tmp_path / "run", flags)
    assert training.finish() == 0, training.output()
    found = assert_same_as_files(tmp_path / "run")
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 2
    ((step, text),) = texts(found)
    assert text == f"Resumed at step {step}; the process before it had died."
    assert step % 5 == 0


def driven(folder, *steps, state=None):
    """Call TensorBoard over a run that the test has made: at the first of the steps it begins; returns its state."""
    callback = TensorBoard(folder)
    trainer = SimpleNamespace(step=steps[0], callbacks=[callback])
    callback.restore({} if state is None else state)
    callback.on_fit_begin(trainer)
    for step in steps[1:]:
        callback.on_step_begin(trainer)
        trainer.step = step
        with (folder / "history.jsonl").open("a") as lines:
            lines.write(json.dumps(row(step)) + "\n")
        callback.on_step_end(trainer, None, None)
    callback.on_fit_end(trainer)
    kept = callback.state()
    callback.close(trainer)
    return kept


def with_pictures(run, *steps):
    for step in steps:
        Image.fromarray(np.full((8, 8), step, np.uint8)).save(run / "samples" / f"gout-{step:06d}.png")
    return run


def test_a_session_hides_what_the_run_has_forgotten(tmp_path):
    run = made_run(tmp_path / "run", history=[])
    state = driven(run, 0, 2, 4, 7)
    assert [step for step, _ in scalars(assert_same_as_files(run))["losses/G"]] == [2, 4, 7]
    write_lines(run / "history.jsonl", [row(2), row(4)])  # as a resume at step 5 cuts it
    driven(run, 5, 6, 8, state=state)
    assert [step for step, _ in scalars(assert_same_as_files(run))["losses/G"]] == [2, 4, 6, 8]
    driven(run, 8, 9, state={})  # that had no event files up to its checkpoint: its whole past is written once more
    assert [step for step, _ in scalars(assert_same_as_files(run))["losses/G"]] == [2, 4, 6, 8, 9]


def test_a_run_without_event_files_gets_its_past(tmp_path):
    evaluation = [{"step": 3, "swd": 2.5, "samples": 64}]
    run = made_run(tmp_path / "run", history=[row(2), row(5, own=None)], evaluation=evaluation)
    driven(with_pictures(run, 4), 5, 7)
    found = assert_same_as_files(run)
    assert [step for step, _ in scalars(found)["losses/G"]] == [2, 5, 7]
    assert scalars(found)["evaluation/swd"] == [(3, 2.5)]


@pytest.mark.long
def test_what_a_stopped_run_forgets_on_resume_is_hidden(tmp_path):
    """It stops at step 7: that line of the history has one step only, the scores are of no interval; both are cut."""
    folder = trained(config(**WHOLE), tmp_path / "run", StopAt(7))
    before = scalars(assert_same_as_files(folder.path))
    assert before["losses/G"][-1][0] == before["evaluation/swd"][-1][0] == 7
    resumed(folder)
    after = scalars(assert_same_as_files(folder.path))
    assert 7 not in [step for tag in after for step, _ in after[tag]]
    assert after["losses/G"][:3] == before["losses/G"][:3]


@pytest.mark.long
def test_a_run_that_had_no_event_files_gets_its_past(tmp_path):
    folder = trained(config(steps=5, tensorboard=False), tmp_path / "run")
    assert_same_as_files(resumed(folder, steps=7, tensorboard=True).path)
    resumed(folder, steps=9, tensorboard=False)
    assert_same_as_files(resumed(folder, steps=11, tensorboard=True).path)


@pytest.mark.long
def test_a_run_that_starts_again_hides_all_that_was(tmp_path):
    settings = config(steps=8, checkpoint_every=100)
    session = mxgan.start(settings, tmp_path / "run", "none", progress=False, callbacks=[Break(6)])
    with pytest.raises(RuntimeError, match="broken"):
        session.run()
    assert scalars(seen(tmp_path / "run"))["losses/G"][-1][0] == 6
    again = mxgan.resume(tmp_path / "run", display="none", progress=False)
    assert again.trainer.step == 0
    again.run()
    found = assert_same_as_files(tmp_path / "run")
    assert [step for step, _ in scalars(found)["losses/G"]] == [2, 4, 6, 8]


class Break(mxgan.Callback):
    def __init__(self, at):
        self.at = at

    def on_step_end(self, trainer, batch, result):
        if trainer.step == self.at:
            raise RuntimeError("broken")


def test_a_rollback_has_each_point_once_and_a_mark(tmp_path):
    settings = config(steps=10, checkpoint_every=4, on_nan="rollback")
    folder = trained(settings, tmp_path / "run", Spoil("generator", "g1_weight", 7))
    found = assert_same_as_files(folder.path)
    ((step, mark),) = texts(found)
    assert step == 6
    assert mark.startswith("Rolled back to step 4: ")
    assert "0.5 times the learning rates" in mark


def test_changed_settings_are_marks(tmp_path):
    begins = [{"event": "begin", "step": step} for step in (0, 4)]
    events = [begins[0], {"event": "end", "step": 4, "how": "finished"}, begins[1]]
    changes = [{"step": 4, "settings": {"seed": [0, 3]}}]
    run = made_run(tmp_path / "run", history=[row(4)], events=events, changes=changes)
    driven(run, 4, 6)
    assert texts(seen(run)) == [(4, "Resumed at step 4; it had finished before.\n\nSettings changed: seed 0 → 3.")]


def test_it_is_a_callback_of_ones_own_too(tmp_path):
    folder = trained(config(steps=4, tensorboard=False), tmp_path / "run", TensorBoard(tmp_path / "run"))
    assert_same_as_files(folder.path)
    with pytest.raises(ArgumentError, match="two callbacks have the name 'TensorBoard'"):
        trained(config(steps=4), tmp_path / "twice", TensorBoard(tmp_path / "twice"))


@pytest.mark.long
def test_epochs_and_pictures_of_other_recipes(tmp_path):
    settings = config(epochs=1, limit=96, sample_every="epoch", checkpoint_every="epoch", evaluate_every=3)
    recipe = replace(settings.recipe, pictures=("strip", "scores", "losses"))
    folder = trained(replace(settings, recipe=recipe), tmp_path / "run")
    found = assert_same_as_files(folder.path)
    assert set(found.Tags()["images"]) == {"samples/strip", "samples/scores", "samples/losses"}


def test_without_the_package_no_run_begins(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    expected = r"Event files for TensorBoard are .* pip install '.\[tensorboard\]'"
    with pytest.raises(RuntimeUnavailableError, match=expected):
        mxgan.start(config(steps=2), tmp_path / "run", "none", progress=False)
    assert not (tmp_path / "run").exists()
    with pytest.raises(RuntimeUnavailableError, match="tensorboardX"):
        TensorBoard(tmp_path / "run")


def test_pytorch_is_not_imported_for_it(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("tensorboardX", "torch")]:
        monkeypatch.delitem(sys.modules, name)
    tensorboard_modules()
    assert "torch" not in sys.modules
    crc = 0xE3069283  # of RFC 3720, for this text; masked as the format of TFRecord says
    assert tensorboard_modules().checksum(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("target", ["folder", "file"])
def test_links_lead_out_of_the_run_and_are_refused_before_the_first_step(tmp_path, target):
    run, outside = made_run(tmp_path / "run"), tmp_path / "outside"
    outside.mkdir()
    if target == "folder":
        (run / "tensorboard").symlink_to(outside)
        expected = "tensorboard is a link, and a run writes only inside its own folder"
    else:
        (run / "tensorboard").write_text("a file")
        expected = "cannot be made: File exists"
    with pytest.raises(RunFolderError, match=expected):
        TensorBoard(run).on_fit_begin(None)
    assert list(outside.iterdir()) == []


def test_an_event_file_that_becomes_a_link_is_an_error(tmp_path):
    events = EventFile(tmp_path)
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link, but a run writes only inside its folder"):
        events.add(1, [events.scalars({"a": 1.0})])


def test_a_full_disk_is_an_error_and_leaves_whole_events(tmp_path):
    (tmp_path / "tensorboard").mkdir()
    events, threads = EventFile(tmp_path / "tensorboard"), threading.active_count()
    before, steps = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), []

    def fill():
        for step in range(1000):
            events.add(step, [events.scalars({"losses/G": 1.0})])
            steps.append(step)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        with pytest.raises(OutputError, match=r"events\.out\.tfevents\.0000000001 cannot be written: File too large"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, before)
    assert threading.active_count() == threads
    assert [at for at, _ in scalars(seen(tmp_path))["losses/G"]] == steps


@pytest.mark.long
def test_a_full_disk_ends_the_training_in_words_and_leaves_whole_events(tmp_path):
    """No thread waits, and the last event is whole or absent."""
    most = 300_000

    class Fill(mxgan.Callback):
        def on_step_begin(self, trainer):
            if trainer.step == 2:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    threads = threading.active_count()
    try:
        with pytest.raises(OutputError, match=r"events\.out\.tfevents\.0000000001 cannot be written: File too large"):
            trained(config(steps=400, checkpoint_every=1000), tmp_path / "run", Fill())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert threading.active_count() == threads
    (path,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert os.path.getsize(path) <= most
    assert scalars(seen(tmp_path / "run"))["losses/G"][0][0] == 2


def test_a_picture_that_is_broken_is_left_out_with_a_warning(tmp_path, caplog):
    run = made_run(tmp_path / "run", history=[row(8)], pictures=("gout-000004.png",))  # three bytes
    with caplog.at_level(logging.WARNING):
        driven(with_pictures(run, 6, 8), 8, 9)
    assert "gout-000004.png is not in the event files for TensorBoard: cannot identify image file" in caplog.text
    assert [each.step for each in seen(run).Images("samples/gout")] == [6, 8]


def test_every_key_of_the_documented_history_has_a_group():
    from tests.test_readme import ROOT

    table = (ROOT / "docs" / "runs.md").read_text().partition("## History")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    keys = {key.strip(" `") for cell in cells for key in cell.split(",")}
    assert keys - {"step", "epoch", "diagnoses", "rollbacks"} == set(TAGS)


def test_old_runs_and_a_flag_that_changes_nothing_else(tmp_path):
    settings = config(steps=2, tensorboard=False)
    record = {"run": to_dict(settings)}
    assert record["run"].pop("tensorboard") is False
    assert config_of_record(record) == settings
    with pytest.raises(ArgumentError, match="tensorboard is 1; give True or False"):
        config(steps=2, tensorboard=1)
