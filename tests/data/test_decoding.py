import io
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from mxgan.data import decoding
from mxgan.data.background import over, parse_background
from mxgan.data.decoding import ImageHeader, decode_bgr, read_header, read_rgb
from mxgan.errors import ArgumentError, DatasetError
from mxgan.runtime import cv2


@pytest.mark.parametrize("suffix, name", [(".jpg", "JPEG"), (".png", "PNG"), (".bmp", "BMP"), (".webp", "WEBP")])
def test_format_and_size_without_decoding(tmp_path, encode_photo, suffix, name):
    encoded = encode_photo(1, suffix)
    by_pillow = decoding.opencv_is_lenient() and name in ("JPEG", "WEBP")
    assert read_header(encoded)[:4] == ImageHeader(name, 80, 60, by_pillow)[:4]
    (tmp_path / "image").write_bytes(encoded)
    assert read_header(tmp_path / "image") == read_header(encoded)


def test_the_limit_of_pixels_can_be_set(encode_photo):
    with pytest.raises(DatasetError, match="its 80x60 pixels are more than the 4,799 allowed"):
        read_header(encode_photo(1), max_pixels=4799)
    assert read_header(encode_photo(1), max_pixels=4800).width == 80


@pytest.mark.parametrize(
    "version, lenient", [("4.5.5", True), ("4.10.0", True), ("4.11.0", False), ("5.0.0-pre", False)]
)
def test_which_opencv_is_lenient(monkeypatch, version, lenient):
    monkeypatch.setattr(decoding.cv2, "__version__", version)
    assert decoding.opencv_is_lenient() == lenient


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_what_is_whole_is_read_and_what_is_cut_off_is_an_error(monkeypatch, old, kind):
    old = old or decoding.opencv_is_lenient()
    monkeypatch.setattr(decoding, "opencv_is_lenient", lambda: old)
    pixels = np.full((60, 80, 3), (200, 30, 90), np.uint8)
    whole = by_pillow(pixels, kind, quality=95)
    assert read_header(whole).by_pillow == (old and kind != "PNG")
    np.testing.assert_allclose(decoded_rgb(whole), pixels, atol=4)
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    cut = by_pillow(noise, kind, quality=95)
    with pytest.raises(DatasetError, match="cannot be decoded|could not create decoder"):
        decoded_rgb(cut[: len(cut) // 2])


@pytest.mark.parametrize(
    "kind, settings, pixel_bytes, lenient",
    [
        ("JPEG", {}, 6, 8),
        ("JPEG", {"progressive": True, "subsampling": "4:2:0"}, 6, 8),
        ("JPEG", {"progressive": True, "subsampling": "4:4:4"}, 9, 11),
        ("PNG", {}, 6, 6),
        ("GIF", {}, 8, 8),
        ("TIFF", {}, 12, 12),
        ("WEBP", {}, 8, 23),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_what_decoding_takes(monkeypatch, kind, settings, pixel_bytes, lenient, old):
    monkeypatch.setattr(decoding, "opencv_is_lenient", lambda: old)
    pixel_bytes = lenient if old else pixel_bytes
    header = read_header(by_pillow(np.zeros((10, 12, 3), np.uint8), kind, **settings))
    assert header.decoding_bytes == pixel_bytes * 120


def test_a_small_file_of_an_enormous_image(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_BYTES", 1_000_000)
    bomb = by_pillow(np.zeros((500, 500, 3), np.uint8), "PNG")
    with pytest.raises(
        DatasetError, match=r"decoding its 500x500 pixels takes 2 MB, more than the 1 MB .* PNG of 0.0 MB"
    ):
        read_header(bomb)
    assert read_header(bomb + bytes(500_000)).width == 500  # a file of that size may


def test_large_images_are_decoded_one_after_the_other():
    header, inside, most = ImageHeader("PNG", 5000, 6000), [], []

    def decode(_):
        with decoding.decoding(header):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, range(8)))
    assert max(most) == 1
    assert len(most) == 8


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\x89PNG\r\n\x1a\n" * 9]
)
def test_no_image(content):
    with pytest.raises(DatasetError, match=r"(not an image in a readable format|no readable image header)"):
        read_header(content)


def decoded_rgb(encoded):
    return decode_bgr(encoded, read_header(encoded))[..., ::-1]


def by_pillow(pixels, kind, mode=None, **settings):
    """A file made by Pillow, of uint8 or uint16 pixels, converted to a mode before."""
    stream, image = io.BytesIO(), Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **settings)
    return stream.getvalue()


def test_pixels_are_in_opencv_s_order(make_photo, encode_photo):
    assert (decoded_rgb(encode_photo(2, ".png")) == make_photo(2)).all()


@pytest.mark.parametrize("content", [b"", b"hello"])
@pytest.mark.parametrize("by_pillow", [False, True])
def test_what_cannot_be_decoded(content, by_pillow):
    with pytest.raises(DatasetError, match="cannot be decoded"):
        decode_bgr(content, ImageHeader("PNG", 1, 1, by_pillow))


# How an upright picture is stored under each value of the EXIF tag "orientation" (EXIF 2.3, section 4.6.4): the
# place of its first row and first column in the stored one.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize(
    "kind, settings", [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})]
)
@pytest.mark.parametrize("orientation", STORED)
def test_every_turn_that_exif_asks_for(make_photo, kind, settings, orientation):
    upright, exif = make_photo(3), Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](upright))
    pixels = decoded_rgb(by_pillow(stored, kind, exif=exif, **settings))
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).mean() < (3 if kind == "JPEG" else 0.01)


