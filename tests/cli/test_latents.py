"""interpolate, walk, project and film as a user calls them: what they write, and what they refuse before any work."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mxgan
from mxgan.cli import main
from mxgan.pictures.grid import image_grid, save_grid
from mxgan.pictures.latents.directions import along, directions, first_matrix
from mxgan.pictures.latents.parts import MIXTURE, mixing
from mxgan.runtime import mx
from tests.support import DCGAN_SIZES, tiny_config


def run_mxgan(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


def started(folder, recipe, **settings):
    """A run of two steps with a picture of each."""
    config = tiny_config(sample_every=1, steps=2)
    config = replace(config, recipe=replace(mxgan.RECIPES[recipe], batch_size=8, **settings))
    mxgan.start(config, folder, display="none").run()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    network = mxgan.DCGAN(**DCGAN_SIZES, nc=1)
    return started(tmp_path_factory.mktemp("latents") / "run", "dcgan", network=network)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    network = replace(mxgan.RECIPES["cgan"].network, **DCGAN_SIZES, nc=1)
    return started(tmp_path_factory.mktemp("conditional") / "run", "cgan", network=network)


def picture(path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def test_a_sheet_of_an_interpolation_ends_in_the_seeds_draws(run, tmp_path):
    target = tmp_path / "a.png"
    settings = ["--seeds", "3,8", "--num", 2, "--frames", 2, "--no-loop", "--psi", 0.5, "--output", target]
    result = run_mxgan("interpolate", run, *settings)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"3 frames: {target}")
    sampler = mxgan.load_sampler(run)
    ends = [sampler.draw(2, seed, psi=0.5) for seed in (3, 8)]
    found = picture(target)
    np.testing.assert_array_equal(found[:, :16], image_grid(ends[0], 1))
    np.testing.assert_array_equal(found[:, -16:], image_grid(ends[1], 1))
    assert found.shape == (34, 52, 3)


@pytest.mark.parametrize("ending", ["gif", "webp", "mp4"])
def test_a_film_of_an_interpolation_is_a_closed_loop(ending, run, tmp_path):
    if ending == "mp4":
        pytest.importorskip("imageio_ffmpeg")
    target = tmp_path / f"a.{ending}"
    result = run_mxgan("interpolate", run, "--num", 4, "--frames", 3, "--output", target)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"9 frames: {target}")
    if ending == "gif":
        first = mxgan.load_sampler(run).draw(4, seed=0)
        np.testing.assert_array_equal(picture(target), image_grid(first))


def test_classes_mix_on_the_way(conditional, tmp_path):
    """One seed and two classes: the latent stays, the class changes; by number or by name."""
    for name, classes in (("a.png", "3,8"), ("b.png", "3, 8")):
        settings = ["--seeds", 1, "--class", classes, "--num", 3, "--frames", 2, "--output", tmp_path / name]
        result = run_mxgan("interpolate", conditional, *settings)
        assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))
    sampler = mxgan.load_sampler(conditional)
    shares = np.zeros((3, 10), np.float32)
    shares[:, [3, 8]] = 0.5
    between = mixing(sampler).sample(sampler.latents(3, 1), conditions={MIXTURE: shares})
    columns = [sampler.draw(3, 1, only=3), between, sampler.draw(3, 1, only=8), between]
    expected = image_grid(np.stack(columns, axis=1).reshape(-1, 1, 16, 16), 4)
    np.testing.assert_array_equal(picture(tmp_path / "a.png"), expected)


def test_a_walk_has_a_sheet_for_each_direction(conditional, tmp_path):
    target = tmp_path / "w.png"
    settings = ["--directions", 2, "--num", 3, "--frames", 5, "--amount", 2, "--class", 4, "--output", target]
    result = run_mxgan("walk", conditional, *settings)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"2 directions: {target}")
    sampler = mxgan.load_sampler(conditional)
    second = directions(first_matrix(sampler), 2)[1]
    moved = along(sampler.latents(3, 0), second, np.linspace(-2, 2, 5)).reshape(-1, 10, 1, 1)
    sheet = image_grid(sampler.sample(moved, np.full(15, 4)), 5)
    found = picture(target)
    top = len(sheet) + 16 + 12
    np.testing.assert_array_equal(found[top : top + len(sheet)], sheet)
    assert len(found) == top + len(sheet) + 16
    film = run_mxgan("walk", conditional, "--num", 2, "--frames", 6, "--output", tmp_path / "w.gif")
    assert film.output.splitlines()[-1] == f"6 frames: {tmp_path / 'w.gif'}"
    with Image.open(tmp_path / "w.gif") as frames:
        assert frames.size == (4 * 18 - 2, 2 * 18 - 2)  # a column for each direction


@pytest.mark.parametrize("by", ["pixels", "features"])
def test_projections_are_drawn_written_and_reported(by, conditional, tmp_path):
    sampler = mxgan.load_sampler(conditional)
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path, image in zip(paths, sampler.draw(2, 7, only=5)):
        save_grid(path, image[None])
    outputs = ["--output", tmp_path / "p.png", "--latents", tmp_path / "z.npz"]
    settings = ["--by", by, "--class", 5, "--steps", 20, "--starts", 2, "--seed", 3]
    result = run_mxgan("project", conditional, *paths, *settings, *outputs)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[-1] == f"2 pairs of image and projection: {tmp_path / 'p.png'}"
    with np.load(tmp_path / "z.npz") as content:
        latents, errors, baseline = (content[name] for name in ("latents", "errors", "baseline"))
    assert lines[0] == f"{paths[0]}: error {errors[0]:.4f}; the nearest of the random latents {baseline[0]:.4f}"
    assert lines[2].startswith(f"mean: error {errors.mean():.4f}; ")
    made = sampler.sample(latents, np.array([5, 5]))
    pairs = picture(tmp_path / "p.png")
    np.testing.assert_array_equal(pairs[:, 18:34], image_grid(made[:1]))
    np.testing.assert_array_equal(pairs[:, :16], picture(paths[0]))


def test_projections_as_npy_of_a_file_with_a_symbol(tmp_path):
    """A generator of another program, and a photograph that is cut and scaled to its size."""
    layer = mx.sym.FullyConnected(mx.sym.Variable("noise"), name="fc", num_hidden=64)
    mx.sym.Activation(layer, act_type="sigmoid").save(str(tmp_path / "a.json"))
    mx.nd.save(
        str(tmp_path / "a.params"), {"fc_weight": mx.nd.random.normal(shape=(64, 5)), "fc_bias": mx.nd.zeros(64)}
    )
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)).save(tmp_path / "p.jpg")
    outputs = ["--output", tmp_path / "p.png", "--latents", tmp_path / "z.npy"]
    result = run_mxgan("project", tmp_path / "a.params", tmp_path / "p.jpg", "--steps", 5, *outputs)
    assert result.exit_code == 0, result.output
    assert np.load(tmp_path / "z.npy").shape == (1, 5)


def test_a_film_of_the_training(run, tmp_path):
    target = tmp_path / "t.gif"
    result = run_mxgan("film", run, "--output", target)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"2 frames: {target}")
    first = picture(run / "samples" / "gout-000001.png")
    with Image.open(target) as film:
        assert film.n_frames == 2
        np.testing.assert_array_equal(np.asarray(film.convert("RGB"))[: len(first)], first)


def refused(arguments, words, folder, monkeypatch, code=2):
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = run_mxgan(*arguments)
    assert (result.exit_code, words in " ".join(result.output.split())) == (code, True), result.output
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["interpolate", "--output", "a.avi"], "give a name that ends in .gif, .webp, .mp4, .png."),
        (["interpolate", "--output", "there.gif"], "there.gif exists; give another name, or replace it (--overwrite)."),
        (["interpolate", "--output", "none/a.gif"], "none is not a folder. Make it first."),
        (["interpolate", "--fps", "60"], "fps is 60.0; give a number of frames a second from 0.1 to 50 for .gif."),
        (["interpolate", "--seeds", "1,x"], "--seeds '1,x': give whole numbers from 0 to 2**31 - 1, as 1,2,3."),
        (["interpolate", "--seeds", "99999999999"], "--seeds '99999999999': give whole numbers"),
        (["interpolate", "--seeds", "1"], "--seeds 1: give at least two seeds, or two classes, as --seeds 1,2."),
        (["interpolate", "--class", "1"], "--class 1: this generator is not conditional. Leave --class out."),
        (["interpolate", "--psi", "2"], "psi is 2.0; give a number from 0"),
        (
            ["interpolate", "--num", "10000", "--frames", "10000", "--seeds", ",".join(["1"] * 300)],
            "the latents of this path need about 4,800.0 GB of memory",
        ),
        (["walk", "--directions", "11"], "directions is 11; give a whole number from 1 to 10."),
        (["walk", "--amount", "0"], "--amount 0.0: give a number above 0."),
        (["walk", "--amount", "inf"], "--amount inf: give a number above 0."),
        (["project", "image.png", "--output", "a.gif"], "--output a.gif: give a name that ends in .png."),
        (["project", "image.png", "--latents", "a.txt"], "--latents a.txt: give a name that ends in .npy, .npz."),
        (["project", "image.png", "--class", "1"], "this generator is not conditional"),
        (["project", "none.png"], "none.png cannot be read: No such file or directory."),
        (["film", "--output", "a.png"], "give a name that ends in .gif, .webp, .mp4."),
        (["film", "--output", "a.gif", "--picture", "/etc/x"], "has no picture '/etc/x'; there are: data, diff, gout."),
        (["film", "--output", "a.gif", "--picture", "strip"], "has no picture 'strip'; there are: data, diff, gout."),
    ],
)
def test_what_is_refused_before_any_work(arguments, words, run, tmp_path, monkeypatch):
    (tmp_path / "there.gif").write_bytes(b"mine")
    save_grid(tmp_path / "image.png", np.zeros((1, 1, 16, 16), np.float32))
    command, *others = arguments
    refused([command, run, *others], words, tmp_path, monkeypatch, 1 if words.startswith("none is") else 2)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["interpolate", "--class", "1,10"], "unknown class '10'"),
        (["walk", "--class", "1,2"], "--class 1,2: 2 classes; give at most 1."),
        (["project", "image.png"], "--class gives 0 classes for 1 images. Give one for all of them, or one for each."),
        (["project", "image.png", "--class", "1,2"], "--class gives 2 classes for 1 images."),
    ],
)
def test_what_is_refused_of_classes(arguments, words, conditional, tmp_path, monkeypatch):
    save_grid(tmp_path / "image.png", np.zeros((1, 1, 16, 16), np.float32))
    command, *others = arguments
    refused([command, conditional, *others], words, tmp_path, monkeypatch)


def test_an_exported_folder_is_projected_on(run, tmp_path, monkeypatch):
    mxgan.export_model(run, tmp_path / "out", "npz")
    save_grid(tmp_path / "image.png", np.zeros((1, 1, 16, 16), np.float32))
    result = run_mxgan(
        "project", tmp_path / "out", tmp_path / "image.png", "--steps", 2, "--output", tmp_path / "p.png"
    )
    assert result.exit_code == 0, result.output
    result = run_mxgan("project", tmp_path / "out", tmp_path / "image.png", "--by", "features")
    assert (result.exit_code, "is no run folder, which has a D" in result.output) == (2, True), result.output


def test_a_missing_extra_and_a_missing_discriminator_are_named(run, tmp_path, monkeypatch):
    (params,) = (run / "checkpoints").glob("000002/*_G_*.params")
    save_grid(tmp_path / "image.png", np.zeros((1, 1, 16, 16), np.float32))
    words = "is no run folder, which has a D. Give the run folder, or --by pixels."
    refused(["project", params, "image.png", "--by", "features"], words, tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    refused(["film", run], "Install it: pip install '.[film]' in a clone of mxgan.", tmp_path, monkeypatch, 1)
