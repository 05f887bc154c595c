"""Small files of every kind of image: those that Pillow writes, and PNG, BMP, TIFF and PPM made by hand."""

from __future__ import annotations

import contextlib
import io
import lzma
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
RGB = np.stack([ROWS * 255 // HEIGHT, COLUMNS * 255 // WIDTH, ROWS * 0 + 90], -1).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = (COLUMNS * 255 // (WIDTH - 1)).astype(np.uint8)  # 0 … 255
RGBA = np.dstack([RGB, ALPHA])
RGB16 = RGB.astype(np.uint16) * 257
PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)


def saved(pixels, kind: str, mode: str = "", **settings) -> bytes:
    """A file that Pillow writes, of an array or an image, converted to a mode before."""
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, kind, **settings)
    return stream.getvalue()


def bits(values: np.ndarray, depth: int) -> list:
    """Each row of (height, width) numbers, packed with `depth` bits each, the highest first."""
    spread = (values[..., None].astype(np.int64) >> np.arange(depth)[::-1]) & 1
    return [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in spread]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth: int, colour: int, rows, *before: bytes, after: bytes = b"") -> bytes:
    """A PNG of rows of bytes, with chunks before and after its pixels."""
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", head), *before, chunk(b"IDAT", pixels), after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def big_endian(pixels: np.ndarray) -> list:
    return [row.astype(">u2").tobytes() for row in pixels]


def bmp(
    depth: int, data: bytes, *, method: int = 0, size: int = 40, masks=(), palette: bytes = b"", down=False
) -> bytes:
    """A BMP with a header of `size` bytes; masks of bit fields stand in it, or behind a header of 40 bytes."""
    height = -HEIGHT if down else HEIGHT
    head = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, depth, method, len(data), 0, 0, len(palette) // 4, 0)
    fields = b"".join(struct.pack("<I", mask) for mask in masks)
    head = head + fields if size == 40 else (head + fields).ljust(size, b"\0")
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def bit_fields(masks, depth: int) -> bytes:
    """The picture from below, with the highest bits of red, green, blue (and alpha) under each mask."""
    packed = np.zeros((HEIGHT, WIDTH), np.uint64)
    for plane, mask in zip(np.moveaxis(RGBA[::-1], 2, 0), masks):
        lowest, length = (mask & -mask).bit_length() - 1, bin(mask).count("1")
        packed |= (plane.astype(np.uint64) >> np.uint64(8 - length)) << np.uint64(lowest)
    return packed.astype(f"<u{depth // 8}").tobytes()


def run_lengths(levels: np.ndarray, factor: int) -> bytes:
    """Levels from below, run-length encoded as in a BMP; `factor` 17 repeats 4 bits."""
    out = bytearray()
    for row in levels[::-1].tolist():
        start = 0
        while start < len(row):
            end = start
            while end < len(row) and row[end] == row[start]:
                end += 1
            out += bytes([end - start, row[start] * factor])
            start = end
        out += b"\0\0"
    return bytes(out + b"\0\1")


def tiff(
    depth: int, samples: int, colour: int, data: bytes, *, compression: int = 1, order: str = "<", **more
) -> bytes:
    """A TIFF of one strip; `more` are further tags, as t338=(type, [values])."""
    tags = {
        **{256: (4, [WIDTH]), 257: (4, [HEIGHT]), 258: (3, [depth] * samples), 259: (3, [compression])},
        **{262: (3, [colour]), 273: (4, [8]), 277: (3, [samples]), 278: (4, [HEIGHT]), 279: (4, [len(data)])},
        **{int(name[1:]): tag for name, tag in more.items()},
    }
    data += b"\0" * (len(data) % 2)
    place, entries, behind = 8 + len(data), b"", b""
    for number, (kind, values) in sorted(tags.items()):
        raw = struct.pack(f"{order}{len(values)}{ {1: 'B', 3: 'H', 4: 'I'}[kind] }", *values).ljust(4, b"\0")
        if len(raw) > 4:
            raw, behind = struct.pack(f"{order}I", place + 6 + 12 * len(tags) + len(behind)), behind + raw
        entries += struct.pack(f"{order}HHI", number, kind, len(values)) + raw
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", place)
    return head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + behind


def planes(pixels: np.ndarray) -> dict:
    """The tags of a TIFF whose planes follow each other, with their bytes."""
    data = [plane.tobytes() for plane in np.moveaxis(pixels, 2, 0)]
    starts = [8 + number * len(data[0]) for number in range(len(data))]
    tags = {"t284": (3, [2]), "t273": (4, starts), "t279": (4, [len(plane) for plane in data])}
    return {"data": b"".join(data), **tags}


