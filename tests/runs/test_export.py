"""`export_model`: a folder that is whole or not there, checks before any work, and images that come back the same."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pytest

import mxgan
from mxgan.errors import (
    ArgumentError,
    CheckpointError,
    CorruptFileError,
    OutputError,
    RunFolderError,
    RuntimeUnavailableError,
)
from mxgan.export import FORMATS
from mxgan.export.reading import read_exported
from mxgan.runs.export import export_model
from mxgan.runtime import mx
from tests.export.models import WITHOUT_TORCH
from tests.runs.test_model import file_of, trained
from tests.support import long_but

FILES = {
    "mxnet": ["model-0000.params", "model-symbol.json"],
    "npz": ["model.npz"],
    "onnx": ["model.onnx"],
    "safetensors": ["model.safetensors"],
    "torch": ["model.pt", "model.py"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("export") / "cgan", "cgan")


def names_in(folder) -> list:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("form", long_but(FILES, "onnx"))  # tests/cli/test_export.py has every format
def test_a_folder_draws_the_images_of_its_run(form, run, conditional, tmp_path):
    for source, classes in ((run, 0), (conditional, 10)):
        out = tmp_path / f"new/{source.name}"
        made = export_model(source, out, form, license="mit")
        assert [name for name, _ in made.files] == sorted([*FILES[form], "README.md", "export.json", "samples.png"])
        assert all(size == (out / name).stat().st_size for name, size in made.files)
        assert made.agreement.difference < 1e-5
        sampler, expected = mxgan.load_sampler(out), mxgan.load_sampler(source)
        assert (sampler.classes, tuple(sampler.class_names)) == (classes, tuple(expected.class_names))
        np.testing.assert_allclose(sampler.draw(5, seed=3), expected.draw(5, seed=3), atol=1e-5)
        facts = json.loads((out / "export.json").read_text())["facts"]
        assert (facts["license"], facts["step"]) == ("mit", 1)
    assert names_in(tmp_path / "new") == sorted([run.name, conditional.name])


def test_arrays_come_back_to_the_bit(run, tmp_path):
    expected = mxgan.load_sampler(run).draw(5)
    for form in ("npz", "safetensors"):
        assert export_model(run, tmp_path / form, form).agreement.difference == 0
        np.testing.assert_array_equal(mxgan.load_sampler(tmp_path / form).draw(5), expected)


def test_a_discriminator_has_no_picture_and_draws_nothing(run, tmp_path):
    for form in ("npz", "onnx"):
        made = export_model(run, tmp_path / form, form, half="discriminator")
        assert "samples.png" not in names_in(made.folder)
        assert made.agreement.difference < 1e-5
        with pytest.raises(ArgumentError, match=f"{form} holds a discriminator, which draws no images"):
            mxgan.load_sampler(tmp_path / form)
    assert read_exported(tmp_path / "npz").outputs == ("score",)


def test_a_file_with_its_symbol_is_exported(run, tmp_path):
    for half in ("generator", "discriminator"):
        made = export_model(file_of(run, half[0].upper()), tmp_path / half, "npz", half=half)
        assert made.half == half
    expected = mxgan.load_sampler(run).draw(3)
    np.testing.assert_array_equal(mxgan.load_sampler(tmp_path / "generator").draw(3), expected)


@pytest.mark.parametrize("form", long_but(FILES, "npz", "onnx"))
def test_names_that_are_not_utf_8_are_taken(form, run, tmp_path):
    file = os.fsencode(tmp_path) + b"/g\xff.params"
    shutil.copy(file_of(run, "G"), file)
    symbol = next(file_of(run, "G").parent.glob("*_G_*.json"))
    made = export_model(os.fsdecode(file), os.fsdecode(os.fsencode(tmp_path) + b"/out\xff"), form, symbol=symbol)
    assert made.agreement.difference < 1e-5
    assert "It comes from the file g\ufffd.params" in (made.folder / "README.md").read_text(encoding="utf-8")
    assert mxgan.load_sampler(made.folder).draw(2).shape == (2, 3, 16, 16)


def test_options_reach_the_format(run, tmp_path):
    plain, half = (export_model(run, tmp_path / name, "onnx", precision=name) for name in ("float32", "float16"))
    sizes = [dict(made.files)["model.onnx"] for made in (plain, half)]
    assert sizes[1] < 0.7 * sizes[0]
    assert 0 < half.agreement.difference < 1e-2
    kept = export_model(run, tmp_path / "kept", "onnx", keep_batch_norm=True)
    assert b"BatchNormalization" in (kept.folder / "model.onnx").read_bytes()
    assert b"BatchNormalization" not in (plain.folder / "model.onnx").read_bytes()
    assert "(BatchNorm kept as layers)" in (kept.folder / "README.md").read_text()


REFUSED = {
    "format": ({"format": "onx"}, ArgumentError, "unknown format 'onx'; did you mean 'onnx'"),
    "half": ({"half": "both"}, ArgumentError, "unknown half 'both'"),
    "option": ({"precision": "float16"}, ArgumentError, r"--precision \(precision=…\): not for the format npz"),
    "norm": ({"keep_batch_norm": True}, ArgumentError, r"--keep-batch-norm \(keep_batch_norm=…\): not for the format"),
    "value": ({"format": "onnx", "precision": "half"}, ArgumentError, "unknown precision 'half'"),
    "licence": ({"license": " "}, ArgumentError, "license is ' '; give an identifier such as mit"),
    "average": ({"averaged": True}, ArgumentError, "has no average of the generator"),
    "checkpoint": ({"checkpoint": 7}, ArgumentError, "has no checkpoint of step 7; there are 1"),
    "symbol": ({"symbol": "g.json"}, ArgumentError, r"--symbol \(symbol=…\): only for a .params file"),
    "source": ({"source": "nowhere"}, CheckpointError, "nowhere does not exist"),
    "folder": ({"source": "."}, RunFolderError, "is not a run folder: it has no config.json"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_is_left(case, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings, error, text = REFUSED[case]
    with pytest.raises(error, match=text):
        export_model(**{"source": run, "out": "new/out", "format": "npz", **settings})
    assert names_in(tmp_path) == []


def test_a_folder_that_is_not_empty_stays_as_it_is(run, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine.txt").write_text("mine")
    file = tmp_path / "file"
    file.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for out in (used, file, link):
        with pytest.raises(ArgumentError, match=f"{out.name} exists and is not an empty folder; nothing was changed"):
            export_model("no run at all", out, "npz")  # before the run is looked at
    assert names_in(tmp_path) == ["file", "link", "used"]
    assert names_in(used) == ["mine.txt"]
    (used / "mine.txt").unlink()
    assert export_model(run, used, "npz").folder == used
    assert "model.npz" in names_in(used)
    with pytest.raises(ArgumentError, match="used is an exported folder already"):
        export_model(used, tmp_path / "again", "npz")


def test_a_missing_extra_is_named_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(RuntimeUnavailableError, match=r"pip install '\.\[safetensors\]'"):
        export_model(run, tmp_path / "out", "safetensors")
    assert names_in(tmp_path) == []


def test_files_that_cannot_be_run_here_are_written_and_not_called_checked(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    made = export_model(run, tmp_path / "out", "onnx")
    assert made.agreement.difference is None
    assert "onnxruntime, which cannot be imported here" in made.agreement.reason
    assert "differed from" not in (made.folder / "README.md").read_text()


@pytest.mark.parametrize("form", ["onnx", pytest.param("torch", marks=WITHOUT_TORCH)])
def test_a_layer_without_a_rule_leaves_nothing(form, tmp_path):
    data = mx.sym.Deconvolution(mx.sym.Variable("rand"), name="up", kernel=(8, 8), num_filter=3)
    symbol = mx.sym.tanh(mx.sym.gammaln(data, name="odd"))
    module = mx.mod.Module(symbol, ["rand"], None)
    module.bind([("rand", (2, 7, 1, 1))], for_training=False)
    module.init_params(mx.init.Normal(0.5))
    module.save_params(str(tmp_path / "g.params"))
    with pytest.raises(ArgumentError, match=r"odd.*mxgan/export/"):
        export_model(tmp_path / "g.params", tmp_path / "new" / "folders" / "out", form, symbol=symbol)
    assert names_in(tmp_path) == ["g.params"]


def test_files_that_give_other_outputs_are_not_written(run, tmp_path):
    """The weights fit into float16, and what is computed with them does not."""
    file = file_of(run, "G")
    arguments, states = mxgan.load_params(file)
    largest = float(np.abs(arguments["g1_weight"].asnumpy()).max())
    arguments["g1_weight"] *= 6e4 / largest
    mxgan.save_params(tmp_path / "g.params", arguments, states)
    mxgan.load_symbol(next(file.parent.glob("*_G_*.json"))).save(str(tmp_path / "g-symbol.json"))
    with pytest.raises(CheckpointError, match="give other outputs than MXNet: they differ by"):
        export_model(tmp_path / "g.params", tmp_path / "out", "onnx", precision="float16", keep_batch_norm=True)
    assert names_in(tmp_path) == ["g-symbol.json", "g.params"]
    assert export_model(tmp_path / "g.params", tmp_path / "out", "onnx").agreement.difference < 1e-4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_read_only(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        export_model(run, tmp_path / "locked/out", "npz")


def test_a_name_that_is_too_long(run, tmp_path):
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        export_model(run, tmp_path / ("a" * 300), "npz")


def test_settings_for_runs_are_refused_for_an_exported_folder(run, tmp_path):
    export_model(run, tmp_path / "out", "npz")
    for settings in ({"checkpoint": 1}, {"averaged": False}, {"latent_shape": (10, 1, 1)}, {"distribution": "normal"}):
        with pytest.raises(ArgumentError, match="not for .*out, an exported folder, which holds one network"):
            mxgan.load_sampler(tmp_path / "out", **settings)
    (tmp_path / "out/model.npz").write_bytes(b"other")
    with pytest.raises(CorruptFileError, match="is not the file that export.json describes"):
        mxgan.load_sampler(tmp_path / "out")


@pytest.mark.parametrize("command", [mxgan.resume, mxgan.evaluate])
def test_an_exported_folder_is_no_run_and_the_way_to_one_is_told(command, run, tmp_path):
    export_model(run, tmp_path / "out", "npz")
    with pytest.raises(
        RunFolderError, match=r"It is an exported network; make a run of it: mxgan import .*out --run-dir"
    ):
        command(tmp_path / "out")


@pytest.mark.long
@pytest.mark.parametrize("recipe", sorted(mxgan.RECIPES))
def test_every_recipe_in_every_format(recipe, tmp_path):
    run = trained(tmp_path / "run", recipe, steps=2)
    expected = mxgan.load_sampler(run).draw(16)
    for form in FORMATS:
        made = export_model(run, tmp_path / form, form)
        np.testing.assert_allclose(mxgan.load_sampler(made.folder).draw(16), expected, atol=1e-5)
        critic = export_model(run, tmp_path / f"d-{form}", form, half="discriminator")
        assert critic.agreement.difference < 1e-4
