"""Every kind of image file against Pillow, the reference; the decoder is chosen by `mxgan.data.image_kinds`."""

import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from mxgan.data import image_kinds
from mxgan.data.decoding import read_header, read_rgb
from mxgan.errors import DatasetError
from tests.data.picture_files import GREY, KINDS, RGB, RGBA, bmp, chunk, png, saved, tiff

ORANGE = (255, 128, 0)

# What Pillow reads wrongly or not at all, and OpenCV reads: the picture itself is the reference.
KNOWN = {
    **{f"TIFF white 0 16 {order}": GREY[..., None] for order in "<>"},
    **{f"TIFF planes 16 {order}": RGB for order in "<>"},
    **{f"TIFF one plane 16 {order}": GREY[..., None] for order in "<>"},
    "TIFF YCbCr": RGB,
    **{f"TIFF YCbCr {name}": RGB for name in ("packbits", "tiff_lzw", "deflate")},
    **{f"TIFF grey 12 {order}": GREY[..., None] for order in "<>"},
    "BMP alpha of 0": RGB,
    "PNG grey 16 clear": np.where(GREY[..., None] == GREY[5, 5], ORANGE, GREY[..., None]),
    "PNG RGB 16 clear": np.where((RGB[5, 5] == RGB).all(axis=-1, keepdims=True), ORANGE, RGB),
}
# What neither library reads: the kind, as the message names it.
NOT_SUPPORTED = {
    **{f"TIFF grey {depth} {order}": f"{depth} bits, grey, compression raw" for depth in (6, 10, 14) for order in "<>"},
    **{f"TIFF white 0 12 {order}": "12 bits, grey, compression raw" for order in "<>"},
    "TIFF grey 12 >": "12 bits, grey, compression raw",
    **{f"TIFF RGB 12 {order}": "12 bits, RGB, compression raw" for order in "<>"},
    **{f"TIFF RGB 32 {order}": "32 bits, RGB, compression raw" for order in "<>"},
    **{f"TIFF float 16 {order}": "16 bits, floating point, grey, compression raw" for order in "<>"},
    **{f"TIFF grey 16 alpha {order}": "16 bits, grey and more, compression raw" for order in "<>"},
    **{f"TIFF planes 16 alpha {order}": "16 bits, RGB and more, compression raw" for order in "<>"},
    **{f"TIFF planes LA {order}": "8 bits, grey and more, compression raw" for order in "<>"},
    "TIFF CMYK alpha": "8 bits, CMYK and more, compression raw",
    "TIFF Lab 16": "16 bits, Lab, compression raw",
    "TIFF JPEG 2000": "8 bits, RGB, compression 34712",
    "TIFF LERC": "8 bits, RGB, compression 34887",
    "TIFF unknown compression": "8 bits, RGB, compression 65000",
}


def by_pillow(encoded: bytes, background: tuple) -> np.ndarray:
    """What Pillow shows, (height, width, 3) RGB, over a background."""
    with warnings.catch_warnings(), Image.open(io.BytesIO(encoded)) as image:
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            return np.repeat(np.asarray(image)[..., None] / 257, 3, axis=-1)
        image = image.convert("LA") if image.mode == "La" else image
        ground = Image.new("RGBA", image.size, background)
        return np.asarray(Image.alpha_composite(ground, image.convert("RGBA")))[..., :3]


def tolerance(name: str) -> float:
    if name in KNOWN and "YCbCr" in name:
        return 4  # of a conversion there and back
    return 1 if re.search(r"JPEG|jpeg|YCbCr|MPO|I;16|\b(16|12)\b", name) else 0


@pytest.mark.parametrize("name", [name for name in KINDS if name not in NOT_SUPPORTED])
def test_every_kind_is_seen_as_by_pillow(name):
    encoded = KINDS[name]
    wanted = KNOWN.get(name)
    if name not in KNOWN:
        try:
            wanted = by_pillow(encoded, ORANGE)
        except (Image.UnidentifiedImageError, OSError):  # this version of Pillow does not read it
            with pytest.raises(DatasetError, match="not supported"):
                read_rgb(encoded, ORANGE)
            return
    found = read_rgb(encoded, ORANGE)
    assert found.shape == RGB.shape
    alpha = 1 if read_header(encoded).has_alpha else 0
    assert np.abs(found.astype(float) - wanted).max() <= tolerance(name) + alpha


@pytest.mark.parametrize("name", NOT_SUPPORTED)
def test_a_kind_that_is_not_supported_is_named(name):
    with pytest.raises(DatasetError, match=re.escape(f"this kind of TIFF ({NOT_SUPPORTED[name]})") + " is not supp"):
        read_rgb(KINDS[name])