RAMP = np.arange(0, 65536, 64).astype(np.uint16).reshape(32, 32)


@pytest.mark.parametrize(
    "suffix, planes", [(".png", 1), (".png", 3), (".png", 4), (".tiff", 1), (".tiff", 3), (".tiff", 4), (".pgm", 1)]
)
def test_16_bits_are_scaled(suffix, planes):
    deep = np.dstack([RAMP] * min(planes, 3) + [np.full_like(RAMP, 65535)] * (planes == 4))
    encoded = cv2.imencode(suffix, deep)[1].tobytes()
    pixels = decoded_rgb(encoded)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - (RAMP / 257)[..., None]).max() <= 1


@pytest.mark.parametrize("white, kind", [(1023, ">u2"), (4095, ">u2"), (100, "u1"), (255, "u1")])
def test_a_pgm_of_any_depth_is_scaled_to_its_own_white(white, kind):
    levels = np.linspace(0, white, 32 * 32).reshape(32, 32)
    encoded = f"P5\n32 32\n{white}\n".encode() + levels.astype(kind).tobytes()
    assert np.abs(decoded_rgb(encoded) - (levels * 255 / white)[..., None]).max() <= 255 / white + 1


def test_numbers_without_a_known_white_are_refused():
    encoded = cv2.imencode(".tiff", RAMP.astype(np.float32) / 65535)[1].tobytes()
    with pytest.raises(DatasetError, match="32-bit numbers, and the value of white is unknown"):
        read_header(encoded)


def test_one_colour_is_parsed_in_one_place():
    found = [parse_background(value) for value in (None, "white", "black", "#ff8000", "#FF8000")]
    assert found == [(255, 255, 255), (255, 255, 255), (0, 0, 0), (255, 128, 0), (255, 128, 0)]


@pytest.mark.parametrize("value", ["grey", "#ff80", "ff8000", "#ff80000", "#gg0000", "", 0, (0, 0, 0), True])
def test_a_value_that_is_no_colour(value):
    with pytest.raises(ArgumentError, match=re.escape(f"background is {value!r}; give white, black or #rrggbb")):
        parse_background(value)


def test_every_alpha_over_every_colour_is_rounded_to_the_nearest():
    colours, alphas = np.meshgrid(np.arange(256), np.arange(256))
    pixels = np.dstack([colours, colours, colours, alphas]).astype(np.uint8)
    for background in ((255, 255, 255), (0, 0, 0), (255, 128, 1)):
        exact = (colours[..., None] * alphas[..., None] + np.array(background) * (255 - alphas[..., None])) / 255
        assert np.abs(over(pixels, background) - exact).max() <= 0.5


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (255, 128, 0)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "GIF"])
def test_what_is_transparent_shows_the_background(kind, ground):
    """A black shape on transparent black, as drawing programs save it."""
    pixels = np.zeros((60, 80, 4), np.uint8)
    pixels[20:40, 30:50, 3] = 255
    settings = {"WEBP": {"lossless": True, "exact": True}, "GIF": {"transparency": 0}}.get(kind, {})
    encoded = by_pillow(pixels[..., 3], kind, "P", **settings) if kind == "GIF" else by_pillow(pixels, kind, **settings)
    found = read_rgb(encoded, ground)
    shape = pixels[..., 3:] == 255
    drawn = (255, 255, 255) if kind == "GIF" else (0, 0, 0)
    assert (found == np.where(shape, drawn, ground)).all()


@pytest.mark.parametrize(
    "kind, mode",
    [("GIF", "P"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("TIFF", "1"), ("JPEG", "CMYK"), ("BMP", "L")],
)
def test_other_ways_to_store_colour(make_photo, kind, mode):
    encoded = by_pillow(make_photo(5), kind, mode)
    wanted = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(int)
    assert np.abs(decoded_rgb(encoded) - wanted).max() <= 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_pictures_the_first(kind):
    pictures = [Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (10, 250)]
    stream = io.BytesIO()
    pictures[0].save(
        stream, kind, save_all=True, append_images=pictures[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert (decoded_rgb(stream.getvalue()) == 10).all()


@pytest.mark.parametrize("kind", ["GIF", "PPM"])
def test_a_file_that_is_cut_off(make_photo, kind):
    encoded = by_pillow(make_photo(5), kind)
    with pytest.raises(DatasetError, match="cannot be decoded"):
        decoded_rgb(encoded[: len(encoded) // 3])
