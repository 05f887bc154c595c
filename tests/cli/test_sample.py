"""`mxgan sample`: kinds of output, ranges, truncation."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mxgan
from mxgan.cli import main
from mxgan.data.folder import load_folder
from mxgan.errors import ArgumentError
from mxgan.pictures.grid import columns_of_classes, image_grid
from tests.support import tiny_config
from tests.test_recipes import small


def run_mxgan(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one step."""
    folder = tmp_path_factory.mktemp("sample") / "run"
    mxgan.start(tiny_config(steps=1), folder, display="none").run()
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A run of one step, of ten classes."""
    folder = tmp_path_factory.mktemp("conditional") / "run"
    mxgan.start(small("cgan", steps=1), folder, display="none").run()
    return folder


def arrays_of(path):
    with np.load(path) as content:
        return content["images"]


def test_the_format_decides_and_not_the_name(run, tmp_path, monkeypatch, cache):
    monkeypatch.chdir(tmp_path)
    drawn = mxgan.load_sampler(run).draw(3)
    for kind, name in (("npz", "samples.npz"), ("zip", "samples.zip"), ("folder", "samples"), ("png", "samples.png")):
        result = run_mxgan("sample", run, "--num", 3, "--format", kind)
        assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"3 images: {name}")
    np.testing.assert_array_equal(arrays_of("samples.npz"), drawn)
    for name in ("of-0.5", "plain"):
        assert run_mxgan("sample", run, "--num", 3, "--format", "npz", "--output", name).exit_code == 0
        np.testing.assert_array_equal(arrays_of(name), drawn)
    assert run_mxgan("sample", run, "--num", 3, "--format", "folder", "--output", "f-0.5").exit_code == 0
    assert len(list((tmp_path / "f-0.5").iterdir())) == 3


def test_a_zip_has_numbered_pictures_that_folder_trains_on(run, tmp_path, cache):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    for target in (first, second):
        assert run_mxgan("sample", run, "--num", 3, "--output", target).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    bytes_of = np.rint((mxgan.load_sampler(run).draw(3) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["000000.png", "000001.png", "000002.png"]
        found = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in archive.namelist()]
    np.testing.assert_array_equal(found, bytes_of)
    np.testing.assert_array_equal(load_folder(first, 16).images, bytes_of)


@pytest.mark.parametrize("num, columns", [(8, 3), (10, 10), (64, 10), (225, 20)])
def test_each_column_is_of_one_class_and_the_grid_nearly_square(num, columns, conditional, tmp_path):
    assert run_mxgan("sample", conditional, "--num", num, "--output", tmp_path / "s.png").exit_code == 0
    sampler = mxgan.load_sampler(conditional)
    expected = image_grid(sampler.draw(num), columns)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "s.png")), expected)


@pytest.mark.parametrize("classes, count, columns", [(2, 64, 8), (2, 2, 2), (10, 80, 10), (10, 9, None), (26, 64, 26)])
def test_the_columns_of_classes(classes, count, columns):
    assert columns_of_classes(classes, count) == columns


def test_the_range_of_an_array(run, tmp_path):
    drawn = mxgan.load_sampler(run).draw(4)
    expected = {
        "-1,1": drawn,
        "0,1": (drawn + 1) / 2,
        "0,255": np.rint((drawn + 1) * 127.5).astype(np.uint8),
    }
    for values, images in expected.items():
        target = tmp_path / f"{values}.npz"
        assert run_mxgan("sample", run, "--num", 4, "--range", values, "--output", target).exit_code == 0
        found = arrays_of(target)
        assert found.dtype == images.dtype
        np.testing.assert_array_equal(found, images)


def test_psi_scales_the_latents_and_1_changes_nothing(run, tmp_path):
    sampler = mxgan.load_sampler(run)
    expected = {"1": sampler.draw(4), "0.5": sampler.sample(sampler.latents(4, 0) / 2)}
    for psi, images in expected.items():
        target = tmp_path / f"{psi}.npz"
        assert run_mxgan("sample", run, "--num", 4, "--psi", psi, "--output", target).exit_code == 0
        np.testing.assert_array_equal(arrays_of(target), images)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--format", "npz", "--output", "a.png"], "--format npz contradicts --output a.png, which ends as png does."),
        (["--format", "folder", "--output", "a.zip"], "--format folder contradicts --output a.zip"),
        (["--format", "npz", "--output", "a.jpg"], "a.jpg; give a name that ends in .npz or has no ending."),
        (["--format", "folder", "--output", "a.jpg"], "--format folder contradicts --output a.jpg; give a name that"),
        (["--format", "folder", "--output", "."], "the folder . is the current one, or holds it; give a new --output"),
        (["--format", "jpg"], "unknown --format 'jpg'"),
        (["--output", "a.jpg"], "give a name that ends in .png, .npz or .zip, or a folder; or give --format."),
        (["--range", "0,1"], "--range 0,1: only for an array (.npz)"),
        (["--range", "0,2", "--output", "a.npz"], "unknown --range '0,2'"),
        (["--psi", "1.5"], "psi is 1.5; give a number from 0"),
        (["--psi", "nan"], "psi is nan; give a number from 0"),
    ],
)
def test_bad_calls(arguments, words, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_mxgan("sample", run, *arguments)
    assert (result.exit_code, words in " ".join(result.output.split())) == (2, True), result.output
    assert not list(tmp_path.iterdir())


def test_the_fast_operators_draw_the_same_images_but_for_rounding(tmp_path, monkeypatch):
    pytest.importorskip("numba", reason="Numba is not installed")
    for name in ("LEAST_PAIRS", "LEAST_PRODUCTS"):
        monkeypatch.setattr(f"mxgan.training.fast.rewriting.{name}", 0)
    config, run = tiny_config(steps=1), tmp_path / "run"
    network = mxgan.DCGAN(ngf=16, ndf=4, image_size=16, latent_size=10)
    mxgan.start(replace(config, recipe=replace(config.recipe, network=network)), run, display="none").run()
    images = {}
    for algorithm in ("direct", "fast"):
        target = tmp_path / f"{algorithm}.npz"
        result = run_mxgan("sample", run, "--num", 5, "--algorithm", algorithm, "--output", target)
        assert result.exit_code == 0, result.output
        images[algorithm] = arrays_of(target)
    np.testing.assert_allclose(images["fast"], images["direct"], atol=1e-4)
    assert "mxgan_convolution" in mxgan.load_sampler(run, algorithm="fast").module.symbol.tojson()
    assert "mxgan_convolution" not in mxgan.load_sampler(run).module.symbol.tojson()


def test_an_unknown_algorithm_is_refused(run):
    result = run_mxgan("sample", run, "--algorithm", "quick")
    assert (result.exit_code, "'auto', 'direct', 'fast'" in result.output) == (2, True)
    with pytest.raises(ArgumentError, match="algorithm 'quick'"):
        mxgan.load_sampler(run, algorithm="quick")
