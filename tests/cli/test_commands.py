"""The command line as a user meets it: flags, exit codes, the last lines, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mxgan.cli import main
from mxgan.errors import ArgumentError
from mxgan.recipes import RECIPES
from mxgan.runtime import mx
from mxgan.runtime.draws import draw_latents
from mxgan.training.run_folder import RunFolder
from tests.support import long_but

TINY = ["--dataset", "digits", "--ngf", "4", "--ndf", "4", "--set", "image_size=16", "--batch-size", "32"]


def mxgan(*arguments, **settings):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False, **settings)


def dry_run(*arguments) -> dict:
    result = mxgan("train", "--dry-run", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    result = mxgan("train", *TINY, "--steps", 12, "--display", "none", "--run-dir", folder)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_training_ends_with_a_picture_and_the_run_folder(finished):
    folder, output = finished
    lines = output.splitlines()
    picture = next(line for line in lines if line.startswith("picture: "))
    assert picture == f"picture: {folder / 'samples' / 'gout-000012.png'}"
    assert f"run folder: {folder}; from step 0 to 12" in lines
    assert lines[-1] == f"run folder: {folder}"
    assert (folder / "samples" / "gout-000012.png").stat().st_size > 0
    assert any(line.startswith("epoch: 0 iter: 10 metric: ('facc', ") for line in lines)


def test_the_flags_reach_the_configuration():
    found = dry_run(
        "--recipe", "dcgan-original", "--dataset", "mnist", "--data-dir", "/d", "--steps", 7, "--batch-size", 5,
        "--ngf", 6, "--ndf", 8, "--nc", 1, "--lr", 0.001, "--beta1", 0.25, "--seed", 9, "--gpu", "0,1",
        "--log-every", 3, "--sample-every", 4, "--checkpoint-every", "epoch", "--keep", 2, "--monitor", 1,
        "--set", "image_size=32", "--set", "discriminator_optimizer.learning_rate=0.0005",
    )  # fmt: skip
    recipe = found["recipe"]
    assert recipe["network"]["image_size"] == 32
    assert [recipe["network"][key] for key in ("ngf", "ndf", "nc")] == [6, 8, 1]
    assert recipe["batch_size"] == 5
    assert recipe["real_label"] == 1.0
    assert recipe["generator_optimizer"]["learning_rate"] == 0.001
    assert recipe["discriminator_optimizer"]["learning_rate"] == 0.0005
    for half in ("generator", "discriminator"):
        assert recipe[f"{half}_optimizer"]["settings"]["beta1"] == 0.25
    for key, value in {
        "dataset": "mnist", "data_dir": "/d", "steps": 7, "epochs": None, "seed": 9, "gpu": "0,1", "log_every": 3,
        "sample_every": 4, "checkpoint_every": "epoch", "keep": 2, "monitor": 1,
    }.items():  # fmt: skip
        assert found[key] == value, key


def test_the_defaults_are_the_originals():
    recipe = dry_run("--recipe", "dcgan-original")["recipe"]
    assert [recipe["network"][key] for key in ("ngf", "ndf", "nc", "image_size", "latent_size")] == [64, 64, 3, 64, 100]
    assert recipe["network"]["fix_gamma"] is True
    assert recipe["batch_size"] == 64
    for half in ("generator", "discriminator"):
        assert recipe[f"{half}_optimizer"]["learning_rate"] == 2e-4
        assert recipe[f"{half}_optimizer"]["settings"] == {"beta1": 0.5, "wd": 0.0}
    assert recipe["initial_sigma"] == 0.02
    assert recipe["real_label"] == 1.0
    assert recipe["instance_noise"]["sigma"] == 0


def test_the_originals_windows_are_refreshed_every_ten_steps_and_files_every_hundred():
    original = dry_run("--recipe", "dcgan-original")
    assert (original["show_every"], original["sample_every"]) == (10, 100)
    assert dry_run()["show_every"] is None
    assert dry_run("--recipe", "dcgan-original", "--show-every", "epoch")["show_every"] == "epoch"
    result = mxgan("train", "--dry-run", "--set", "show_every=0")
    assert result.exit_code == 2
    assert "show_every is 0; give a number of steps above 0, or 'epoch', or null for the pictures" in result.output


def test_lr_keeps_the_ratio_between_the_networks():
    from mxgan.cli.flags import changed as with_flags
    from mxgan.runs.config import RunConfig
    from mxgan.runtime.config import override

    config = override(RunConfig(steps=1), {"discriminator_optimizer.learning_rate": 2e-4})
    changed = with_flags({"lr": 1e-3}, config).recipe
    assert changed.generator_optimizer.learning_rate == 1e-3
    assert changed.discriminator_optimizer.learning_rate == pytest.approx(2.5e-4)


@pytest.mark.parametrize(
    "flags, found",
    [
        (["--augment", "colour,translation,cutout"], ["colour", "translation", "cutout"]),
        (["--augment", "cutout, colour"], ["cutout", "colour"]),
        (["--recipe", "few"], ["colour", "translation", "cutout"]),
        (["--recipe", "few", "--augment", "none"], []),
        (["--set", 'augment=["cutout"]'], ["cutout"]),
        ([], []),
    ],
)
def test_augmentations_by_their_names(flags, found):
    assert dry_run(*flags)["recipe"]["augment"] == found


def test_an_augmentation_that_is_not_there():
    result = mxgan("train", "--dry-run", "--augment", "color,cutout")
    assert result.exit_code == 2
    assert "unknown augmentation 'color'; did you mean 'colour'? Known: colour, translation, cutout." in result.output


def test_another_optimiser_is_reached_from_the_command_line(tmp_path):
    settings = ["--set", "generator_optimizer.name=sgd", "--set", 'generator_optimizer.settings={"momentum": 0.9}']
    result = mxgan("train", *TINY, *settings, "--steps", 1, "--display", "none", "--run-dir", tmp_path / "run")
    assert result.exit_code == 0, result.output


def test_the_default_recipe_has_what_keeps_it_in_balance():
    recipe = dry_run()["recipe"]
    assert recipe["real_label"] == 0.9
    assert recipe["instance_noise"] == {"sigma": 0.2, "steps": None}
    assert (
        recipe["generator_optimizer"]["learning_rate"] == 4 * recipe["discriminator_optimizer"]["learning_rate"] == 8e-4
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--recipe", "dcgam"], "unknown recipe 'dcgam'; did you mean 'dcgan'?"),
        (["--dataset", "minst"], "unknown dataset 'minst'; did you mean 'mnist'?"),
        (["--steps", "0"], "--steps"),
        (["--steps", "ten"], "--steps"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--ngf", "0"], "--ngf"),
        (["--nc", "2"], "--nc"),
        (["--lr", "-1"], "learning_rate is -1.0; give a number above 0"),
        (["--lr", "nan"], "learning_rate is nan"),
        (["--beta1", "1.5"], "beta1 is 1.5; give a number from 0 to below 1"),
        (["--seed", "-1"], "--seed"),
        (["--gpu", "x"], "'x'"),
        (["--display", "big"], "--display"),
        (["--checkpoint-every", "never"], "'never' is none of N|epoch|Nmin, where N is a number above 0"),
        (["--set", "ngf"], "--set 'ngf' is not of the form KEY=VALUE"),
        (["--set", "ngff=3"], "unknown setting 'ngff'"),
        (["--set", "image_size=50"], "image_size is 50; give a multiple of 4 from 16 to 256"),
        (["--set", "learning_rate=1"], "is ambiguous; give one of"),
        (["--set", "generator_optimizer.name=adamm"], "'adamm'"),
        (["--steps", "1", "--epochs", "1"], "give either steps or epochs"),
        (["--resume", "nowhere"], "--run-dir cannot go with --resume nowhere: a run stays in its folder"),
        (["--keep-best", "loss_g"], "keep_best is 'loss_g'; give METRIC:min or METRIC:max, or null for none"),
        (["--on-nan", "ignore"], "--on-nan"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "nowhere is not a folder, and train-images-idx3-ubyte"),
        (["--dataset", "recordio"], "the data set 'recordio' needs a data_dir (--data-dir): a .rec file"),
        (["--bogus"], "--bogus"),
    ],
)
def test_a_bad_call_gets_one_or_two_lines_and_no_traceback(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = mxgan("train", *TINY[2:], "--run-dir", tmp_path / "run", *arguments)
    assert result.exit_code in (1, 2)
    assert words in result.output
    assert "Traceback" not in result.output
    said = [line for line in result.output.splitlines() if not line.startswith(("Usage:", "Try "))]
    assert len([line for line in said if line]) <= 2, result.output
    assert not (tmp_path / "run").exists()


def test_an_error_nobody_foresaw_is_two_lines_and_a_traceback_on_demand(capsys):
    from mxgan.cli.terminal import readable_errors

    with pytest.raises(SystemExit) as ended, readable_errors(debug=False):
        raise RuntimeError("boom\nand much more")
    assert ended.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Error: RuntimeError: boom"
    assert second.endswith("--debug shows where it happened.")
    with pytest.raises(RuntimeError, match="boom"), readable_errors(debug=True):
        raise RuntimeError("boom")


@pytest.mark.parametrize(
    "command",
    long_but(
        [("recipes",), ("train", "--dry-run"), ("summary",), ("sample", "."), ("pack", ".", "a.rec")], ("recipes",)
    ),
)
def test_without_opencv_every_command_says_so_in_a_line(command, tmp_path):
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text("raise ImportError('no OpenCV here')")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[2])])
    environment = {**os.environ, "PYTHONPATH": path}
    call = [sys.executable, "-m", "mxgan", *command]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: OpenCV cannot be imported: no OpenCV here. Install it again: pip install ")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_exit_code_is_ours_where_a_stream_takes_no_more(stream):
    """Python 3.14 would end with 120 for what the stream still holds."""
    code = """