def written_by_pillow() -> dict:
    """Every format, mode and compression that Pillow writes."""
    pictures = {mode: Image.fromarray(RGB).convert(mode) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "RGBX")}
    pictures.update({mode: Image.fromarray(RGBA).convert(mode) for mode in ("RGBA", "LA", "PA")})
    pictures["LAB"] = Image.frombytes("LAB", (WIDTH, HEIGHT), RGB.tobytes())
    pictures["I;16"] = Image.fromarray(RGB16[..., 0])
    modes = {
        "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
        "BMP": ["1", "L", "P", "RGB", "RGBA"],
        "GIF": ["1", "L", "P", "RGB", "LA", "RGBA"],
        "PPM": ["1", "L", "RGB", "I;16"],
        "JPEG": ["1", "L", "RGB", "CMYK", "YCbCr"],
        "MPO": ["L", "RGB", "CMYK"],
        "WEBP": ["L", "P", "RGB", "LA", "RGBA"],
        "TIFF": [*pictures],
    }
    settings = {
        "JPEG": {"": {"quality": 95}, "progressive": {"progressive": True}, "4:4:4": {"subsampling": 0}},
        "WEBP": {"lossless": {"lossless": True}, "lossy": {"quality": 90}},
        "TIFF": {
            name: {"compression": name} for name in ("packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "lzma")
        },
    }
    settings["TIFF"][""] = {}
    files = {}
    for kind, names in modes.items():
        for mode in names:
            for name, setting in settings.get(kind, {"": {}}).items():
                if name != "jpeg" or mode not in ("1", "P", "PA", "I;16"):
                    with contextlib.suppress(OSError):  # old versions of Pillow write fewer
                        files[f"{kind} {mode} {name}".strip()] = saved(pictures[mode], kind, **setting)
    for name in ("group3", "group4", "tiff_ccitt"):
        files[f"TIFF 1 {name}"] = saved(pictures["1"], "TIFF", compression=name)
    return files


def of_png() -> dict:
    rows, files = [row.tobytes() for row in RGB], {}
    for depth in (1, 2, 4):
        levels = bits(GREY >> (8 - depth), depth)
        palette = chunk(b"PLTE", PALETTE[: 2**depth].tobytes())
        files[f"PNG grey {depth}"] = png(depth, 0, levels)
        files[f"PNG grey {depth} clear"] = png(depth, 0, levels, chunk(b"tRNS", b"\0\1"))
        files[f"PNG palette {depth}"] = png(depth, 3, levels, palette)
        files[f"PNG palette {depth} clear"] = png(depth, 3, levels, palette, chunk(b"tRNS", bytes([0, 128])))
    deep = RGB16 ^ 1  # the low bytes differ from the high bytes
    grey16, clear16 = deep[..., 0], struct.pack(">3H", *deep[5, 5].tolist())
    files["PNG grey 16 clear"] = png(16, 0, big_endian(grey16), chunk(b"tRNS", clear16[:2]))
    files["PNG RGB 16"] = png(16, 2, big_endian(RGB16))
    files["PNG RGB 16 clear"] = png(16, 2, big_endian(deep), chunk(b"tRNS", clear16))
    files["PNG LA 16"] = png(16, 4, big_endian(np.dstack([grey16, ALPHA.astype(np.uint16) * 257])))
    files["PNG RGBA 16"] = png(16, 6, big_endian(RGBA.astype(np.uint16) * 257))
    files["PNG RGB clear"] = png(8, 2, rows, chunk(b"tRNS", struct.pack(">3H", *RGB[5, 5].tolist())))
    files["PNG L clear"] = saved(GREY, "PNG", transparency=int(GREY[5, 5]))
    levels = Image.fromarray(GREY >> 4).convert("P")
    files["PNG P clear"] = saved(levels, "PNG", transparency=3)
    files["PNG P half clear"] = saved(levels, "PNG", transparency=bytes(range(0, 256, 16)))
    chunks = {
        "gamma": chunk(b"gAMA", struct.pack(">I", 100000)),
        "profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200))),
        "coding": chunk(b"cICP", bytes([9, 16, 0, 1])),
        "bits and background": chunk(b"sBIT", bytes([5, 6, 5])) + chunk(b"bKGD", bytes(6)),
        "white point": chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    }
    files.update({f"PNG {name}": png(8, 2, rows, content) for name, content in chunks.items()})
    second = Image.fromarray(RGB[::-1].copy())
    files["PNG of two"] = saved(RGB, "PNG", save_all=True, append_images=[second])
    files["PNG of a default and two"] = saved(RGB, "PNG", save_all=True, default_image=True, append_images=[second] * 2)
    return files


MASKS = {
    "BGRX": (0xFF0000, 0xFF00, 0xFF),
    "XBGR": (0xFF000000, 0xFF0000, 0xFF00),
    "RGBX": (0xFF, 0xFF00, 0xFF0000),
    "BGRA": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "ABGR": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "555": (0x7C00, 0x3E0, 0x1F),
    "565": (0xF800, 0x7E0, 0x1F),
}


def of_bmp() -> dict:
    files = {
        f"BMP {name} {size}": bmp(depth, bit_fields(masks, depth), method=3, size=size, masks=masks)
        for name, masks in MASKS.items()
        for size in (40, 52, 56, 108, 124)
        for depth in [16 if name[0] == "5" else 32]
        if len(masks) == 3 or size >= 56
    }
    levels, palette = GREY >> 4, np.hstack([PALETTE[:, ::-1], np.zeros((256, 1), np.uint8)])
    from_below = np.dstack([RGB[..., ::-1], ALPHA])[::-1]
    files["BMP 555 without masks"] = bmp(16, bit_fields(MASKS["555"], 16))
    files["BMP 32 without masks"] = bmp(32, from_below.tobytes())
    files["BMP alpha of 0"] = bmp(
        32, (from_below * [1, 1, 1, 0]).astype(np.uint8).tobytes(), method=3, size=124, masks=MASKS["BGRA"]
    )
    files["BMP from above"] = bmp(24, RGB[..., ::-1].tobytes(), down=True)
    files["BMP RLE 8"] = bmp(8, run_lengths(levels, 1), method=1, palette=palette.tobytes())
    files["BMP RLE 4"] = bmp(4, run_lengths(levels, 17), method=2, palette=palette[:16].tobytes())
    files["BMP 4"] = bmp(4, b"".join(bits(levels[::-1], 4)), palette=palette[:16].tobytes())
    old = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24) + RGB[::-1, :, ::-1].tobytes()
    files["BMP of OS/2"] = b"BM" + struct.pack("<IHHI", 14 + len(old), 0, 0, 26) + old
    return files


