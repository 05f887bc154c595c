import pytest

from mxgan.data.decoding import ImageHeader, decode_bgr, read_header
from mxgan.errors import DatasetError


@pytest.mark.parametrize("suffix, name", [(".jpg", "JPEG"), (".png", "PNG"), (".bmp", "BMP"), (".webp", "WEBP")])
def test_format_and_size_without_decoding(tmp_path, encode_photo, suffix, name):
    encoded = encode_photo(1, suffix)
    assert read_header(encoded) == ImageHeader(name, 80, 60)
    (tmp_path / "image").write_bytes(encoded)
    assert read_header(tmp_path / "image") == ImageHeader(name, 80, 60)


def test_the_limit_of_pixels_can_be_set(encode_photo):
    with pytest.raises(DatasetError, match="its 80x60 pixels are more than the 4,799 allowed"):
        read_header(encode_photo(1), max_pixels=4799)
    assert read_header(encode_photo(1), max_pixels=4800).width == 80


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\x89PNG\r\n\x1a\n" * 9]
)
def test_no_image(content):
    with pytest.raises(DatasetError, match=r"no (image in a format|readable image header)"):
        read_header(content)


def test_pixels_are_in_opencv_s_order(make_photo, encode_photo):
    assert (decode_bgr(encode_photo(2, ".png"))[..., ::-1] == make_photo(2)).all()


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_what_cannot_be_decoded(content):
    with pytest.raises(DatasetError, match="cannot be decoded"):
        decode_bgr(content)
