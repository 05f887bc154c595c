import io
import os
import struct
from array import array

import numpy as np
import pytest
from PIL import Image

from mxgan.data import record_files
from mxgan.data.decoding import read_header
from mxgan.data.record_files import MAGIC, read_records, scan
from mxgan.data.record_kinds import is_misread_bmp
from mxgan.data.records import ImagenetIter, open_records
from mxgan.errors import CorruptFileError, DatasetError, DatasetNotFoundError
from mxgan.runtime import mx
from tests.data.picture_files import KINDS, RGB, saved
from tests.data.test_image_kinds import TURNS

MAGIC_BYTES = struct.pack("<I", MAGIC)


def test_finds_what_was_written(write_records):
    path = write_records(7)
    found = scan(path)
    assert len(found.offsets) == 7
    assert found.offsets[0] == 0
    assert found.smallest_side == 60
    assert found.label_width == 1
    index = [line.split("\t") for line in path.with_suffix(".idx").read_text().splitlines()]
    assert found.offsets == tuple(int(offset) for _, offset in index)


def test_payloads_that_hold_the_magic_word(write_records, encode_photo):
    image = encode_photo(1)
    image += bytes(-(len(image) + 24) % 4) + MAGIC_BYTES * 2 + b"abcd" + MAGIC_BYTES + b"e"
    path = write_records([encode_photo(0), image, encode_photo(2)])
    assert len(scan(path).offsets) == 3
    assert [payload[24:] for _, payload in read_records(path)][1] == image
    assert len(list(ImagenetIter(path, 3, (3, 8, 8)))) == 1


def second_record(content):
    length = struct.unpack_from("<I", content, 4)[0] & (2**29 - 1)
    return 8 + (length + 3) // 4 * 4


def put(content, offset, *words):
    return content[:offset] + struct.pack(f"<{len(words)}I", *words) + content[offset + 4 * len(words) :]


