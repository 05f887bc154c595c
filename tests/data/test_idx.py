import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from mxgan.data.idx import read_idx
from mxgan.errors import CorruptFileError, DatasetNotFoundError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_reads_what_was_written(tmp_path, write_idx, name):
    assert np.array_equal(read_idx(write_idx(tmp_path / name, IMAGES), 3), IMAGES)
    assert np.array_equal(read_idx(write_idx(tmp_path / f"labels-{name}", IMAGES[0, 0]), 1), IMAGES[0, 0])


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_the_content_decides_and_not_the_name(tmp_path, write_idx, name, packed):
    """Browsers unpack a download and keep its name; others pack again what had no .gz."""
    content = write_idx(tmp_path / "sound", IMAGES).read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    assert np.array_equal(read_idx(tmp_path / name, 3), IMAGES)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_a_file_packed_twice_is_named(tmp_path, write_idx, name):
    content = write_idx(tmp_path / "sound", IMAGES).read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(gzip.compress(content)))
    with pytest.raises(CorruptFileError, match=r"is packed twice by gzip.* Unpack it once \(gzip -dc FILE > NEW\)"):
        read_idx(tmp_path / name, 3)


def damage(content, **changes):
    """Content with bytes replaced at offsets."""
    content = bytearray(content)
    for offset, value in changes.items():
        content[int(offset[1:])] = value
    return bytes(content)


FAULTS = {
    "empty": (lambda c: b"", 0, "begins with nothing, but an IDX file of this kind with 00000803"),
    "not IDX": (lambda c: b"<html>" * 20, 0, "begins with 3c68746d"),
    "labels for images": (lambda c: damage(c, _3=1), 0, "begins with 00000801"),
    "floats": (lambda c: damage(c, _2=0x0D), 0, "begins with 00000d03"),
    "half a magic number": (lambda c: c[:2], 2, "ends inside its header of 16 bytes"),
    "half a header": (lambda c: c[:9], 9, "ends inside its header of 16 bytes"),
    "no images": (lambda c: damage(c, _7=0), 4, "claims the size 0x3x4"),
    "no width": (lambda c: damage(c, _15=0), 4, "claims the size 2x3x0"),
    "cut off": (lambda c: c[:-1], None, "claims 24 bytes|ends after 23 of 24 bytes"),
    "goes on": (lambda c: c + b"!", 40, "has more bytes after its content"),
    "huge": (lambda c: damage(c, _4=255, _8=255, _12=255), 4, "more than a file of its size can hold"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_with_their_place(tmp_path, write_idx, fault, packed):
    change, offset, problem = FAULTS[fault]
    content = change(write_idx(tmp_path / "sound", IMAGES).read_bytes())
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(CorruptFileError, match=problem) as caught:
        read_idx(path, 3)
    assert caught.value.path == path
    assert offset is None or caught.value.offset == offset
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("etch the file again.")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-9],
        lambda c: c[:-1],
        lambda c: damage(c, _30=c[30] ^ 255),
        lambda c: b"plain" + c,
        lambda c: c + b"x",
    ],
    ids=["cut off", "checksum cut off", "bit rot", "not gzip", "bytes after the end"],
)
def test_broken_gzip(tmp_path, write_idx, change):
    path = write_idx(tmp_path / "images.gz", np.random.default_rng(0).integers(0, 255, (9, 9, 9)).astype(np.uint8))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptFileError, match=r"images\.gz.*Fetch the file again"):
        read_idx(path, 3)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_a_bomb_is_not_unpacked(tmp_path, name):
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4)
    path = tmp_path / name
    path.write_bytes(gzip.compress(head + bytes(40 * 2**20), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match="has more bytes after its content"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_no_memory_for_what_a_file_only_claims(tmp_path):
    path = tmp_path / "images.gz"  # plain, whatever its name says
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10))
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match="can hold"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_a_small_gzip_file_is_not_unpacked_to_gigabytes(tmp_path, name):
    path = tmp_path / name
    zeros = gzip.compress(bytes(2**24))
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", 8, 2**12, 2**12)) + 8 * zeros)
    with pytest.raises(CorruptFileError, match="claims 134217728 bytes .* If it is undamaged, unpack it; else fetch"):
        read_idx(path, 3)


def test_a_file_that_is_not_there_or_a_folder(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="nothing cannot be read: No such file"):
        read_idx(tmp_path / "nothing", 3)
    with pytest.raises(DatasetNotFoundError, match="cannot be read: Is a directory"):
        read_idx(tmp_path, 3)
