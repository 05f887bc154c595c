"""The programs under examples/, run as a user runs them."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from tests.support import long_but, tiny_config

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
TINY = ["--ngf", "4", "--ndf", "4", "--batch-size", "8", "--steps", "2", "--display", "none"]


def run(name: str, *arguments, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


OF_A_RECIPE = {  # program → what makes its networks small
    "mlp_gan.py": [],
    "mlp_gan_64.py": ["--set", "image_size=16"],
    "cbr_gan.py": ["--set", "width=1"],
    "encoder_decoder_gan.py": ["--set", "capacity=2"],
    **{name: ["--ngf", "4", "--ndf", "4", "--set", "nc=1"] for name in ("sngan.py", "sngan_projection.py", "few.py")},
    **{
        f"{name}.py": ["--ngf", "4", "--ndf", "4", "--set", "image_size=16"]
        for name in ("wgan", "wgan_gp", "lsgan", "hinge", "cgan", "acgan", "ssgan")
    },
}
BY_THE_PAIR = {  # program → words that it prints
    "generator_first.py": "step 100: D(x) 0.",
    "infogan.py": "step 4: L_I = ",
    "one_hot_cgan.py": "one_hot_cgan.png",
    "pix2pix.py": "step 4: L1 of the right halves of the test digits: 0.",
}
OTHERS = {
    "dcgan_mnist.py",
    "dcgan_imagenet.py",
    "your_own_loop.py",
    "own_callback.py",
    "divergences.py",
    "eight_gaussians.py",
    "held_out_digits.py",
    "serve_onnx.py",
    *BY_THE_PAIR,
}


def test_every_example_is_short_and_is_run_here():
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == OTHERS | set(OF_A_RECIPE)
    for name in names:
        assert len((EXAMPLES / name).read_text().splitlines()) <= 75, name


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(OF_A_RECIPE))
def test_each_recipe_has_an_example_that_trains(name, tmp_path, monkeypatch):
    program = runpy.run_path(str(EXAMPLES / name))["main"]
    monkeypatch.chdir(tmp_path)
    size = ["--batch-size", "8", "--steps", "1", "--display", "none", "--dataset", "digits", "--run-dir", "run"]
    result = CliRunner().invoke(program, [*size, *OF_A_RECIPE[name]])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "samples" / "gout-000001.png").is_file()


def test_the_examples_cover_every_recipe():
    text = "".join(path.read_text() for path in EXAMPLES.glob("*.py"))
    for recipe in mxgan.RECIPES:
        assert f'recipe="{recipe}"' in text or f"--recipe {recipe}" in text, recipe


def test_a_flag_overrules_what_an_example_sets(tmp_path, monkeypatch):
    program = runpy.run_path(str(EXAMPLES / "wgan.py"))["main"]
    result = CliRunner().invoke(program, ["--ngf", "5", "--set", "nc=3", "--dry-run"])
    network = json.loads(result.output)["recipe"]["network"]
    assert (network["ngf"], network["ndf"], network["nc"], network["image_size"]) == (5, 32, 3, 32)


def test_a_folder_of_photographs_is_trained_on(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (9, 40, 50, 3)).astype(np.uint8)
    for number, image in enumerate(pixels):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    size = ["--batch-size", "4", "--steps", "2", "--display", "none", "--set", "capacity=2", "--set", "most_broken=0.5"]
    program = runpy.run_path(str(EXAMPLES / "encoder_decoder_gan.py"))["main"]
    result = CliRunner().invoke(program, ["--data-dir", str(tmp_path), "--run-dir", str(tmp_path / "run"), *size])
    assert result.exit_code == 0, result.output
    assert "broken.png" in result.output
    assert "9 images" in result.output


def test_projections_of_held_out_digits(mxgan_data, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mxgan.start(tiny_config(steps=1), tmp_path / "run", display="none").run()
    program = runpy.run_path(str(EXAMPLES / "held_out_digits.py"))["main"]
    settings = ["--data-dir", mxgan_data / "mnist", "--num", 2, "--steps", 2, "--output", tmp_path / "a.png"]
    result = CliRunner().invoke(program, [str(each) for each in (tmp_path / "run", *settings)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = [line.rsplit(maxsplit=3) for line in result.output.splitlines() if line[:4] in ("test", "trai", "the ")][:3]
    assert [row[0] for row in rows] == ["test digits", "training digits", "the generator's own"]
    assert all(0 <= float(pixels) <= float(nearest) < 4 for _, nearest, _, pixels in rows)
    assert cv2.imread(str(tmp_path / "a.png")).shape[1] == 10 * 18 - 2


@pytest.mark.parametrize("nc", long_but([1, 3], 1))
def test_dcgan_mnist_on_the_embedded_digits(nc, tmp_path):
    output = run("dcgan_mnist.py", "--dataset", "digits", "--nc", nc, *TINY, "--run-dir", "run", folder=tmp_path)
    assert "picture: run/samples/gout-000002.png" in output
    assert cv2.imread(str(tmp_path / "run" / "samples" / "gout-000002.png")).shape == (526, 526, 3)


@pytest.mark.long
def test_dcgan_mnist_on_mnist(mxgan_data, tmp_path):
    output = run("dcgan_mnist.py", "--data-dir", mxgan_data / "mnist", *TINY, "--run-dir", "run", folder=tmp_path)
    assert "60,000 images" in output
    assert list((tmp_path / "run" / "checkpoints" / "000002").glob("mnist_G_*-0000.params"))


@pytest.mark.long
def test_dcgan_imagenet_on_made_photographs(tmp_path):
    from mxgan.data import pack_folder

    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (260, 300, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), pixels)
    pack_folder(tmp_path, tmp_path / "train.rec", progress=False)
    output = run("dcgan_imagenet.py", "--rec", "train.rec", *TINY, "--run-dir", "run", folder=tmp_path)
    assert "picture: run/samples/gout-000002.png" in output


@pytest.mark.long
def test_dcgan_imagenet_on_real_photographs(mxgan_data, tmp_path):
    from mxgan.data import pack_folder

    assert pack_folder(mxgan_data / "imagenet_sample", tmp_path / "train.rec", progress=False).written == 240
    output = run("dcgan_imagenet.py", "--rec", "train.rec", *TINY, "--run-dir", "run", folder=tmp_path)
    assert "240 images" in output


@pytest.mark.long
def test_your_own_loop(tmp_path):
    output = run("your_own_loop.py", "20", folder=tmp_path)
    assert output.count("metric: ('facc', ") == 2
    assert {path.suffix for path in (tmp_path / "own_loop").iterdir()} == {".params", ".png"}


PEAK = """
import sys
from mxgan import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("peak megabytes:", int(lines["VmHWM"].split()[0]) / 1024)  # ru_maxrss would count what the parent process had
"""


@pytest.mark.long
@pytest.mark.parametrize("algorithm, megabytes", [("direct", 900), ("auto", 1300)])
def test_training_on_all_of_mnist_takes_little_memory(mxgan_data, tmp_path, algorithm, megabytes):
    """At the original's widths and batch, 3×64×64, with pictures and checkpoints; its data alone takes 3 GB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "train", "--recipe", "dcgan", "--dataset", "mnist", "--data-dir",
         str(mxgan_data / "mnist"), "--steps", "6", "--sample-every", "2", "--checkpoint-every", "3", "--display",
         "none", "--run-dir", str(tmp_path / "run"), "--set", f"algorithm={algorithm}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "peak megabytes:" in done.stdout, done.stdout + done.stderr
    assert float(done.stdout.rpartition(":")[2]) < megabytes