# What is done to the file, the offset that must be named, and the words that must be there.
FAULTS = {
    "empty": (lambda c, at: b"", 0, "is empty"),
    "text": (lambda c, at: b"hello, I am no record" * 9, 0, "0x6c6c6568 where a record's 0xced7230a belongs"),
    "zeros": (lambda c, at: bytes(4096), 0, "0x00000000 where"),
    "wrong magic": (lambda c, at: put(c, at, 0xCED7230B), "second", "0xced7230b where"),
    "length too long": (lambda c, at: put(c, at + 4, 2**29 - 1), "second", "more than the file has"),
    "length too short": (
        lambda c, at: put(c, at + 4, 100),
        None,
        "where a record's|is refused|cannot be decoded",
    ),
    "cut in a payload": (lambda c, at: c[: at + 300], "second", "more than the file has"),
    "cut in a head": (lambda c, at: c[: at + 6], "second", "ends inside a record's head"),
    "a byte more": (lambda c, at: c + b"\0", "end", "ends inside a record's head"),
    "a middle part alone": (
        lambda c, at: put(c, at + 4, 2 << 29 | 60),
        "second",
        "a part of kind 2 outside a record",
    ),
    "a first part alone": (lambda c, at: put(c, at + 4, 1 << 29 | 60), None, "belongs|inside a record"),
    "an unknown kind": (lambda c, at: put(c, at + 4, 5 << 29 | 60), "second", "a part of kind 5 outside"),
    "labels beyond the end": (lambda c, at: put(c, at + 8, 10**6), "second", "claims 1000000 labels"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("index", ["with .idx", "without .idx"])
def test_broken_structure_is_named_with_its_place(write_records, fault, index):
    path = write_records(4)
    content = path.read_bytes()
    second = second_record(content)
    change, offset, problem = FAULTS[fault]
    path.write_bytes(change(content, second))
    if index == "without .idx":
        path.with_suffix(".idx").unlink()
    with pytest.raises(CorruptFileError, match=problem) as caught:
        ImagenetIter(path, 2, (3, 16, 16))
    assert caught.value.path == path
    assert "mxgan pack" in str(caught.value)
    if offset is not None:
        assert caught.value.offset == {"second": second, "end": len(content)}.get(offset, offset)


def bomb(width, height):
    """A PNG whose header claims a size that its few bytes do not hold."""
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


IMAGES = {
    "nothing": (lambda photo: b"", "not an image in a readable"),
    "text": (lambda photo: b"hello" * 100, "not an image in a readable"),
    "JPEG in name only": (lambda photo: b"\xff\xd8\xff" + b"x" * 3000, "is refused"),
    "half a JPEG": (lambda photo: photo(1)[:600], "cannot be decoded|is refused"),
    "half a PNG": (lambda photo: photo(1, ".png")[:-40], "cannot be decoded|is refused"),
    "WebP": (lambda photo: photo(1, ".webp"), "format WEBP; MXNet reads JPEG, PNG, BMP"),
    "too many pixels": (
        lambda photo: bomb(9_000, 9_000),
        "9000x9000 pixels are more than the 67,108,864 allowed",
    ),
    "far too many": (lambda photo: bomb(60_000, 60_000), "pixels are more than the 67,108,864 allowed"),
    "more pixels than there are": (lambda photo: bomb(5_000, 5_000), "cannot be decoded"),
    "a long strip": (lambda photo: photo(1, height=2, width=2000), "more than 64 times as long"),
}


@pytest.mark.parametrize("fault", IMAGES)
def test_a_record_that_mxnet_could_not_decode_is_named(write_records, encode_photo, fault):
    make, problem = IMAGES[fault]
    path = write_records([encode_photo(0), encode_photo(2), make(encode_photo), encode_photo(3)])
    third = int(path.with_suffix(".idx").read_text().splitlines()[2].split()[1])
    with pytest.raises(CorruptFileError, match=problem) as caught:
        scan(path)
    assert caught.value.offset == third
    assert caught.value.path == path


def test_a_payload_without_an_image_head(tmp_path):
    path = tmp_path / "short.rec"
    path.write_bytes(struct.pack("<II", MAGIC, 8) + b"12345678")
    with pytest.raises(CorruptFileError, match="8 bytes, too short for an image's head"):
        scan(path)


def test_labels_of_any_number(write_records):
    same = scan(write_records(2, labels=[np.array([4, 9]), np.array([5, 9])]))
    assert (same.label_width, same.first_labels.tolist(), list(same.ids)) == (2, [4, 5], [])
    varied = scan(write_records(3, labels=[np.array([2, 9, 7]), 6.5, np.array([3])]))
    assert (varied.label_width, varied.first_labels.tolist(), varied.ids.tolist()) == (0, [2, 6.5, 3], [0, 1, 2])
    alike = scan(write_records(2, labels=[6.5, np.array([3])]))
    assert (alike.label_width, alike.first_labels.tolist()) == (1, [6.5, 3])


@pytest.mark.parametrize("labels", [None, [np.array([2, 9, 7]), 0.1, np.array([np.inf])]])
def test_a_scan_comes_back_from_the_cache_as_it_was(write_records, labels, monkeypatch):
    path = write_records(3, labels=labels)
    found = scan(path)
    monkeypatch.setattr(record_files, "decode_bgr", None)  # nothing is decoded
    assert scan(path) == found
    assert [type(each) for each in (found.first_labels, scan(path).ids)] == [array, array]


INDEXES = {
    "empty": (lambda text: "", "names 0 of 4 records", None),
    "text": (lambda text: "hello\n", "a line that is not a key and an offset", 0),
    "binary": (lambda text: "\0\1\2\3" * 20, "a line that is not", 0),
    "negative": (lambda text: text.replace("1\t", "1\t-", 1), "a line that is not", None),
    "a field missing": (lambda text: text.rsplit("\t", 1)[0], "a line that is not", None),
    "another file's": (lambda text: text.replace("\t", "\t4"), "where no record begins", None),
    "a record missing": (lambda text: "".join(text.splitlines(True)[1:]), "names 3 of 4 records", None),
    "beyond the end": (lambda text: text + "4\t99999996\n", "offset 99999996, where no record begins", None),
    "a record twice": (lambda text: text + "7\t0\n", "offset 0 a second time", None),
    "a key twice": (lambda text: text.replace("3\t", "2\t"), "key 2 or offset", None),
    "huge": (lambda text: text * 1000, "too large for an index of 4 records", None),
}


@pytest.mark.parametrize("fault", INDEXES)
def test_a_wrong_index_is_named(write_records, fault):
    path = write_records(4)
    index = path.with_suffix(".idx")
    change, problem, offset = INDEXES[fault]
    index.write_text(change(index.read_text()))
    for _ in range(2):  # the second time the .rec is remembered and the .idx is compared all the same
        with pytest.raises(CorruptFileError, match=problem) as caught:
            ImagenetIter(path, 2, (3, 16, 16))
        assert caught.value.path == index
        assert "Delete it" in str(caught.value)
    assert offset is None or caught.value.offset == offset


def test_an_index_in_another_order_will_do(write_records):
    path = write_records(4)
    index = path.with_suffix(".idx")
    index.write_text("".join(reversed(index.read_text().splitlines(keepends=True))))
    assert len(scan(path).offsets) == 4


def test_no_file_and_no_permission(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"nothing\.rec cannot be read: No such file"):
        scan(tmp_path / "nothing.rec")
    with pytest.raises(DatasetNotFoundError, match="is not a regular file; give a .rec file"):
        scan(tmp_path)
    os.mkfifo(tmp_path / "pipe.rec")
    with pytest.raises(DatasetNotFoundError, match="is not a regular file; give a .rec file"):
        scan(tmp_path / "pipe.rec")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink(path, path)])