import sys
from mxgan.errors import ArgumentError
from mxgan.cli.terminal import readable_errors
with readable_errors(debug=False):
    print("held", file=sys.stdout)
    raise ArgumentError("of the caller")"""
    others = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUNBUFFERED": ""}
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, **{**others, stream: full})
    assert done.returncode == ArgumentError.exit_code == 2


def test_resuming_nothing():
    result = mxgan("train", "--resume", "nowhere")
    assert result.exit_code == 1
    assert result.output == "Error: nowhere does not exist; give the folder of a run, such as runs/NAME.\n"


def test_no_gpu_is_said_and_not_replaced_by_the_cpu(tmp_path):
    from mxgan.runtime import mx

    if mx.context.num_gpus():
        pytest.skip("this machine has a GPU")
    result = mxgan("train", *TINY, "--steps", 1, "--gpu", 0, "--run-dir", tmp_path / "run")
    assert result.exit_code in (1, 2)
    assert "--gpu 0 was asked for" in result.output
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_is_refused(finished):
    folder, _ = finished
    result = mxgan("train", *TINY, "--steps", 1, "--run-dir", folder)
    assert result.exit_code == 1
    assert "exists and is not empty; nothing was changed" in result.output


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = mxgan("train", *TINY, "--steps", 1, "--run-dir", tmp_path / "file" / "run")
    assert result.exit_code == 1
    assert "cannot be made" in result.output


def test_resume_through_the_command_line(finished, tmp_path):
    folder = tmp_path / "run"
    assert mxgan("train", *TINY, "--steps", 5, "--display", "none", "--run-dir", folder).exit_code == 0
    result = mxgan("train", "--resume", folder, "--steps", 12, "--display", "none")
    assert result.exit_code == 0, result.output
    picture = "samples/gout-000012.png"
    assert (folder / picture).read_bytes() == (finished[0] / picture).read_bytes()


@pytest.mark.long
def test_a_closed_standard_output_loses_no_training(tmp_path):
    command = [sys.executable, "-m", "mxgan", "train", *TINY, "--steps", "40", "--display", "none"]
    process = subprocess.Popen(
        [*command, "--run-dir", str(tmp_path / "run")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    with process:
        errors = process.stderr.read()
    assert process.returncode == 0, errors
    assert "Standard output cannot be written" in errors
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [40]


def test_a_dry_run_of_resume_trains_nothing(finished):
    folder, _ = finished
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = mxgan("train", "--resume", folder, "--steps", 99, "--dry-run")
    assert json.loads(result.output)["steps"] == 99
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("number", long_but([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], signal.SIGINT))
def test_ctrl_c_saves_and_says_how_to_go_on(number, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "mxgan", "train", *TINY, "--steps", "100000", "--display", "none"]
    process = subprocess.Popen(
        [*command, "--run-dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # tests in the background of a shell ignore SIGINT
    )
    history = folder / "history.jsonl"
    deadline = time.monotonic() + 120
    while not (history.exists() and history.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number, output
    assert "Traceback" not in output
    (step,) = RunFolder(folder).checkpoint_steps()
    assert f"Stopped by {signal.Signals(number).name} after step {step}, and saved. Continue with:" in output
    assert f"mxgan train --resume {folder}" in output
    assert mxgan("train", "--resume", folder, "--steps", step + 1, "--display", "none").exit_code == 0


@pytest.mark.long
def test_a_terminal_that_goes_away_costs_nothing(tmp_path):
    """A shell that is closed: SIGHUP, and standard output and error lead nowhere from then on."""
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "mxgan", "train", *TINY, "--steps", "100000", "--display", "none"]
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests under nohup ignore it
        os.execv(command[0], [*command, "--run-dir", str(folder), "--checkpoint-every", "100000"])
    said, deadline = b"", time.monotonic() + 120
    while b"iter: 20" not in said and time.monotonic() < deadline:
        said += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.WIFEXITED(status), status
    assert len(RunFolder(folder).checkpoint_steps()) == 1


@pytest.mark.long
def test_what_nohup_has_ignored_stays_ignored(tmp_path):
    command = ["nohup", sys.executable, "-m", "mxgan", "train", *TINY, "--steps", "60", "--display", "none"]
    with subprocess.Popen(
        [*command, "--run-dir", str(tmp_path / "run")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if "iter: 10 " in line:
                break
        process.send_signal(signal.SIGHUP)
        output = process.stdout.read()
    assert process.returncode == 0, output
    assert RunFolder(tmp_path / "run").checkpoint_steps() == [60]


def test_samples_as_grid_array_and_folder(finished, tmp_path):
    folder, _ = finished
    import cv2

    assert mxgan("sample", folder, "--num", 9, "--output", tmp_path / "grid.png").exit_code == 0
    assert cv2.imread(str(tmp_path / "grid.png")).shape == (52, 52, 3)
    assert mxgan("sample", folder, "--num", 9, "--output", tmp_path / "array.npz").exit_code == 0
    images = np.load(tmp_path / "array.npz")["images"]
    assert images.shape == (9, 3, 16, 16)
    assert images.dtype == np.float32
    assert mxgan("sample", folder, "--num", 3, "--output", tmp_path / "many").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "many").iterdir()) == ["000000.png", "000001.png", "000002.png"]


def test_an_output_is_replaced_when_told_and_not_before_the_new_one_is_whole(finished, tmp_path, monkeypatch):
    folder, _ = finished
    names = ("grid.png", "array.npz", "many")
    call = {name: ["sample", folder, "--output", tmp_path / name, "--num"] for name in names}
    for name in names:
        assert mxgan(*call[name], 3).exit_code == 0

    def contents():
        return {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}

    before = contents()
    for name in names:
        refused = mxgan(*call[name], 2)
        assert (refused.exit_code, "replace it (--overwrite)" in refused.output) == (2, True), refused.output
    with monkeypatch.context() as broken:  # what fails in the middle of writing leaves the old output
        broken.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for name in names:
            failed = mxgan(*call[name], 2, "--overwrite")
            assert (failed.exit_code, "No space left" in failed.output) == (1, True), failed.output
    assert contents() == before
    for name in names:
        assert mxgan(*call[name], 2, "--overwrite").exit_code == 0
    assert [path.name for path in sorted((tmp_path / "many").iterdir())] == ["000000.png", "000001.png"]
    assert len(np.load(tmp_path / "array.npz")["images"]) == 2
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["array.npz", "grid.png", "many"]


def test_overwriting_deletes_nothing_of_the_users(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "notes.txt").write_text("mine")
    (tmp_path / "a.png").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "000000.png").write_text("old")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "000001.png").write_text("mine")  # the names of a data set that counts from 1
    foreign = "does not write ({}), and --overwrite would delete"
    for name, words in (
        ("many", foreign.format("notes.txt")),
        ("faces", foreign.format("000001.png")),
        ("a.png", "is a folder"),
    ):
        result = mxgan("sample", folder, "--num", 1, "--output", tmp_path / name, "--overwrite")
        assert (result.exit_code, words in result.output) == (2, True), result.output
    assert (tmp_path / "many" / "notes.txt").read_text() == (tmp_path / "faces" / "000001.png").read_text() == "mine"
    assert mxgan("sample", folder, "--num", 1, "--output", link, "--overwrite").exit_code == 0
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["000000.png"]


def test_every_command_with_an_output_replaces_it_when_told(finished, tmp_path):
    """evaluate and summary write files; a classifier's folder is replaced if it is one."""
    folder, _ = finished
    network = tmp_path / "net.json"
    network.write_text(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc").tojson())
    (tmp_path / "net.png").write_text("old")
    (tmp_path / "scores.json").write_text("old")
    (tmp_path / "classifier").mkdir()
    (tmp_path / "classifier" / "mine.txt").write_text("old")
    calls = {
        "exists; give another name": [
            ["summary", "--symbol", network, "--shape", "data=1,4", "--graph", tmp_path],
            ["evaluate", folder, "--metric", "swd", "--samples", "100", "--output", tmp_path / "scores.json"],
        ],
        "is not empty": [["train-classifier", "--output", tmp_path / "classifier"]],
    }
    for words, each in calls.items():
        for call in each:
            assert words in mxgan(*call).output
    assert "does not write (mine.txt)" in mxgan(*calls["is not empty"][0], "--overwrite").output
    for call in calls["exists; give another name"]:
        result = mxgan(*call, "--overwrite")
        assert result.exit_code == 0 or "dot` of Graphviz is not installed" in result.output, result.output
    assert json.loads((tmp_path / "scores.json").read_text())["results"]


def test_samples_of_a_foreign_file_by_its_symbol(tmp_path):
    noise = mx.sym.Variable("noise")
    symbol = mx.sym.Activation(mx.sym.FullyConnected(noise, name="fc", num_hidden=64), act_type="sigmoid")
    weight, bias = np.random.default_rng(0).standard_normal((64, 5)), np.zeros(64)
    arrays = {"fc_weight": mx.nd.array(weight), "fc_bias": mx.nd.array(bias)}
    mx.nd.save(str(tmp_path / "a.params"), {f"net_{name}": value for name, value in arrays.items()})
    symbol.save(str(tmp_path / "b.json"))
    call = ["sample", tmp_path / "a.params", "--symbol", tmp_path / "b.json", "--num", 4]
    result = mxgan(*call, "--output", tmp_path / "found.npz")
    assert result.exit_code == 0, result.output
    said, last = result.output.splitlines()
    assert said == (
        f"symbol: {tmp_path / 'b.json'}; latents: input 'noise', shape (5,), normal (assumed); "
        "64 numbers a sample, drawn as 1×8×8; its values from 0 to 1 become -1 to 1"
    )
    assert last == f"4 images: {tmp_path / 'found.npz'}"
    stated = ["--input", "noise", "--latent", "5", "--strip-prefix", "net_"]
    assert mxgan(*call, *stated, "--output", tmp_path / "stated.npz").exit_code == 0
    found, same = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("found", "stated"))
    np.testing.assert_array_equal(found, same)
    expected = np.tanh(draw_latents((4, 5), 0, 0, stream="samples") @ weight.T / 2).reshape(4, 1, 8, 8)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert mxgan(*call, "--distribution", "uniform", "--output", tmp_path / "uniform.npz").exit_code == 0
    latents = draw_latents((4, 5), 0, 0, stream="samples", distribution="uniform")
    uniform = np.tanh(latents @ weight.T / 2).reshape(4, 1, 8, 8)
    np.testing.assert_allclose(np.load(tmp_path / "uniform.npz")["images"], uniform, atol=1e-5)
    for wrong in ("5,", "0", "a", "", "-1"):
        result = mxgan(*call, "--latent", wrong, "--output", tmp_path / "none.npz")
        assert result.exit_code == 2
        assert f"--latent '{wrong}': give the sizes of one latent, all above 0, as 100,1,1." in result.output


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["{run}", "--latent", "10,1,1"], "--latent (latent_shape=…): only for a .params file;"),
        (["{run}", "--symbol", "a.json"], "--symbol (symbol=…): only for a .params file;"),
        (["{run}", "--distribution", "normal"], "--distribution (distribution=…): only for a .params file;"),
        (["nowhere"], "nowhere does not exist; give a run folder or a .params file"),
        (["{run}", "--num", "0"], "the number of samples is 0"),
        (["{run}", "--output", "{run}/config.json"], "exists; give another name"),
        (["{run}", "--output", "{run}"], "is not empty; give another --output"),
        (["{run}", "--output", "{run}/a.jpg"], "give a name that ends in .png, .npz or .zip, or a folder"),
        (["{run}", "--output", "{run}/none/a.npz"], "cannot be written"),
    ],
)
def test_bad_calls_of_sample(arguments, words, finished):
    folder, _ = finished
    before = (folder / "config.json").read_bytes()
    result = mxgan("sample", *(argument.replace("{run}", str(folder)) for argument in arguments))
    assert result.exit_code in (1, 2)
    assert words in result.output
    assert (folder / "config.json").read_bytes() == before


