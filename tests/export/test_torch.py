"""model.py and its state_dict, against MXNet."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mxgan
from mxgan.errors import ArgumentError, RuntimeUnavailableError
from mxgan.export import torch_file, write_model
from mxgan.export.model import Model
from mxgan.export.plain import plain
from mxgan.export.reading import read_exported
from mxgan.export.torch_names import TAKEN, identifiers
from mxgan.graphs.shapes import parameter_shapes
from mxgan.runtime import mx
from mxgan.training.discriminator import discriminator_output
from tests.export.models import HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs, torch_outputs
from tests.support import long_but

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def check_source(source: str, network) -> None:
    """At most 80 lines, none longer than the package's own, and nothing but torch and the standard library.

    Those of residual networks have 12 layers for each doubling of the image, and need more lines.
    """
    assert len(source.splitlines()) <= (110 if network.name.startswith("residual") else 80)
    assert max(map(len, source.splitlines())) <= 120
    modules = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert modules - {"argparse", "pathlib", "struct", "zlib"} == {"torch"}


# One of each network and of each kind of layer; the others differ in their losses or their sizes.
QUICK = (
    "mlp-gan", "cbr-gan", "encoder-decoder-gan", "hinge", "cgan", "acgan", "grey, biases", "trained gammas",
    "sngan-projection", "layer norm", "28 pixels", "minibatch discrimination",
)  # fmt: skip


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", long_but(VARIANTS, *QUICK))
def test_torch_computes_what_mxnet_computes(variant, half, tmp_path):
    model = model_of(variant, half)
    write_model(model, tmp_path, "torch")
    check_source((tmp_path / "model.py").read_text(), mxgan.RECIPES[VARIANTS[variant][0]].network)
    values = inputs_of(model, 3)
    for found, expected in zip(torch_outputs(tmp_path, values), mxnet_outputs(model, values)):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    published, back = plain(model), read_exported(tmp_path)
    assert back.parameters.keys() == published.parameters.keys()
    for name, value in back.parameters.items():
        if not name.endswith("_gamma"):  # one that fix_gamma holds comes back as the 1 that it stands for
            np.testing.assert_array_equal(value, published.parameters[name])


def in_full_size(network, half: str, recipe) -> Model:
    """A half of a published network, with parameters that take no memory."""
    symbol = network.generator() if half == "generator" else discriminator_output(replace(recipe, network=network))
    inputs = {"rand": network.latent_shape} if half == "generator" else {"data": network.image_shape}
    inputs.update({"class_label": ()} if "class_label" in symbol.list_arguments() else {})
    groups = parameter_shapes(symbol, {name: (1, *shape) for name, shape in inputs.items()})
    zero = np.zeros((), np.float32)
    parameters = {name: np.broadcast_to(zero, shape) for group in groups for name, shape in group.items()}
    return Model(symbol, parameters, inputs, half, classes=10 if "class_label" in inputs else 0)


def published_sizes(recipe) -> list:
    """(network, half): as published, and the generator, whose file is the longer one, at larger sizes if it has any."""
    network, larger = recipe.network, []
    if network.name.endswith("dcgan"):
        larger = [(replace(network, image_size=size), "generator") for size in (128, 256)]
    return [*((network, half) for half in HALVES), *larger]


@pytest.mark.parametrize("name", long_but(mxgan.RECIPES, "cbr-gan", "encoder-decoder-gan", "cgan"))
def test_model_py_is_short_at_every_published_size(name, tmp_path, monkeypatch):
    # The source alone: 300 MB of weights for each are not needed to count its lines.
    monkeypatch.setattr(torch_file, "write_named", lambda path, arrays: path.touch())
    recipe = mxgan.RECIPES[name]
    for number, (network, half) in enumerate(published_sizes(recipe)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_model(in_full_size(network, half, recipe), folder, "torch")
        check_source((folder / "model.py").read_text(), network)


def run(folder, *arguments: str) -> str:
    """model.py as a program in its folder, without mxgan."""
    command = [sys.executable, "-I", "model.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_grid(folder, model: Model, latents, num: int, **values) -> None:
    """grid.png has, row by row, the images that MXNet makes of the same latents."""
    expected = mxnet_outputs(model, {"rand": latents.numpy(), **values})[0]
    pixels = np.rint((expected + 1) * 127.5).transpose(0, 2, 3, 1)
    with Image.open(folder / "grid.png") as image:
        sheet = np.asarray(image)
    height, width = expected.shape[2:]
    columns = min(num, 8)
    sheet = sheet.reshape(-1, height, columns, width, *([pixels.shape[3]] if sheet.ndim == 3 else [1]))
    found = sheet.transpose(0, 2, 1, 3, 4).reshape(-1, *pixels.shape[1:])
    np.testing.assert_allclose(found[:num], pixels, atol=1)
    assert not found[num:].any()


def test_model_py_draws_a_grid_with_torch_alone(tmp_path):
    model = model_of("cgan", "generator")
    write_model(model, tmp_path, "torch")
    run(tmp_path, "--num", "11", "--output", "grid.png", "--seed", "5")
    latents = torch.randn(11, 10, 1, 1, generator=torch.Generator().manual_seed(5))
    check_grid(tmp_path, model, latents, 11, class_label=(np.arange(11) % 10).astype(np.float32))


@pytest.mark.long
def test_model_py_refuses_no_images_and_keeps_a_file_that_is_there(tmp_path, monkeypatch, capsys):
    write_model(model_of("dcgan", "generator"), tmp_path, "torch")
    monkeypatch.chdir(tmp_path)
    for num, error in (("0", SystemExit), ("1", FileExistsError)):
        Path("grid.png").write_bytes(b"mine")
        monkeypatch.setattr(sys, "argv", ["model.py", "--num", num])
        with pytest.raises(error):
            runpy.run_path("model.py", run_name="__main__")
        assert Path("grid.png").read_bytes() == b"mine"
    assert "error: --num: give 1 or more" in capsys.readouterr().err


def test_model_py_draws_from_uniform_latents_in_colour(tmp_path):
    model = model_of("uniform latents", "generator")
    write_model(model, tmp_path, "torch", {"weights": "safetensors"})
    run(tmp_path, "--num", "3")
    latents = torch.rand(3, 10, 1, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
    check_grid(tmp_path, model, latents, 3)


@pytest.mark.long
def test_model_py_of_a_discriminator_prints_scores(tmp_path):
    model = model_of("cgan", "discriminator")
    write_model(model, tmp_path, "torch")
    values = {**inputs_of(model, 4), "class_label": np.full(4, 7, np.float32)}
    torch.save(torch.from_numpy(values["data"]), tmp_path / "images.pt")
    printed = [[float(score)] for score in run(tmp_path, "images.pt", "--class", "7").splitlines()]
    np.testing.assert_allclose(printed, mxnet_outputs(model, values)[0], atol=1e-5)


def test_safetensors_need_no_torch_to_be_written(tmp_path, monkeypatch):
    model = model_of("trained gammas", "generator")
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(RuntimeUnavailableError, match=r"pip install '\.\[torch\]'"):
        write_model(model, tmp_path, "torch")
    assert not any(tmp_path.iterdir())
    write_model(model, tmp_path, "torch", {"weights": "safetensors"})
    assert not (tmp_path / "model.pt").exists()
    np.testing.assert_array_equal(read_exported(tmp_path).parameters["gbn1_gamma"], model.parameters["gbn1_gamma"])


def test_the_state_dict_has_the_names_of_the_layers(tmp_path):
    write_model(model_of("dcgan", "generator"), tmp_path, "torch")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert list(state)[:5] == [
        "g1.weight",
        *(f"gbn1.{name}" for name in ("weight", "bias", "running_mean", "running_var")),
    ]
    assert (state["gbn1.weight"] == 1).all()  # fix_gamma


def test_names_are_names_of_python():
    assert {*dir(torch.nn.Module())} - {name for name in dir(torch.nn.Module()) if name.startswith("_")} <= TAKEN
    found = identifiers(["conv-1", "conv_1", "1x1", "forward", "class", "_plus0", "ü", "x"])
    assert list(found.values()) == [
        "conv_1", "conv_1_2", "layer_1x1", "layer_forward", "layer_class", "layer_plus0", "layer_", "layer_x",
    ]  # fmt: skip
    assert all(name.isidentifier() for name in found.values())


def test_an_operator_without_a_rule_is_named(tmp_path):
    symbol = mx.sym.LRN(mx.sym.var("data"), nsize=3, name="strange")
    model = Model(symbol, {}, {"data": (4, 8, 8)}, "discriminator")
    with pytest.raises(ArgumentError, match=r"'strange' is a LRN without a rule.*mxgan/export/torch_modules\.py"):
        write_model(model, tmp_path, "torch")
    assert not any(tmp_path.iterdir())
