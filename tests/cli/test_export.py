"""`mxgan export` and `mxgan sample` on what it wrote, as a user meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.export import FORMATS
from tests.export.models import FORMS
from tests.runs.test_model import file_of, trained


def run(*arguments) -> tuple:
    done = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("cli") / "run")


@pytest.mark.parametrize("form", FORMS)
def test_what_was_exported_is_told_and_can_be_sampled(form, source, tmp_path):
    out = tmp_path / "a folder"
    code, output = run("export", source, out, "--format", form, "--license", "cc-by-4.0")
    assert code == 0, output
    lines = output.splitlines()
    assert [line.split()[-1] for line in lines[:-3]] == sorted(path.name for path in out.iterdir())
    assert lines[-3].startswith("checked: largest difference ")
    assert lines[-3].endswith(" from MXNet on 16 inputs")
    assert lines[-2] == f"exported: {out}"
    tried = f"try it: python '{out}/model.py' --num 16" if form == "torch" else f"try it: mxgan sample '{out}', or"
    assert lines[-1].startswith(tried)
    assert "\nlicense: cc-by-4.0\n" in (out / "README.md").read_text()
    code, output = run("sample", out, "--num", 5, "--output", tmp_path / "images.npz")
    assert code == 0, output
    expected = mxgan.load_sampler(source).draw(5)
    np.testing.assert_allclose(np.load(tmp_path / "images.npz")["images"], expected, atol=1e-5)


def test_every_flag_reaches_the_export(source, tmp_path):
    flags = ["--format", "onnx", "--checkpoint", 1, "--raw", "--precision", "float16", "--keep-batch-norm"]
    code, output = run("export", source, tmp_path / "g", *flags)
    assert code == 0, output
    described = json.loads((tmp_path / "g/export.json").read_text())
    assert described["options"] == {"precision": "float16", "keep_batch_norm": True}
    flags = ["--format", "torch", "--weights", "safetensors", "--half", "discriminator", "--image", "3,16,16"]
    code, output = run("export", file_of(source, "D"), tmp_path / "d", *flags)
    assert code == 0, output
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "README.md", "export.json", "model.py", "model.safetensors",
    ]  # fmt: skip
    assert output.splitlines()[-1] == f"try it: the lines of Python in {tmp_path / 'd' / 'README.md'}"
    symbol = next(file_of(source, "G").parent.glob("*_G_*.json"))
    flags = ["--format", "npz", "--symbol", symbol, "--latent", "10,1,1", "--input", "rand", "--strip-prefix", ""]
    code, output = run("export", file_of(source, "G"), tmp_path / "f", *flags[:-2], "--distribution", "uniform")
    assert code == 0, output
    assert mxgan.load_sampler(tmp_path / "f").distribution == "uniform"


@pytest.mark.parametrize(
    "flags, code, text",
    [
        (["--format", "onxx"], 2, "unknown format 'onxx'; did you mean 'onnx'? Known: "),
        (["--format", "npz", "--weights", "pt"], 2, "--weights (weights=…): not for the format npz"),
        (["--format", "npz", "--latent", "0"], 2, "--latent '0': give the sizes of one latent, all above 0"),
        (["--format", "npz", "--image", "a"], 2, "--image 'a': give the sizes of one image, all above 0"),
        (["--format", "npz", "--ema"], 2, "has no average of the generator"),
        (["--format", "npz", "--checkpoint", "best"], 2, "has no best checkpoint"),
        ([], 2, "Missing option '--format'"),
    ],
)
def test_a_bad_call_is_one_line_and_leaves_nothing(flags, code, text, source, tmp_path):
    found, output = run("export", source, tmp_path / "out", *flags)
    assert (found, text in output) == (code, True), output
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_every_format():
    code, output = run("export", "--help")
    assert code == 0
    assert f"One of {', '.join(FORMATS)}." in " ".join(output.split())


def test_checkpoint_flags_are_refused_for_an_exported_folder(source, tmp_path):
    run("export", source, tmp_path / "out", "--format", "npz")
    code, output = run("sample", tmp_path / "out", "--raw", "--output", tmp_path / "a.png")
    assert (code, "--ema/--raw (averaged=…): not for" in output) == (2, True), output
    code, output = run("evaluate", tmp_path / "out")
    assert (code, "make a run of it: mxgan import" in output) == (1, True), output
    code, output = run("train", "--resume", tmp_path / "out", "--steps", 2)
    assert (code, "make a run of it: mxgan import" in output) == (1, True), output


def test_commands_that_move_through_the_latent_space_take_an_exported_folder(source, tmp_path):
    for form in ("onnx", "npz"):
        assert run("export", source, tmp_path / form, "--format", form)[0] == 0
        flags = ["--seeds", "1,2", "--frames", 2, "--output", tmp_path / f"{form}.png"]
        code, output = run("interpolate", tmp_path / form, *flags)
        assert code == 0, output
    code, output = run("walk", tmp_path / "npz", "--output", tmp_path / "walk.png")
    assert code == 0, output
    code, output = run("walk", tmp_path / "onnx", "--output", tmp_path / "other.png")
    assert (code, "is a network of ONNX, whose layers and parameters mxgan does not look into" in output) == (2, True)
