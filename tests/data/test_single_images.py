"""A single image is seen as the data set `folder` sees it."""

import numpy as np
import pytest
from PIL import Image

from mxgan.data.folder import load_folder
from mxgan.data.single_images import read_image
from mxgan.errors import ArgumentError, CorruptFileError


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 16, 16), (3, 16, 24)])
def test_an_image_is_that_of_the_folder(shape, tmp_path, cache):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 4)).astype(np.uint8)
    path = tmp_path / "images" / "a.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    found = load_folder(path.parent, shape[1:], shape[0], background="black").images[0]
    image = read_image(path, shape, (0, 0, 0))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, found.reshape(*shape[1:], shape[0]).transpose(2, 0, 1) / np.float32(127.5) - 1)


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(CorruptFileError, match="cannot be read as an image"):
        read_image(tmp_path / "a.png", (3, 16, 16))
    for missing in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ArgumentError, match="Give the path of a file"):
            read_image(missing, (3, 16, 16))


def test_a_huge_file_is_not_read_whole(tmp_path):
    with open(tmp_path / "a.png", "wb") as stream:
        stream.truncate(2**40)  # a hole without blocks
    with pytest.raises(CorruptFileError, match="it is larger than 224 MB"):
        read_image(tmp_path / "a.png", (3, 16, 16))
