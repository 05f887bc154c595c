"""Images from a file of ONNX without MXNet: the sampler, and the program of the examples."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.export.onnx_file import onnx_model, write_onnx
from mxgan.export.onnx_sampler import OnnxSampler
from mxgan.export.plain import plain
from mxgan.runtime import mx
from mxgan.training.sampler import Sampler
from tests.export.models import model_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "serve_onnx.py"


def mxnet_sampler(model) -> Sampler:
    groups = ({}, {})
    for name, value in model.parameters.items():
        groups[name in model.auxiliary][name] = mx.nd.array(value)
    names = {"class_names": model.class_names, "distribution": model.latent_distribution}
    return Sampler(model.symbol, model.inputs["rand"], classes=model.classes, parameters=groups, **names)


def written(folder, variant: str = "grey", **changes) -> Path:
    write_onnx(plain(replace(model_of(variant, "generator"), **changes)), folder)
    return folder / "model.onnx"


@pytest.mark.parametrize("variant", ["grey", "colour cgan", "uniform latents"])
def test_it_draws_what_the_sampler_of_mxnet_draws(variant, tmp_path):
    model = model_of(variant, "generator")
    model = replace(model, class_names=tuple(f"c{i}" for i in range(model.classes)))
    write_onnx(plain(model), tmp_path)
    found, wanted = OnnxSampler(tmp_path / "model.onnx", batch_size=8), mxnet_sampler(model)
    assert (found.latent_shape, found.classes, found.class_names, found.distribution) == (
        wanted.latent_shape, wanted.classes, wanted.class_names, wanted.distribution,
    )  # fmt: skip
    np.testing.assert_array_equal(found.latents(3, seed=5), wanted.latents(3, seed=5))
    np.testing.assert_allclose(found.draw(11, seed=3), wanted.draw(11, seed=3), atol=1e-5)
    if model.classes:
        np.testing.assert_allclose(found.draw(3, only=2), wanted.draw(3, only=2), atol=1e-5)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (lambda latents: (latents[:, :3],), r"latents are \(4, 3, 1, 1\); give \(4, 10, 1, 1\)"),
        (lambda latents: (None,), r"latents are None; give \(N, 10, 1, 1\)"),
        (lambda latents: (latents,), "this generator is conditional; give classes: 4 whole numbers from 0 to 9"),
        (lambda latents: (latents, np.full(4, 10)), r"classes are int64 \(4,\) \[10 10 10 10\]"),
        (lambda latents: (latents, np.zeros(4, int), {"photo": latents}), "photo"),
    ],
)
def test_what_does_not_fit_is_said_as_by_the_sampler_of_mxnet(arguments, words, tmp_path):
    model = model_of("colour cgan", "generator")
    write_onnx(plain(model), tmp_path)
    given = arguments(np.zeros((4, 10, 1, 1), np.float32))
    for sampler in (OnnxSampler(tmp_path / "model.onnx"), mxnet_sampler(model)):
        with pytest.raises(ArgumentError, match=words):
            sampler.sample(*given)


def test_files_that_are_no_generators_are_refused(tmp_path):
    write_onnx(plain(model_of("grey", "discriminator")), tmp_path)
    with pytest.raises(CorruptFileError, match=r"takes image \['N', 1, 16, 16\] and gives score .*a generator that"):
        OnnxSampler(tmp_path / "model.onnx")
    with pytest.raises(CheckpointError, match="cannot be read"):
        OnnxSampler(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07nothing")
    with pytest.raises(CorruptFileError, match="is not an ONNX file that runs"):
        OnnxSampler(tmp_path / "bad.onnx")


@pytest.mark.parametrize(
    "key, text, words",
    [
        ("classes", "ten", "has metadata 'classes' that is not JSON"),
        ("classes", "0", "takes a class, and its metadata has classes 0"),
        ("classes", "1e9", "has metadata 'classes' that is not a whole number"),
        ("classes", "-1", "takes a class, and its metadata has classes -1"),
        ("class_names", '["one"]', "has classes 10, 1 names"),
        ("class_names", "7", "has metadata 'class_names' that is not a list"),
        ("class_names", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "has class names that are no texts"),
        ("latent_distribution", "cauchy", "unknown distribution of latents 'cauchy'"),
    ],
)
def test_metadata_of_a_stranger_is_checked(key, text, words, tmp_path):
    made = onnx_model(plain(model_of("colour cgan", "generator")))
    for entry in made.metadata_props:
        if entry.key == key:
            entry.value = text
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(CorruptFileError, match=words):
        OnnxSampler(tmp_path / "model.onnx")


@pytest.mark.parametrize("variant", ["grey", "colour cgan", "uniform latents"])
def test_the_program_of_the_examples_draws_the_same_grid(variant, tmp_path, monkeypatch):
    path = written(tmp_path, variant)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [PROGRAM.name, str(path), "--num", "7", "--seed", "2", "--output", "grid.png"])
    runpy.run_path(str(PROGRAM))
    sampler, rng = OnnxSampler(path), np.random.default_rng(2)
    latents = rng.uniform(-1, 1, (7, 10, 1, 1)) if "uniform" in variant else rng.standard_normal((7, 10, 1, 1))
    images = sampler.sample(latents.astype(np.float32), sampler.classes_of(7))
    with Image.open(tmp_path / "grid.png") as picture:
        grid = np.asarray(picture)
    grid = grid if grid.ndim == 3 else grid[..., None]
    side = images.shape[2]
    assert grid.shape == (3 * side, 3 * side, images.shape[1])
    for number, image in enumerate(images):
        row, column = divmod(number, 3)
        cell = grid[row * side : (row + 1) * side, column * side : (column + 1) * side]
        np.testing.assert_allclose(cell, (image.transpose(1, 2, 0) + 1) * 127.5, atol=0.51)
    with pytest.raises(FileExistsError):
        runpy.run_path(str(PROGRAM))
    monkeypatch.setattr("sys.argv", [PROGRAM.name, str(path), "--num", "0"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(PROGRAM))


def test_the_program_of_the_examples_needs_onnxruntime_alone():
    modules = {line.split()[1] for line in PROGRAM.read_text().splitlines() if line.startswith(("import ", "from "))}
    assert modules == {"argparse", "numpy", "onnxruntime", "struct", "zlib"}
