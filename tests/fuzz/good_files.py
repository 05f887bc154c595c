"""Small real files of every kind that is read, written once: what the cases are copies of.

::

    FOLDER/params/gen.params     FOLDER/run/            a checkpointed run of two steps
    FOLDER/generator/            gen.params, and its symbol beside it: the input is `noise`, and a loss is at its end
    FOLDER/images/a, b           FOLDER/records/x.rec   FOLDER/mnist/, mnist_gz/
    FOLDER/archive/x.zip         FOLDER/labels/         the images with labels.csv, and with dataset.json
    FOLDER/bombs/                small files of enormous images
    FOLDER/symbols/              the two symbols of a checkpoint
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import sys
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

import mxgan
from mxgan.data import pack_folder
from mxgan.runtime import mx

__all__ = ["make_good_files"]

BOMB = 5500  # pixels each way: 181 MB for OpenCV to decode, few enough that a reader may think of doing so
_FORMATS = {"jpg": {}, "png": {}, "gif": {}, "webp": {}, "tif": {"compression": "tiff_lzw"}, "bmp": {}, "ppm": {}}


def make_good_files(folder: Path) -> None:
    """Fill an empty folder; seconds."""
    _make_run(folder / "run")
    (folder / "params").mkdir()
    shutil.copy(next(folder.glob("run/checkpoints/000002/*_G_*.params")), folder / "params" / "gen.params")
    (folder / "generator").mkdir()
    shutil.copy(folder / "params" / "gen.params", folder / "generator" / "gen.params")
    symbol = mxgan.load_symbol(next(folder.glob("run/checkpoints/000002/*_G_*-symbol.json")))
    as_old_programs_have_it = mx.sym.LinearRegressionOutput(mxgan.renamed(symbol, rand="noise"), mx.sym.var("label"))
    as_old_programs_have_it.save(str(folder / "generator" / "gen-symbol.json"))
    (folder / "symbols").mkdir()
    for path in folder.glob("run/checkpoints/000002/*-symbol.json"):
        shutil.copy(path, folder / "symbols" / path.name)
    _make_images(folder / "images")
    _make_labels(folder / "images", folder / "archive" / "x.zip", folder / "labels")
    (folder / "records").mkdir()
    pack_folder(folder / "images", folder / "records" / "x.rec", progress=False)
    for name, opened in (("mnist", open), ("mnist_gz", gzip.open)):
        _make_idx(folder / name, opened, ".gz" if opened is gzip.open else "")
    _make_bombs(folder / "bombs")


def _make_run(folder: Path) -> None:
    network = mxgan.DCGAN(ngf=1, ndf=1, image_size=16, latent_size=2)
    recipe = replace(mxgan.RECIPES["dcgan"], network=network, batch_size=8)
    every = {"checkpoint_every": 1, "log_every": 1, "sample_every": 1}
    config = mxgan.RunConfig(recipe=recipe, dataset="digits", limit=8, steps=2, **every)
    mxgan.start(config, folder, display="none", progress=False).run()


def _make_images(folder: Path) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for index, (ending, settings) in enumerate(_FORMATS.items()):
        place = folder / "ab"[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        for mode, depth in (("RGB", 3), ("L", 1)):
            pixels = draws.integers(256, size=(20, 24, depth), dtype=np.uint8)
            Image.fromarray(pixels.squeeze()).convert(mode).save(place / f"{mode}.{ending}", **settings)
    Image.fromarray(draws.integers(65536, size=(20, 24)).astype(np.uint16)).save(folder / "a" / "deep.png")
    Image.fromarray(draws.integers(256, size=(20, 24, 4), dtype=np.uint8)).save(folder / "b" / "alpha.tif")
    Image.fromarray(pixels.squeeze()).save(folder / "b" / "progressive.jpg", progressive=True)


def _make_labels(images: Path, archive: Path, labels: Path) -> None:
    names = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.*"))
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as whole:
        for number, name in enumerate(names):
            whole.write(images / name, name, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2])
        whole.writestr("labels.csv", "".join(f"{name},{number % 3}\n" for number, name in enumerate(names)))
    shutil.copytree(images, labels)
    rows = [[name, number % 3] for number, name in enumerate(names)]
    (labels / "dataset.json").write_text(json.dumps({"labels": rows}))


def _make_idx(folder: Path, opened, ending: str) -> None:
    folder.mkdir()
    draws = np.random.default_rng(1)
    for part, count in (("train", 12), ("t10k", 5)):
        with opened(folder / f"{part}-images-idx3-ubyte{ending}", "wb") as stream:
            pixels = draws.integers(256, size=(count, 8, 8), dtype=np.uint8)
            stream.write(struct.pack(">BBBBIII", 0, 0, 8, 3, count, 8, 8) + pixels.tobytes())
        with opened(folder / f"{part}-labels-idx1-ubyte{ending}", "wb") as stream:
            stream.write(struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(i % 10 for i in range(count)))


def _make_bombs(folder: Path) -> None:
    from PIL import Image

    folder.mkdir()
    for name, side, depth in (("huge.png", 30_000, 1), ("large.png", BOMB, 24), ("deep.png", BOMB, 48)):
        (folder / name).write_bytes(_png_of_zeros(side, depth))
    grey = Image.new("L", (BOMB, BOMB), 200)
    grey.save(folder / "large.gif")
    grey.save(folder / "large.jpg", quality=30)
    turn = Image.Exif()
    turn[0x0112] = 6
    small = Image.new("RGB", (BOMB, BOMB))
    small.save(folder / "turned.jpg", exif=turn, quality=30)
    small.save(folder / "progressive.jpg", progressive=True, subsampling=0, quality=30)
    Image.new("RGBA", (BOMB, BOMB)).save(folder / "alpha.tif", compression="tiff_lzw")
    Image.new("RGB", (BOMB, BOMB)).save(folder / "large.webp", exif=turn, method=0, quality=1)
    (folder / "strip.png").write_bytes(_png_of_zeros(65_000, 1, height=2))
    (folder / "claim.ppm").write_bytes(b"P6 60000 60000 255\n")
    (folder / "claim.bmp").write_bytes(_bmp_head(60_000))
    (folder / "smaller-claim.bmp").write_bytes(_bmp_head(BOMB))
    (folder / "smaller-claim.ppm").write_bytes(b"P6 %d %d 255\n" % (BOMB, BOMB))


def _bmp_head(side: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 1, 1, 0, 0)
    )


def _png_of_zeros(width: int, depth: int, height: int = 0) -> bytes:
    """A black PNG of 1 bit (grey), 24 or 48 bits (RGB) a pixel, packed line by line."""
    kinds, height = {1: (1, 0), 24: (8, 2), 48: (16, 2)}, height or width
    line, packer = bytes(1 + -(-width * depth // 8)), zlib.compressobj(1)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, *kinds[depth], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


if __name__ == "__main__":
    make_good_files(Path(sys.argv[1]))