@pytest.mark.parametrize("number, name", [(50000, "zstd"), (50001, "webp"), (34925, "lzma")])
def test_a_compression_that_this_pillow_was_built_without_is_named(number, name):
    """The bytes are no data of any compression, so a Pillow that has it calls the file broken."""
    try:
        saved(RGB, "TIFF", compression=name)
        reason = "cannot be decoded"
    except OSError:
        reason = rf"this kind of TIFF \(8 bits, RGB, compression {name}\) is not supported by this Pillow"
    with pytest.raises(DatasetError, match=reason):
        read_rgb(tiff(8, 3, 2, bytes(99), compression=number))


@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize("name", ["TIFF RGB tiff_lzw", "TIFF RGB", "TIFF RGB lzma", "TIFF I;16"])
def test_a_tiff_that_is_cut_off_is_broken(name, part):
    """OpenCV gives black for what is missing."""
    with pytest.raises(DatasetError, match="cannot be decoded|no readable image header"):
        read_rgb(KINDS[name][: int(len(KINDS[name]) * part)])


def test_bit_fields_of_an_unusual_order_are_named():
    odd = bmp(32, bytes(4 * 40 * 24), method=3, masks=(0xFF, 0xFF0000, 0xFF00))
    with pytest.raises(DatasetError, match=r"^this kind of BMP \(bit fields of an unusual order\) is not supported$"):
        read_header(odd)


def test_signed_and_32_bit_numbers_have_no_white():
    for encoded in (
        tiff(16, 1, 1, GREY.astype("<i2").tobytes(), t339=(3, [2])),
        saved(GREY.astype(np.int32), "TIFF"),
        saved(GREY.astype(np.float32), "TIFF"),
        b"Pf\n40 24\n-1.0\n" + GREY.astype("<f4").tobytes(),
    ):
        with pytest.raises(DatasetError, match="numbers, and the value of white is unknown|not an image"):
            read_header(encoded)


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {}</rdf:Description></x:xmpmeta>'
TURNED = [XMP.format(form).encode() for form in ('tiff:Orientation="6">', "><tiff:Orientation>6</tiff:Orientation>")]
ROWS = [row.tobytes() for row in RGB]


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def text_of_xmp(xmp: bytes) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp)


def text_of_imagemagick(kind: bytes = b"zTXt") -> bytes:
    """EXIF as ImageMagick writes it: its name, its length and hexadecimal digits, in lines."""
    content = exif_of(6)
    text = f"\nexif\n{len(content):8}\n{content.hex()}\n".encode()
    packed = b"\0" + zlib.compress(text) if kind == b"zTXt" else text
    return chunk(kind, b"Raw profile type exif\0" + packed)


def with_xmp(xmp: bytes) -> bytes:
    """A JPEG whose XMP stands in an APP1 marker."""
    whole = saved(RGB, "JPEG", quality=95, subsampling=0)
    content = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + whole[2:]