def test_an_index_that_is_no_file(write_records, make):
    path = write_records(3)
    index = path.with_suffix(".idx")
    index.unlink()
    make(index)
    with pytest.raises(CorruptFileError, match="is not a regular file. Delete it"):
        scan(path)


def test_images_are_decoded_once_and_again_after_a_change(write_records, monkeypatch):
    path = write_records(3)
    decoded = []
    honest = record_files.decode_bgr
    monkeypatch.setattr(record_files, "decode_bgr", lambda *image: decoded.append(1) or honest(*image))
    first = scan(path)
    assert len(decoded) == 3
    assert scan(path) == first
    assert len(decoded) == 3
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:-20] + bytes(20))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time, other bytes
    with pytest.raises(CorruptFileError):
        scan(path)


def test_what_is_remembered_is_not_trusted_when_damaged(write_records, cache):
    path = write_records(3)
    found = scan(path)
    (entry,) = (cache / "records").iterdir()
    entry.write_text(entry.read_text().replace(f"[0, {found.offsets[1]}", "[0, 4"))
    assert scan(path) == found


def test_a_cache_that_cannot_be_written_is_no_error(write_records, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(scan(write_records(3)).offsets) == 3


CLEAR = np.dstack([np.zeros((60, 80, 3), np.uint8), np.tile(np.arange(80, dtype=np.uint8), (60, 1))])
EXIF = Image.Exif()
EXIF[0x0112] = 6


def test_what_mxnet_shows_otherwise_is_said(write_records, make_photo, caplog):
    """MXNet's decoder drops alpha, and turns a JPEG by its EXIF alone."""
    photos = [make_photo(number) for number in range(4)]
    path = write_records(
        [
            saved(photos[0], "JPEG"),
            saved(np.dstack([photos[1], CLEAR[..., 3]]), "PNG"),
            saved(photos[2], "PNG", exif=EXIF),
            saved(photos[3], "JPEG", exif=EXIF),
        ]
    )
    for _ in range(2):  # also where it is remembered
        caplog.clear()
        scan(path)
        assert (
            "photos.rec: MXNet ignores the transparency of 1 and the orientation of 1 of its 4 images. Make the file "
            "again from the images with `mxgan pack`, which draws them over a background and upright." in caplog.text
        )


@pytest.mark.parametrize("name", ["PNG eXIf behind the pixels", "PNG XMP behind the pixels", "JPEG with XMP and EXIF"])
def test_an_orientation_that_mxnet_does_not_know_is_counted(write_records, make_photo, name):
    other = Image.Exif()
    other[0x010E] = "a description"
    xmp, part = TURNS["JPEG XMP"], other.tobytes()
    part = b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part
    both = {"JPEG with XMP and EXIF": xmp[:2] + part + xmp[2:]}
    found = scan(write_records([saved(make_photo(1), "JPEG", exif=EXIF), {**TURNS, **both}[name]]))
    assert (found.turned, len(found.offsets)) == (1, 2)


def test_copies_with_other_metadata_are_the_same(write_records):
    copies = [saved(RGB, "PNG"), saved(RGB, "PNG", dpi=(72, 72)), saved(RGB, "PNG", compress_level=1)]
    assert scan(write_records(copies)).fault == "all the same"


def test_what_mxnet_shows_as_it_is_needs_no_word(write_records, make_photo, caplog):
    scan(write_records([saved(make_photo(1), "JPEG", exif=EXIF), saved(make_photo(2), "PNG")]))
    assert "MXNet ignores" not in caplog.text


@pytest.mark.parametrize("name", ["BMP XBGR 40", "BMP RGBA 124", "BMP 565 56", "BMP ABGR 108"])
def test_a_bmp_that_mxnet_reads_wrongly_is_refused(write_records, name):
    path = write_records([KINDS["BMP RGB"], KINDS[name]])
    with pytest.raises(CorruptFileError, match="a BMP with bit fields that MXNet does not read rightly|not supported"):
        scan(path)


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("BMP") and "RGBX" not in name])
def test_every_bmp_is_refused_exactly_if_mxnet_misreads_it(name):
    """MXNet's own decoder is the judge; a difference up to 7 is the lowest bits of 16. Not every Pillow reads RGBX."""
    header = read_header(KINDS[name])
    with Image.open(io.BytesIO(KINDS[name])) as image:
        wanted = np.asarray(image.convert("RGB")).astype(int)
    try:
        right = np.abs(mx.image.imdecode(KINDS[name]).asnumpy() - wanted).max() <= 7
    except mx.MXNetError:
        right = False
    assert is_misread_bmp(header, KINDS[name]) == (not right)