def test_pack_and_train_on_what_was_packed(tmp_path):
    import cv2

    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (300, 280, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), pixels)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    packed = mxgan("pack", tmp_path, tmp_path / "train.rec")
    assert packed.exit_code == 0, packed.output
    assert "4 images" in packed.output
    assert "1 left out" in packed.output
    assert "broken.jpg" in packed.output
    result = mxgan(
        "train", *TINY[2:], "--dataset", "recordio", "--data-dir", tmp_path / "train.rec", "--batch-size", 4,
        "--steps", 2, "--display", "none", "--run-dir", tmp_path / "run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def black_shapes(folder: Path) -> Path:
    """Shapes that live in alpha: every pixel is black."""
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(4):
        pixels = np.zeros((32, 32, 4), np.uint8)
        pixels[4 : 10 + 5 * number, 6:20, 3] = 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def on_shapes(tmp_path, *arguments):
    return mxgan(
        "train", *TINY[2:], "--dataset", "folder", "--data-dir", tmp_path / "in", "--steps", 1, "--display", "none",
        "--batch-size", 4, "--run-dir", tmp_path / "run", *arguments,
    )  # fmt: skip


def test_a_background_is_a_setting_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    black_shapes(tmp_path / "in")
    refused = on_shapes(tmp_path, "--set", "background=black")
    assert refused.exit_code == 1
    assert "its 4 images are of one colour each, and a GAN can learn nothing" in refused.output
    assert "give another background, for example white (background=white in a run's --set, " in refused.output
    assert not (tmp_path / "run" / "checkpoints").exists()
    trained = on_shapes(tmp_path, "--set", "background=#ff8000")
    assert trained.exit_code == 0, trained.output
    recorded = RunFolder(tmp_path / "run").read_config()["run"]
    assert recorded["background"] == "#ff8000"
    other = on_shapes(tmp_path, "--resume", "auto", "--steps", 2, "--set", "background=white")
    assert other.exit_code == 2
    assert "background" in other.output


def test_a_classifier_has_a_background(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("a", "b"):
        black_shapes(tmp_path / "in" / name)
    data = ("train-classifier", "--dataset", "folder", "--data-dir", tmp_path / "in", "--epochs", 1)
    refused = mxgan(*data, "--output", tmp_path / "no", "--background", "black")
    assert refused.exit_code == 1
    assert "8 of them have transparent parts: give another background, for example white (" in refused.output
    assert "--background white of the other commands" in refused.output
    found = []
    for name in ("white", "#ff8000"):
        result = mxgan(*data, "--output", tmp_path / name, "--background", name)
        assert result.exit_code == 0, result.output
        found.append(json.loads((tmp_path / name / "classifier.json").read_text())["record"]["data"]["train"])
    assert found[0] != found[1]


def test_a_run_of_before_backgrounds_has_the_usual_one(finished, tmp_path):
    from mxgan.runs.config import recorded_config

    config = json.loads((finished[0] / "config.json").read_text())
    assert config["run"].pop("background") is None
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert recorded_config(RunFolder(tmp_path)).background is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--set", "background=grey"], "background is 'grey'; give white, black or #rrggbb"),
        (["--set", "background=7"], "background"),
        (["--dataset", "digits", "--set", "background=black"], "the data set 'digits' takes no background; leave it"),
    ],
)
def test_a_background_that_cannot_be_is_a_bad_call(tmp_path, arguments, message):
    result = mxgan("train", "--steps", 1, "--run-dir", tmp_path / "run", "--display", "none", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_pack_draws_over_a_background(tmp_path):
    black_shapes(tmp_path / "in")
    refused = mxgan("pack", tmp_path / "in", tmp_path / "out.rec", "--background", "black")
    assert refused.exit_code == 1
    assert "images are of one colour each" in refused.output
    assert "transparent parts give another background, for example white (" in refused.output
    assert mxgan("pack", tmp_path / "in", tmp_path / "out.rec", "--background", "red").exit_code == 2
    packed = mxgan("pack", tmp_path / "in", tmp_path / "out.rec", "--background", "#00ff00")
    assert packed.exit_code == 0, packed.output
    assert "4 images" in packed.output


def test_summary_prints_both_networks_and_draws_them(tmp_path):
    import shutil

    arguments = ["summary", "--set", "image_size=16", "--set", "ngf=4", "--set", "batch_size=2"]
    output = mxgan(*arguments).output
    assert "2×8×4×4" in output  # g1 of a 16×16 generator of width 4
    assert "discriminator" in output
    assert "total" in output
    result = mxgan(*arguments, "--graph", tmp_path / "graphs")
    if shutil.which("dot") is None:
        assert "graphviz" in result.output
        return
    assert {path.name for path in (tmp_path / "graphs").iterdir()} == {"generator.png", "discriminator.png"}
    again = mxgan(*arguments, "--graph", tmp_path / "graphs")
    assert again.exit_code == 2
    assert "generator.png exists; give another name" in again.output


@pytest.mark.long
def test_doctor_never_fails_by_a_traceback():
    result = mxgan("doctor")
    assert result.exit_code in (0, 1)
    for word in ("Python", "MXNet", "NumPy", "OpenCV"):
        assert word in result.output


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["sample", "--help"], ["train", "--help"]])
def test_help_and_version_need_no_mxnet(command):
    code = "import sys, mxgan, mxgan.cli; from click.testing import CliRunner as C; "
    code += f"r = C().invoke(mxgan.cli.main, {command})"
    code += "; assert r.exit_code == 0; sys.exit('mxnet' in sys.modules or 'cv2' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_recipes_lists_each_with_its_source_and_defaults():
    result = mxgan("recipes")
    text = " ".join(result.output.split())
    for name, recipe in RECIPES.items():
        assert f"{name}: {recipe.summary}" in text
        assert " ".join(f"Source: {recipe.source}.".split()) in text
    assert text.count("Defaults: network ") == len(RECIPES)
    assert "penalty gradient_penalty" in text
    assert "schedule discriminator_updates 5" in text