def of_tiff(order: str) -> dict:
    """Kinds in one byte order; names end in it."""
    files, number = {}, f"{order}u2"
    wide = (GREY.astype(np.int64) << 8) | GREY
    for depth in (1, 2, 4, 12):
        levels = wide >> (16 - depth)
        files[f"grey {depth}"] = tiff(depth, 1, 1, b"".join(bits(levels, depth)), order=order)
        files[f"white 0 {depth}"] = tiff(depth, 1, 0, b"".join(bits(2**depth - 1 - levels, depth)), order=order)
        if depth < 8:
            colours = (PALETTE[: 2**depth].T.ravel().astype(int) * 257).tolist()
            data = b"".join(bits(levels, depth))
            files[f"palette {depth}"] = tiff(depth, 1, 3, data, order=order, t320=(3, colours))
    for depth in (6, 10, 14):
        files[f"grey {depth}"] = tiff(depth, 1, 1, b"".join(bits(wide >> (16 - depth), depth)), order=order)
    files["RGB 12"] = tiff(12, 3, 2, b"".join(bits(RGB.reshape(HEIGHT, -1).astype(int) << 4, 12)), order=order)
    files["grey 16"] = tiff(16, 1, 1, RGB16[..., 0].astype(number).tobytes(), order=order)
    files["white 0 16"] = tiff(16, 1, 0, (65535 - RGB16[..., 0]).astype(number).tobytes(), order=order)
    files["RGB 16"] = tiff(16, 3, 2, RGB16.astype(number).tobytes(), order=order)
    cmyk = np.dstack([65535 - RGB16, RGB16[..., 0] * 0])
    files["CMYK 16"] = tiff(16, 4, 5, cmyk.astype(number).tobytes(), order=order)
    for extra, name in ((0, "unknown"), (1, "associated"), (2, "alpha")):
        factor = RGBA[..., 3:] / 255 if extra == 1 else 1
        deep = np.dstack([np.rint(RGB.astype(int) * factor * 257), ALPHA.astype(int) * 257])
        files[f"RGB 16 {name}"] = tiff(16, 4, 2, deep.astype(number).tobytes(), order=order, t338=(3, [extra]))
        flat = np.dstack([np.rint(RGB * factor), ALPHA]).astype(np.uint8)
        files[f"RGB 8 {name}"] = tiff(8, 4, 2, flat.tobytes(), order=order, t338=(3, [extra]))
        files[f"grey 8 {name}"] = tiff(8, 2, 1, flat[..., [0, 3]].tobytes(), order=order, t338=(3, [extra]))
    files["grey 16 alpha"] = tiff(16, 2, 1, RGB16[..., :2].astype(number).tobytes(), order=order, t338=(3, [2]))
    files["planes 16"] = tiff(16, 3, 2, order=order, **planes(RGB16.astype(number)))
    files["planes 16 alpha"] = tiff(
        16, 4, 2, order=order, t338=(3, [2]), **planes((RGBA.astype(int) * 257).astype(number))
    )
    files["one plane 16"] = tiff(16, 1, 1, RGB16[..., 0].astype(number).tobytes(), order=order, t284=(3, [2]))
    files["planes LA"] = tiff(8, 2, 1, order=order, t338=(3, [2]), **planes(RGBA[..., [0, 3]]))
    files["planes 8"] = tiff(8, 3, 2, order=order, **planes(RGB))
    files["RGB 32"] = tiff(32, 3, 2, RGB.astype(f"{order}u4").tobytes(), order=order)
    files["float 16"] = tiff(16, 1, 1, GREY.astype(f"{order}f2").tobytes(), order=order, t339=(3, [3]))
    return {f"TIFF {name} {order}": content for name, content in files.items()}