def test_only_real_alpha_of_a_bmp_is_transparent(write_records):
    found = scan(write_records([KINDS[name] for name in ("BMP RGB", "BMP BGRA 124", "BMP alpha of 0", "BMP 565 40")]))
    assert (found.transparent, len(found.offsets)) == (1, 4)


def test_a_bmp_with_alpha_that_is_cut_off_is_corrupt(write_records):
    with pytest.raises(CorruptFileError, match="a record whose image cannot be decoded"):
        scan(write_records([KINDS["BMP RGB"], KINDS["BMP BGRA 124"][:-400]]))


def test_a_bmp_that_mxnet_reads_right_is_not_refused(write_records):
    path = write_records([KINDS[name] for name in ("BMP RGB", "BMP P", "BMP BGRX 40", "BMP 32 without masks")])
    settings = {"resize": 0, "rand_crop": False, "rand_mirror": False, "min_crop_size": 24, "max_crop_size": 24}
    images = ImagenetIter(path, 4, (3, 24, 24), **settings).next().data[0].asnumpy()
    wanted = RGB[:, 8:32].transpose(2, 0, 1) / 127.5 - 1
    assert (np.abs(images - wanted).max(axis=(1, 2, 3)) < 1e-5).sum() == 3  # all but the palette


def test_images_without_variety_are_an_error_of_the_data_set(write_records, make_photo):
    cases = {
        "all the same, and a GAN can learn nothing from that. Give images that": [saved(make_photo(1), "PNG")] * 2,
        "of one colour each": [saved(np.full((60, 80, 3), level, np.uint8), "PNG") for level in (9, 200)],
        # Shapes that live in alpha, which MXNet drops.
        "of one colour each.* Make the file again from the images with `mxgan pack`": [
            saved(CLEAR[:, ::step], "PNG") for step in (1, -1)
        ],
    }
    for number, (problem, images) in enumerate(cases.items()):
        path = write_records(images, name=f"{number}.rec")
        for _ in range(2):
            with pytest.raises(DatasetError, match=problem):
                open_records(data_dir=path, batch_size=2, image_size=16)
    assert open_records(data_dir=write_records(1), batch_size=1, image_size=16).num_images == 1


def test_damage_at_random_ends_in_a_named_error_or_none(write_records):
    """Bytes changed anywhere: the file is refused, or MXNet reads it to the end."""
    path = write_records(6)
    content, random = path.read_bytes(), np.random.default_rng(0)
    outcomes = []
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = random.integers(0, len(damaged), random.integers(1, 4))
        damaged[places] = random.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        try:
            outcomes.append(sum(batch.data[0].shape[0] for batch in ImagenetIter(path, 3, (3, 16, 16))))
        except CorruptFileError as error:
            outcomes.append(str(path) in str(error))
    assert set(outcomes) == {True, 6}