@pytest.mark.parametrize(
    "name, arguments, words",
    [
        ("your_own_loop.py", ["--help"], "how many (default: 400)"),
        ("your_own_loop.py", ["0"], "steps is 0; give at least 1"),
        ("divergences.py", ["--output", "div.xyz"], "--output div.xyz: give a name that ends in .png"),
        ("divergences.py", ["--output", "there.png"], "there.png exists; give another name"),
    ],
)
def test_programs_without_a_recipe_refuse_bad_calls_in_words(name, arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("there.png").write_bytes(b"kept")
    monkeypatch.setattr("sys.argv", [name, *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / name))
    assert ended.value.code == (0 if "--help" in arguments else 2)
    assert words in "".join(capsys.readouterr())
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BY_THE_PAIR))
def test_what_a_pair_can_do_beside_recipes(name, tmp_path):
    said = run(name, "--steps", 100 if name == "generator_first.py" else 4, folder=tmp_path)
    assert BY_THE_PAIR[name] in said
    picture = cv2.imread(str(tmp_path / name.replace(".py", ".png")))
    assert picture.std() > 10
    assert picture.shape[1] % 18 == 16  # 16×16 images, two pixels apart
    assert len((EXAMPLES / name).read_text().splitlines()) <= 70


@pytest.mark.long
def test_a_condition_by_number_is_the_same_program(tmp_path):
    assert "number.png" in run(
        "one_hot_cgan.py", "--input", "class_label", "--steps", 2, "--output", "number.png", folder=tmp_path
    )


@pytest.mark.long
def test_pix2pix_comes_nearer_to_digits_it_has_not_seen(tmp_path):
    said = run("pix2pix.py", "--steps", 600, folder=tmp_path)
    distances = [float(line.rpartition(" ")[2]) for line in said.splitlines() if line.startswith("step ")]
    assert distances[-1] < 0.2 < 0.6 < distances[0], said


@pytest.mark.long
def test_infogans_codes_can_be_read_off_its_images(tmp_path):
    said = run("infogan.py", "--steps", 300, folder=tmp_path)
    last = [line for line in said.splitlines() if line.startswith("step ")][-1]
    assert 2.0 < float(last.rpartition(" ")[2]) < 2.303, said


@pytest.mark.long
def test_own_callback_trains_and_resumes_with_its_state(tmp_path):
    run("own_callback.py", "--steps", 3, folder=tmp_path)
    said = run("own_callback.py", "--resume", "own_callback", "--steps", 5, folder=tmp_path)
    assert "step 5: D has won for" in said
    assert "run folder: own_callback" in said
    state = json.loads((tmp_path / "own_callback/checkpoints/000005/state.json").read_text())
    assert list(state["callbacks"]["StopWhenDWins"]) == ["row"]
