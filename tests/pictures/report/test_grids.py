"""Pictures inside a page: they fit into the room, and what is smaller or left out is said."""

from __future__ import annotations

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from mxgan.errors import CorruptFileError
from mxgan.pictures.report import grids
from mxgan.pictures.report.foreign import foreign_picture
from mxgan.pictures.report.grids import picture_uri, with_sources


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def saved(folder, kinds: dict, side: int = 128) -> list:
    """Noise for "diff", smooth pictures for others: {kind: number of frames} as the pictures of a view."""
    (folder / "samples").mkdir(exist_ok=True)
    found = []
    for kind, count in kinds.items():
        frames = []
        for step in range(count):
            rng = np.random.default_rng([step, len(kind)])
            small = rng.integers(0, 255, (side if kind == "diff" else 4,) * 2 + (3,), np.uint8)
            picture = Image.fromarray(small).resize((side, side), Image.Resampling.BILINEAR)
            picture.save(folder / "samples" / f"{kind}-{step:06d}.png")
            frames.append({"step": step, "file": f"samples/{kind}-{step:06d}.png", "alt": f"{kind} {step}"})
        found.append({"title": kind, "label": kind, "frames": frames})
    return found


def size(kinds: list) -> int:
    return sum(len(frame["src"]) for kind in kinds for frame in (*kind["frames"], *kind["frames"][-1:]))


def test_pictures_that_fit_have_their_size_and_look_the_same(tmp_path):
    found, notes = with_sources(tmp_path, saved(tmp_path, {"gout": 2}), 10**6, "name")
    assert notes == []
    frame = found[0]["frames"][1]
    assert (frame["name"], frame["alt"], frame["step"]) == ("name-gout-000001.webp", "gout 1", 1)
    shown = decoded(frame["src"])
    with Image.open(tmp_path / "samples/gout-000001.png") as own:
        assert (shown.format, shown.size) == ("WEBP", own.size)
        assert np.abs(np.asarray(shown.convert("RGB"), int) - np.asarray(own.convert("RGB"), int)).mean() < 4


@pytest.mark.parametrize("room", [1000, 30_000, 100_000])
def test_pictures_fit_into_the_room_or_one_of_each_stays(tmp_path, room):
    """Noise takes what is left by the others; the first kind keeps its frames longest."""
    found, notes = with_sources(tmp_path, saved(tmp_path, {"gout": 12, "diff": 12}), room)
    counts = [len(kind["frames"]) for kind in found]
    assert size(found) <= room * 1.02 + 100 * sum(counts) or counts == [1, 1]  # 100: the begins of the addresses
    assert counts[0] >= counts[1] >= 1
    assert [kind["frames"][-1]["step"] for kind in found] == [11, 11], "the last picture is shown"
    assert any(note.startswith("diff: at ") and "so that this page stays small" in note for note in notes)


def test_frames_are_left_out_evenly_and_that_is_said(tmp_path):
    found, notes = with_sources(tmp_path, saved(tmp_path, {"diff": 20}), 5000)
    steps = [frame["step"] for frame in found[0]["frames"]]
    assert 1 < len(steps) < 20
    assert steps[0] == 0 or len(steps) == 1
    assert max(np.diff(steps)) - min(np.diff(steps)) <= 2
    assert f"{len(steps)} of 20 pictures, spread evenly" in notes[-1]


def test_large_pictures_are_shown_smaller(tmp_path):
    found, notes = with_sources(tmp_path, saved(tmp_path, {"gout": 1}, side=2200), 10**6)
    assert decoded(found[0]["frames"][0]["src"]).size == (1100, 1100)
    assert notes == ["gout: at 50% of their size, so that this page stays small."]


def test_without_webp_pictures_are_png_and_that_is_said(tmp_path, monkeypatch):
    kinds = saved(tmp_path, {"gout": 3})
    monkeypatch.setattr(grids.features, "check", lambda name: False)
    found, notes = with_sources(tmp_path, kinds, 10**6)
    assert {decoded(frame["src"]).format for frame in found[0]["frames"]} == {"PNG"}
    assert found[0]["frames"][0]["name"].endswith(".png")
    assert notes == ["This Pillow cannot write WebP: the pictures are PNG, which is larger."]


def with_chunk(content: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk, whose checksum is right, before its end: after the pixels."""
    chunk = len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    return content[:-12] + chunk + content[-12:]


def test_a_picture_with_any_short_chunk_is_shown_or_refused_by_one_error(tmp_path):
    """Pillow raises IndexError, struct.error, zlib.error and others for chunks that are too short."""
    saved(tmp_path, {"gout": 1}, side=8)
    content, refused = (tmp_path / "samples/gout-000000.png").read_bytes(), 0
    kinds = (b"iCCP", b"iTXt", b"zTXt", b"tEXt", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"eXIf", b"acTL",
             b"fcTL", b"fdAT", b"PLTE", b"IHDR", b"IDAT", b"IEND")  # fmt: skip
    for kind in kinds:
        for body in (b"", b"a", b"a\0", b"a\0\0", b"a\0\1\0\0", b"\xff" * 9, bytes(26)):
            try:
                assert foreign_picture(io.BytesIO(with_chunk(content, kind, body)), "it").size == (8, 8)
            except CorruptFileError:
                refused += 1
    assert refused > 10


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "huge", "chunk", "link", "folder", "missing", "pipe"])
def test_a_picture_that_cannot_be_read_is_left_out_and_named(tmp_path, kind):
    import os

    kinds = saved(tmp_path, {"gout": 3})
    broken = tmp_path / "samples/gout-000001.png"
    content = broken.read_bytes()
    broken.unlink()
    if kind == "link":
        (tmp_path / "other.png").write_bytes(content)
        broken.symlink_to(tmp_path / "other.png")
    elif kind == "folder":
        broken.mkdir()
    elif kind == "pipe":
        os.mkfifo(broken)
    elif kind != "missing":
        sizes = content[:16] + (60_000).to_bytes(4, "big") * 2 + content[24:]
        contents = {"empty": b"", "cut": content[:200], "text": b"<svg/>", "huge": sizes}
        broken.write_bytes({**contents, "chunk": with_chunk(content, b"iCCP", b"a\0")}[kind])
    found, notes = with_sources(tmp_path, kinds, 10**6)
    assert [frame["step"] for frame in found[0]["frames"]] == [0, 2]
    assert notes[0].startswith("samples/gout-000001.png is left out: ")
    assert "0x" not in notes[0]


def test_a_small_picture_stands_in_the_page_without_loss():
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(decoded(picture_uri(pixels)).convert("RGB")), pixels)