def of_tiff_compressions() -> dict:
    jpeg = saved(RGB, "JPEG", quality=95, subsampling=0)
    chain = [{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 6}]
    packed = lzma.compress(RGB.tobytes(), lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=chain)
    place = {"t513": (4, [8]), "t514": (4, [len(jpeg)]), "t530": (3, [1, 1])}
    luma = np.asarray(Image.fromarray(RGB).convert("YCbCr")).tobytes()
    five = np.dstack([RGBA, ALPHA]).tobytes()
    files = {
        "LZMA": tiff(8, 3, 2, packed, compression=34925),
        "old JPEG": tiff(8, 3, 6, jpeg, compression=6, **place),
        "JPEG": tiff(8, 3, 6, jpeg, compression=7, t530=(3, [1, 1])),
        "old deflate": tiff(8, 3, 2, zlib.compress(RGB.tobytes()), compression=32946),
        "YCbCr": tiff(8, 3, 6, luma, t530=(3, [1, 1])),
        "CMYK": tiff(8, 4, 5, np.dstack([255 - RGB, GREY * 0]).tobytes()),
        "CMYK alpha": tiff(8, 5, 5, np.dstack([255 - RGB, GREY * 0, ALPHA]).tobytes(), t338=(3, [2])),
        "RGB alpha and more": tiff(8, 5, 2, five, t338=(3, [2, 0])),
        "bits from the right": tiff(1, 1, 1, b"".join(bits(GREY >> 7, 1)), t266=(3, [2])),
        "Lab 16": tiff(16, 3, 8, RGB16.tobytes()),
        "JPEG 2000": tiff(8, 3, 2, bytes(99), compression=34712),
        "LERC": tiff(8, 3, 2, bytes(99), compression=34887),
        "unknown compression": tiff(8, 3, 2, bytes(99), compression=65000),
    }
    return {f"TIFF {name}": content for name, content in files.items()}


def of_ppm() -> dict:
    head = f"{WIDTH} {HEIGHT}"
    deep = (RGB16 >> 6).astype(">u2")
    return {
        "PBM text": f"P1\n{head}\n{numbers(GREY >> 7)}".encode(),
        "PGM text": f"P2\n# a comment\n{head}\n100\n{numbers(GREY.astype(int) * 100 // 255)}".encode(),
        "PPM text": f"P3\n{head}\n255\n{numbers(RGB)}".encode(),
        "PBM": f"P4\n{head}\n".encode() + b"".join(bits(GREY >> 7, 1)),
        "PGM of 100": f"P5\n{head}\n100\n".encode() + (GREY.astype(int) * 100 // 255).astype(np.uint8).tobytes(),
        "PPM of 1023": f"P6\n{head}\n1023\n".encode() + deep.tobytes(),
        "PPM 16": f"P6\n{head}\n65535\n".encode() + RGB16.astype(">u2").tobytes(),
    }


def numbers(values: np.ndarray) -> str:
    return " ".join(map(str, values.ravel().tolist()))


def others() -> dict:
    clear = [Image.fromarray(RGBA), Image.fromarray(RGBA[::-1].copy())]
    cmyk = saved(RGB, "JPEG", "CMYK")
    return {
        "JPEG CMYK not of Adobe": cmyk.replace(b"Adobe", b"Other", 1),
        "WEBP of two": saved(clear[0], "WEBP", save_all=True, append_images=clear[1:], lossless=True),
        "GIF of two": saved(RGB, "GIF", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())]),
    }


KINDS = {
    **written_by_pillow(),
    **of_png(),
    **of_bmp(),
    **of_tiff("<"),
    **of_tiff(">"),
    **of_tiff_compressions(),
    **of_ppm(),
    **others(),
}