EXIF_CHUNK = chunk(b"eXIf", exif_of(6)[6:])
TURNS = {
    "PNG eXIf": png(8, 2, ROWS, EXIF_CHUNK),
    "PNG eXIf behind the pixels": png(8, 2, ROWS, after=EXIF_CHUNK),
    **{f"PNG XMP {number}": png(8, 2, ROWS, text_of_xmp(xmp)) for number, xmp in enumerate(TURNED)},
    "PNG XMP behind the pixels": png(8, 2, ROWS, after=text_of_xmp(TURNED[0])),
    "PNG of ImageMagick": png(8, 2, ROWS, text_of_imagemagick()),
    "PNG of ImageMagick, plain": png(8, 2, ROWS, text_of_imagemagick(b"tEXt")),
    "PNG of ImageMagick behind the pixels": png(8, 2, ROWS, after=text_of_imagemagick()),
    "PNG with alpha": saved(np.dstack([RGB, RGB[..., 0] * 0 + 255]), "PNG", exif=exif_of(6)),
    "PNG with EXIF and XMP": png(8, 2, ROWS, EXIF_CHUNK, text_of_xmp(TURNED[0])),
    "JPEG EXIF": saved(RGB, "JPEG", quality=95, subsampling=0, exif=exif_of(6)),
    "JPEG XMP": with_xmp(TURNED[0]),
    "WEBP EXIF": saved(RGB, "WEBP", lossless=True, exif=exif_of(6)),
    "WEBP XMP": saved(RGB, "WEBP", lossless=True, xmp=TURNED[0]),
    "TIFF": saved(RGB, "TIFF", exif=exif_of(6)),
    "TIFF by libtiff": saved(RGB, "TIFF", exif=exif_of(6), compression="tiff_lzw"),
    "TIFF XMP": tiff(8, 3, 2, RGB.tobytes(), t700=(1, [*TURNED[0]])),
    "TIFF tag and XMP": tiff(8, 3, 2, RGB.tobytes(), t274=(3, [6]), t700=(1, [*TURNED[0]])),
    "TIFF by OpenCV": tiff(16, 1, 0, (65535 - GREY.astype("<u2") * 257).tobytes(), t274=(3, [6])),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_turn_is_applied_once(name):
    """The value 6 says that the first row of the picture is its right side."""
    wanted = np.rot90(GREY[..., None] if "OpenCV" in name else RGB, -1)
    found = read_rgb(TURNS[name])
    assert found.shape[:2] == wanted.shape[:2]
    assert np.abs(found.astype(int) - wanted).max() <= (4 if "JPEG" in name else 0)


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_a_turn_that_does_not_exist_is_none(value):
    assert (read_rgb(png(8, 2, ROWS, chunk(b"eXIf", exif_of(value)[6:]))) == RGB).all()


@pytest.mark.parametrize("content", [b"", b"II*\0", b"rubbish" * 9, b"MM\0*\0\0\0\xff"])
def test_an_exif_that_is_broken_turns_nothing(content):
    assert (read_rgb(png(8, 2, ROWS, chunk(b"eXIf", content))) == RGB).all()
    assert (read_rgb(png(8, 2, ROWS, after=chunk(b"eXIf", content))) == RGB).all()


EMPTY = chunk(b"prVt", b"")


@pytest.mark.parametrize(
    "where, empty, most",
    [
        ("before", EMPTY, "20,000 beside"),
        ("after", EMPTY, "20,000 beside"),
        ("after", chunk(b"IDAT", b""), "200,000"),
    ],
)
def test_a_png_of_too_many_chunks_is_refused_at_once(where, empty, most):
    """Pillow takes half a minute for such a file of 36 MB."""
    many = empty * (300_000 if "200" in most else 21_000)
    content = png(8, 2, ROWS, many) if where == "before" else png(8, 2, ROWS, after=many)
    with pytest.raises(DatasetError, match=f"it is a PNG with more chunks than the {most}.* allowed"):
        read_header(content)


def test_a_png_of_many_chunks_is_read():
    assert (read_rgb(png(8, 2, ROWS, after=EMPTY * 10_000)) == RGB).all()
    assert (read_rgb(png(8, 2, ROWS) + EMPTY * 21_000) == RGB).all()  # behind the end, nothing counts


def test_a_header_decodes_nothing(monkeypatch):
    """Pillow's own `getexif` decodes a PNG to look behind its pixels, before its size is judged."""
    loaded = []
    honest = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: loaded.append(1) or honest(image))
    for name in TURNS:
        read_header(TURNS[name])
    assert not loaded


def test_avif_is_read():
    Image.init()
    if "AVIF" not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    assert np.abs(read_rgb(saved(RGB, "AVIF", quality=95, subsampling="4:4:4")).astype(int) - RGB).max() < 16
    clear = read_rgb(saved(RGBA, "AVIF", quality=95, subsampling="4:4:4"), ORANGE)
    share = RGBA[..., 3:] / 255
    assert np.abs(clear - (RGB * share + np.array(ORANGE) * (1 - share))).mean() < 4
    turned = read_rgb(saved(RGB, "AVIF", quality=95, subsampling="4:4:4", exif=exif_of(6)))
    assert np.abs(turned.astype(int) - np.rot90(RGB, -1)).max() < 16


@pytest.mark.parametrize(
    "brand, reason",
    [(b"avif", "this Pillow reads no AVIF; conv"), (b"heic", "this Pillow reads no HEIF without a plugin; conv")],
)
def test_avif_and_heif_without_a_reader_are_named(monkeypatch, brand, reason):
    monkeypatch.setattr(image_kinds, "_FORMATS", ("JPEG", "PNG"))
    content = struct.pack(">I4s4sI4s", 24, b"ftyp", brand, 0, b"mif1") + bytes(4)
    with pytest.raises(DatasetError, match=reason):
        read_header(content)


def test_only_formats_that_pillow_has_are_asked_for(monkeypatch):
    assert "HEIF" not in image_kinds.readable_formats() or "HEIF" in Image.OPEN
    monkeypatch.delitem(Image.OPEN, "GIF")
    assert "GIF" not in image_kinds.readable_formats()
    with pytest.raises(DatasetError, match="not an image in a readable format"):
        read_header(KINDS["GIF P"])


def test_a_tile_larger_than_its_image_counts():
    """256 x 65,520 samples of 3 bytes for 40 x 24 pixels: the decoder would hold the whole tile."""
    tiles = {"t322": (4, [65520]), "t323": (4, [65520]), "t324": (4, [8]), "t325": (4, [99])}
    content = tiff(8, 3, 2, zlib.compress(bytes(9999)), compression=8, **tiles)
    with pytest.raises(DatasetError, match="decoding its 40x24 pixels takes 12879 MB, more than the 235 MB"):
        read_header(content)