def test_a_class_is_asked_for_by_number(tmp_path):
    run = tmp_path / "run"
    trained = mxgan("train", "--recipe", "cgan", *TINY, "--steps", 1, "--display", "none", "--run-dir", run)
    assert trained.exit_code == 0, trained.output
    for arguments, words in (
        (["--class", "7"], "3 images"),
        (["--class", "10"], "unknown class '10'"),
        ([], "3 im"),
    ):
        result = mxgan("sample", run, "--num", 3, "--output", tmp_path / f"{len(words)}.npz", *arguments)
        assert words in result.output
        assert result.exit_code == (2 if "10" in arguments else 0)


def test_an_unknown_class_is_told_the_names_and_the_numbers_apart():
    from types import SimpleNamespace

    from mxgan.cli.sample import classes_of

    named = SimpleNamespace(classes=20, class_names=tuple(f"kind {letter}" for letter in "abcdefghijklmnopqrst"))
    assert classes_of(named, "kind c, 19") == [2, 19]
    for sampler, words in (
        (named, r"unknown class '20'. Known: kind a, .*, … \(20 in all\). Their numbers are 0 to 19.$"),
        (SimpleNamespace(classes=10, class_names=()), "unknown class '20'. Known: 0 to 9.$"),
    ):
        with pytest.raises(ArgumentError, match=words):
            classes_of(sampler, "20")


