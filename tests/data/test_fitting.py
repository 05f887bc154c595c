"""Every data set at every aspect ratio: the middle is cut out, nothing is stretched, squares keep their bits."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.data import ImageArrayIter, labelled_subset, open_dataset
from mxgan.data.fitting import fitted, middle
from mxgan.data.folder import load_folder
from mxgan.errors import ArgumentError
from mxgan.runtime import cv2

SIZES = [(48, 96), (96, 48), (32, 32), (40, 64)]


def disc(height: int, width: int) -> np.ndarray:
    """A white disc in the middle of a black image (height, width, 3), 0.8 of the shorter side wide."""
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    grey = np.where(distance < 0.4 * min(height, width), 255, 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def assert_round(image: np.ndarray) -> None:
    """A disc is as wide as it is high, or cut off at two sides: then its rows are those of a circle all the same."""
    inside = image > (image.min() / 2 + image.max() / 2)
    height, width = int(inside.any(axis=1).sum()), int(inside.any(axis=0).sum())
    if height < inside.shape[0] and width < inside.shape[1]:
        assert abs(height - width) <= 1
        return
    cut = inside if height == inside.shape[0] else inside.T  # its first row and its middle one are both chords
    chord, diameter = int(cut[0].sum()), int(cut[len(cut) // 2].sum())
    assert abs(np.hypot(chord, len(cut)) - diameter) <= 3


@pytest.mark.parametrize("sides", [(60, 120), (120, 60), (75, 75), (61, 87), (1, 200)])
@pytest.mark.parametrize("size", [*SIZES, (16, 256)])
def test_the_middle_has_the_aspect_ratio_and_is_as_large_as_can_be(sides, size):
    numbered = np.arange(sides[0] * sides[1]).reshape(sides)
    part = middle(numbered, *size)
    height, width = part.shape
    assert part.base is not None
    assert height == sides[0] or width == sides[1]
    if min(sides) > 16:
        assert abs(height * size[1] - width * size[0]) <= max(size) / 2  # half a pixel
    top, left = divmod(int(part[0, 0]), sides[1])
    assert abs(2 * top - (sides[0] - height)) <= 1
    assert abs(2 * left - (sides[1] - width)) <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sides", [(100, 250), (250, 100), (60, 60), (80, 133)])
def test_a_disc_stays_a_disc(sides, size):
    found = fitted(disc(*sides), *size)
    assert found.shape == (*size, 3)
    assert_round(found[..., 0])
    data = ImageArrayIter(disc(*sides)[None], batch_size=1, image_size=size, channels=1).next().data[0].asnumpy()
    assert data.shape == (1, 1, *size)
    assert_round(data[0, 0])


def test_an_idx_file_of_rectangles_is_cut_as_a_folder_is(tmp_path, write_idx):
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 36)).astype(np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    data = open_dataset("mnist", data_dir=tmp_path, batch_size=5, image_size=20, channels=1, shuffle=False)
    np.testing.assert_array_equal(
        np.rint((data.next().data[0].asnumpy()[:, 0] + 1) * 127.5), images[:, :, 8:28]
    )  # no scaling at all
    wide = open_dataset("mnist", data_dir=tmp_path, batch_size=5, image_size=(20, 36), channels=1, shuffle=False)
    np.testing.assert_array_equal(np.rint((wide.next().data[0].asnumpy()[:, 0] + 1) * 127.5), images)
    assert wide.describe().startswith("mnist: 5 images, given as 20x36 grey")


def test_square_arrays_keep_their_bits():
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28, 3)).astype(np.uint8)
    for size in (16, 28, 64):
        data = ImageArrayIter(images, batch_size=4, image_size=size, shuffle=False).next().data[0].asnumpy()
        expected = np.stack([cv2.resize(image, (size, size)) for image in images]).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(data, expected.astype(np.float32) / np.float32(127.5) - np.float32(1))


def test_a_folder_at_another_aspect_ratio_and_its_cache(tmp_path, cache):
    for name, sides in (("a.png", (60, 200)), ("b.png", (200, 60)), ("c.png", (90, 90))):
        (tmp_path / "images").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / name), disc(*sides))
    for size in SIZES:
        found = load_folder(tmp_path / "images", size)
        assert found.images.shape == (3, *size, 3)
        for image in found.images:
            assert_round(image[..., 0])
    kept = sorted(path.name for path in (cache / "folders").iterdir())
    assert (load_folder(tmp_path / "images", 32).images == load_folder(tmp_path / "images", (32, 32)).images).all()
    assert sorted(path.name for path in (cache / "folders").iterdir()) == kept  # one entry for 32 and (32, 32)


@pytest.mark.parametrize("random", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_records_are_cropped_and_never_stretched(write_records, size, random):
    """A pattern of dots, 40 pixels apart both ways: they stay as far apart down as across, wherever the crop was."""
    dots = np.zeros((300, 420, 3), np.uint8)
    for row in range(10, 300, 40):
        for column in range(10, 420, 40):
            dots[row - 5 : row + 5, column - 5 : column + 5] = 255
    other = dots.copy()
    other[0, 0] = 9  # images that are all the same are refused
    path = write_records([cv2.imencode(".png", each)[1].tobytes() for each in (dots, dots, dots, other)])
    crop = {"min_crop_size": 200, "max_crop_size": 200, "resize": 0}
    data = open_dataset("recordio", data_dir=path, batch_size=4, image_size=size, rand_crop=random, **crop)
    pixels = data.next().data[0].asnumpy()
    assert pixels.shape == (4, 3, *size)
    for image in pixels[:, 0]:
        wanted = 40 * max(size) / 200
        for axis in (0, 1):
            assert period(image.mean(axis=axis)) == pytest.approx(wanted, rel=0.12)


def period(line: np.ndarray) -> float:
    """The mean distance of the places where a line rises through its mean."""
    above = line > line.mean()
    rises = np.flatnonzero(above[1:] & ~above[:-1])
    assert len(rises) > 1
    return float(np.diff(rises).mean())


def test_a_labelled_subset_has_the_size_of_its_data():
    data = open_dataset("digits", batch_size=8, image_size=(16, 20), channels=1)
    assert labelled_subset(data, 1, seed=0).next().data[0].shape == (8, 1, 16, 20)


@pytest.mark.parametrize("size", [(16,), (16, 16, 3), (0, 16), (16, 5000), "16x16", 16.0, True])
def test_bad_sizes_are_named(size):
    with pytest.raises(ArgumentError, match=r"^image_size is .*; give a whole number"):
        open_dataset("digits", batch_size=8, image_size=size)
