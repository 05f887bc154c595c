"""Pictures: layout, colours, files."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread  # reads PNG without OpenCV

from mxgan.errors import ArgumentError, OutputError, ShapeError
from mxgan.pictures.grid import GAP, image_grid, save_grid, save_png, standardize

RED = np.concatenate([np.ones((1, 1, 8, 8)), -np.ones((1, 2, 8, 8))], axis=1).astype(np.float32)
GREEN = RED[:, [1, 0, 2]]
BLUE = RED[:, [1, 2, 0]]


def constant(values, channels=1, size=2):
    """One image a value, each of that value throughout."""
    return np.ones((len(values), channels, size, size), np.float32) * np.reshape(values, (-1, 1, 1, 1))


# --- grids


@pytest.mark.parametrize("count, rows, columns", [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3), (7, 3, 3), (64, 8, 8)])
def test_a_grid_is_nearly_square(count, rows, columns):
    assert image_grid(constant([0] * count, size=4), padding=0).shape == (4 * rows, 4 * columns, 3)


def test_images_lie_row_by_row_and_unused_cells_are_black():
    grid = image_grid(constant([1, 0.6, 0.2, -0.2, 1]), padding=0)
    assert grid[::2, ::2, 0].tolist() == [[255, 204, 153], [102, 255, 0]]
    assert (grid == np.kron(grid[::2, ::2], np.ones((2, 2, 1)))).all()


def test_height_and_width_are_not_mixed_up():
    image = np.linspace(-1, 1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.float32)
    grid = image_grid(image, columns=2, padding=0)
    assert grid.shape == (4, 10, 3)
    assert (grid[:, 5:] == np.rint((image[1] + 1) * 127.5).transpose(1, 2, 0)).all()


def test_columns_and_padding():
    grid = image_grid(constant([1, 1, 1]), columns=3, padding=1)
    assert grid[..., 0].tolist() == [[255, 255, 0, 255, 255, 0, 255, 255]] * 2
    assert GAP == 2
    assert image_grid(constant([1, 1]))[..., 0].tolist() == [[255, 255, 0, 0, 255, 255]] * 2


def test_every_byte_survives_the_way_to_floats_and_back():
    values = np.arange(256)
    grid = image_grid(constant(values / 127.5 - 1, size=1), columns=256, padding=0)
    assert grid[0, :, 0].tolist() == values.tolist()


def test_values_outside_are_clipped_and_the_input_is_left_alone():
    images = constant([-7, 7])
    assert image_grid(images, padding=0)[0, ::2, 0].tolist() == [0, 255]
    assert images[:, 0, 0, 0].tolist() == [-7, 7]


def test_grey_becomes_three_equal_channels_and_rgb_stays_in_order():
    assert image_grid(constant([0.2]))[0, 0].tolist() == [153, 153, 153]
    pixels = [image_grid(colour)[0, 0].tolist() for colour in (RED, GREEN, BLUE)]
    assert pixels == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_mxnet_arrays_are_taken_too():
    from mxgan.runtime import mx

    assert (image_grid(mx.nd.array(RED)) == image_grid(RED)).all()
    assert (standardize(mx.nd.array([1, 3])) == [-1, 1]).all()


@pytest.mark.parametrize(
    "images, error, text",
    [
        (np.zeros((3, 8, 8)), ShapeError, r"images of shape \(3, 8, 8\): expected \(N, C, H, W\)"),
        (np.zeros((2, 2, 8, 8)), ShapeError, r"C = 1 or 3"),
        (np.zeros((0, 3, 8, 8)), ShapeError, r"\(0, 3, 8, 8\)"),
        (np.zeros((1, 3, 8, 8), np.uint8), ArgumentError, r"images of type uint8.*x / 127.5 - 1"),
        (
            constant([0, np.nan, 1, np.inf]),
            ArgumentError,
            r"image 1 of 4 holds NaN or infinity \(2 images in all\)",
        ),
    ],
)
def test_what_is_no_batch_of_images_is_refused(images, error, text):
    with pytest.raises(error, match=text):
        image_grid(images)


@pytest.mark.parametrize("options", [{"columns": 0}, {"padding": -1}])
def test_bad_layout_is_refused(options):
    with pytest.raises(ArgumentError, match=r"columns .* must be at least 1 and padding .* at least 0"):
        image_grid(RED, **options)


# --- standardize


def test_standardize_is_over_the_whole_array():
    gradients = np.random.default_rng(0).normal(3, 1e-6, (4, 3, 8, 8)).astype(np.float32)
    result = standardize(gradients)
    assert result.dtype == np.float32
    exact = gradients.astype(np.float64)
    np.testing.assert_allclose(result, (exact - np.mean(exact)) / np.std(exact), rtol=1e-6)


@pytest.mark.parametrize("value", [0, 0.1, 1e30])
def test_standardize_of_a_constant_is_zero(value):
    assert not standardize(np.full((4, 3, 7, 7), value)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_standardize_of_what_is_not_finite_is_nan_without_a_warning(bad):
    assert np.isnan(standardize(np.array([1, bad, 2]))).all()


# --- files


def test_red_is_red_in_the_file(tmp_path):
    path = save_grid(tmp_path / "red.png", np.concatenate([RED, GREEN, BLUE]), padding=0)
    pixels = imread(str(path))[..., :3]
    assert [pixels[4, 4].tolist(), pixels[4, 12].tolist(), pixels[12, 4].tolist()] == np.eye(3).tolist()


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    save_grid(tmp_path / "a.png", RED)
    save_grid(tmp_path / "a.png", BLUE)
    assert imread(str(tmp_path / "a.png"))[0, 0, :3].tolist() == [0, 0, 1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource", reason="no file size limit on this system")
    path = save_grid(tmp_path / "a.png", RED)
    before = path.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=r"a\.png cannot be written: File too large\. .*the disk has room"):
            save_png(path, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    reasons = {"no/a.png": "No such file", "file/a.png": "Not a directory", "folder.png": "directory"}
    for name, reason in reasons.items():
        with pytest.raises(OutputError, match=f".*{name} cannot be written: .*{reason}"):
            save_grid(tmp_path / name, RED)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.png"]


def test_only_pictures_are_saved_and_only_as_png(tmp_path):
    with pytest.raises(ArgumentError, match=r"a name that ends in \.png"):
        save_grid(tmp_path / "a.jpg", RED)
    with pytest.raises(ShapeError, match=r"a picture of shape \(1, 3, 8, 8\), type float32: expected \(H, W, 3\)"):
        save_png(tmp_path / "a.png", RED)