def test_an_unknown_judge_is_told_all_architectures(tmp_path):
    result = mxgan("train-classifier", "--architecture", "resnet", "--output", tmp_path / "judge")
    assert result.exit_code == 2
    assert "unknown architecture of a judge 'resnet'. Known: auto, lenet (grey images), residual (a R" in result.output


def test_summary_of_a_recipe_whose_networks_take_a_class():
    result = mxgan("summary", "--recipe", "cgan")
    assert result.exit_code == 0, result.output
    assert "class_label" in result.output
    assert "g1_class" in result.output


def test_a_recipes_own_length_is_used_unless_a_flag_says_otherwise():
    assert dry_run("--recipe", "mlp-gan")["epochs"] == 200
    limited = dry_run("--recipe", "cbr-gan")
    assert (limited["limit"], limited["sample_every"]) == (900, "epoch")
    given = dry_run("--recipe", "cbr-gan", "--limit", "50", "--steps", "7", "--sample-every", "3")
    assert (given["limit"], given["sample_every"], given["steps"], given["epochs"]) == (50, 3, 7, None)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--recipe", "mlp-gan", "--ngf", "8"],
         "--ngf is 8, but the network 'mlp' has no ngf; its widths are --set generator_widths=[128,256,512,784] and"),
        (["--recipe", "cbr-gan", "--ndf", "8"], "the network 'cbr' has no ndf; its widths are --set width=3"),
        (["--set", "run_defaults.limit=5"], "run_defaults are only defaults of the flags"),
        (["--set", "recipe.run_defaults={}"], "run_defaults are only defaults of the flags"),
        (["--set", "run_name={foo}"], "run_name is '{foo}', which cannot be filled in"),
        (["--set", "sampling=bogus"], "unknown sampling 'bogus'"),
        (["--set", "weight_clip=-1"], "weight_clip is -1"),
        (["--set", "objective=hinge_loss"], "add --set real_label=1"),
        (["--set", "objective=hinge_loss", "--set", "bogus=1"], "unknown setting 'bogus'"),
    ],
)  # fmt: skip
def test_a_dry_run_refuses_what_a_run_would(arguments, words):
    result = mxgan("train", "--dry-run", *arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_the_order_of_settings_that_go_together_does_not_matter():
    pairs = ["objective=hinge_loss", "real_label=1", "sampling=replacement", "steps_per_epoch=7"]
    found = [dry_run(*(part for pair in order for part in ("--set", pair))) for order in (pairs, pairs[::-1])]
    assert found[0] == found[1]
    assert found[0]["recipe"]["objective"] == "hinge_loss"
    assert dry_run("--set", "ngf=5", "--set", "ngf=6")["recipe"]["network"]["ngf"] == 6  # the last one counts


def test_a_column_of_samples_is_a_class_and_an_array_has_labels(tmp_path):
    import cv2

    run = tmp_path / "run"
    sizes = ["--recipe", "cgan", *TINY, "--nc", 1, "--steps", 1, "--display", "none"]
    assert mxgan("train", *sizes, "--run-dir", run).exit_code == 0
    assert mxgan("sample", run, "--num", 20, "--output", tmp_path / "grid.png").exit_code == 0
    assert mxgan("sample", run, "--num", 20, "--output", tmp_path / "array.npz").exit_code == 0
    assert mxgan("sample", run, "--num", 4, "--class", 3, "--output", tmp_path / "threes.npz").exit_code == 0
    assert cv2.imread(str(tmp_path / "grid.png")).shape == (34, 178, 3)
    assert np.load(tmp_path / "array.npz")["labels"].tolist() == [*range(10)] * 2
    assert np.load(tmp_path / "threes.npz")["labels"].tolist() == [3] * 4


def test_a_recipe_that_draws_no_gout_ends_with_what_it_drew(tmp_path):
    arguments = [*TINY, "--set", 'pictures=["strip"]', "--steps", 2, "--display", "none", "--run-dir", tmp_path / "run"]
    result = mxgan("train", *arguments)
    assert f"picture: {tmp_path / 'run' / 'samples' / 'strip-000002.png'}" in result.output
