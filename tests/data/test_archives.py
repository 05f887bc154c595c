import io
import logging
import os
import resource
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from mxgan.data import open_dataset
from mxgan.data.archives import Archive
from mxgan.data.folder import load_folder
from mxgan.data.image_files import read_image_file
from mxgan.data.packing import pack_folder
from mxgan.errors import CorruptFileError, DatasetError, DatasetNotFoundError

NAMES = ("cat/1.png", "cat/2.jpg", "ant/deep/3.bmp", "dog/4.tiff", "cat/10.png")


@pytest.fixture
def images(encode_photo):
    """{name: bytes} of five images in three class folders, and of two other files."""
    found = {name: encode_photo(number, Path(name).suffix) for number, name in enumerate(NAMES)}
    return {**found, "notes.txt": b"no image", "dog/broken.png": b"no image either"}


def write_zip(path: Path, files: dict, method=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name) if method is None else name, content)
    return path


def write_folder(folder: Path, files: dict) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def load(place, size=16, **settings):
    return load_folder(place, size, progress=False, **{"most_broken": 0.5, **settings})


def names_in(path: Path) -> list:
    archive = Archive(path)
    archive.close()
    return [file.relative_to(archive.top).as_posix() for file in archive.files]


def reason_for(path: Path, name: str = "a.png") -> str:
    archive = Archive(path)
    found = read_image_file(archive, archive.top / name)
    archive.close()
    return found.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_same_images_labels_and_digest_as_the_folder(tmp_path, images, method):
    folder = write_folder(tmp_path / "in", images)
    archive = write_zip(tmp_path / "in.zip", dict(reversed(images.items())), method)
    unpacked, packed = load(folder), load(archive)
    assert (packed.images == unpacked.images).all()
    assert len(packed.images) == 5
    assert packed.report == unpacked.report
    assert packed.report.class_names == ["ant", "cat", "dog"]
    assert packed.report.broken == [("dog/broken.png", "not an image in a readable format")]
    assert packed.digest == unpacked.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "in", "in.zip"], "nothing is unpacked"


@pytest.mark.parametrize("limit", [None, 2])
def test_the_same_record_file_as_of_the_folder(tmp_path, images, limit):
    write_folder(tmp_path / "in", images)
    write_zip(tmp_path / "in.zip", images)
    packed = [
        pack_folder(tmp_path / f"in{end}", tmp_path / f"out{end}.rec", progress=False, threads=limit)
        for end in ("", ".zip")
    ]
    assert (tmp_path / "out.rec").read_bytes() == (tmp_path / "out.zip.rec").read_bytes()
    assert packed[0].classes == packed[1].classes == ["ant", "cat", "dog"]
    assert f"  {tmp_path / 'in.zip' / 'notes.txt'}: not an image in a readable format" in packed[1].summary()


def test_by_its_name_as_a_data_set(tmp_path, images):
    data = open_dataset("folder", data_dir=write_zip(tmp_path / "in.zip", images), batch_size=2, most_broken=0.5)
    assert data.describe() == f"folder: 5 images, given as 64x64 RGB ({tmp_path / 'in.zip'}, 3 classes)"
    assert data.num_classes == 3


def test_a_second_opening_decodes_nothing_and_another_content_is_decoded(tmp_path, images, monkeypatch):
    path = write_zip(tmp_path / "in.zip", images)
    first = load(path)
    with monkeypatch.context() as patch:
        patch.setattr("mxgan.data.folder.decode_bgr", lambda *_: pytest.fail("an image was decoded"))
        assert load(path).digest == first.digest
    write_zip(path, {**images, "cat/1.png": images["cat/10.png"]})
    assert load(path).digest != first.digest
    assert len(list((tmp_path / "cache" / "mxgan" / "folders").iterdir())) == 2


def test_names_that_count(tmp_path, images, caplog):
    image = images["cat/1.png"]
    names = ["b/1.png", "b/", ".hidden.png", "a/._1.png", "__MACOSX/a/1.png", "a/__MACOSX/2.png", "./a/1.png"]
    names += ["/etc/3.png", "../out.png", "a/../../b/2.png", "a//4.png", "b\\5.png", "größe/6.png"]
    path = write_zip(tmp_path / "in.zip", dict.fromkeys(names, image))
    assert names_in(path) == ["a/1.png", "a/4.png", "b/1.png", "b/5.png", "etc/3.png", "größe/6.png"]
    assert 'in.zip: 2 names left out because of "..": ../out.png, a/../../b/2.png' in caplog.text
    assert load(path).report.class_names == ["a", "b", "etc", "größe"]


def test_names_in_utf8_that_do_not_say_so_and_names_in_cp437(tmp_path, images):
    stored = write_zip(tmp_path / "in.zip", {"AAAA.png": images["cat/1.png"], "BBB.png": images["cat/1.png"]})
    content = stored.read_bytes().replace(b"AAAA", "猫x".encode()).replace(b"BBB", b"gr\x94")
    stored.write_bytes(content)
    assert names_in(stored) == ["grö.png", "猫x.png"]
    assert len(load(stored).images) == 2


def test_of_two_files_with_one_name_the_last_counts(tmp_path, images, caplog):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.png", images["cat/1.png"])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", images["cat/10.png"])
    write_folder(tmp_path / "in", {"a.png": images["cat/10.png"]})
    assert load(tmp_path / "in.zip").digest == load(tmp_path / "in").digest
    assert "1 name found twice, the last file counts: a.png" in caplog.text


@pytest.mark.parametrize(
    "names, classes",
    [
        (["in/cat/1.png", "in/dog/1.png", "__MACOSX/in/._1.png"], ["cat", "dog"]),
        (["in/cat/1.png", "in/dog/1.png", "in/top.png"], ["", "cat", "dog"]),
        (["in/cat/1.png", "in/top.png"], ["in"]),
        (["cat/1.png", "cat/more/1.png"], ["cat"]),
        (["cat/1.png", "cat/2.png"], ["cat"]),  # as of a folder
        (["in/cat/1.png", "readme.txt"], ["in"]),
        (["in/cat/1.png", "in/dog/1.png", "readme.txt", "LICENSE"], ["cat", "dog"]),
        (["in/cat/1.png", "in/dog/1.png", "top.png"], ["", "in"]),
    ],
)
def test_one_folder_around_everything_is_the_top(tmp_path, images, names, classes):
    files = {name: b"no image" if name in ("readme.txt", "LICENSE") else images["cat/1.png"] for name in names}
    assert load(write_zip(tmp_path / "in.zip", files)).report.class_names == classes


def with_method(path: Path, method: int, flags: int = 0) -> Path:
    """Give the only member another method and flags, in both of its headers."""
    content = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(magic) + at
        content[start : start + 4] = struct.pack("<HH", flags, method)
    path.write_bytes(content)
    return path


def test_what_cannot_be_read_safely_has_a_reason(tmp_path, images):
    image = images["cat/1.png"]
    path = tmp_path / "in.zip"
    only = "only stored and deflated files are read"
    assert reason_for(write_zip(path, {"a.png": image}, zipfile.ZIP_BZIP2)) == f"packed by bzip2; {only}"
    assert reason_for(write_zip(path, {"a.png": image}, zipfile.ZIP_LZMA)) == f"packed by LZMA; {only}"
    assert reason_for(with_method(write_zip(path, {"a.png": image}), 9)) == f"packed by deflate64; {only}"
    assert reason_for(with_method(write_zip(path, {"a.png": image}), 77)) == f"packed by method 77; {only}"
    encrypted = with_method(write_zip(path, {"a.png": image}), 8, flags=1)
    assert reason_for(encrypted) == "encrypted; unpack the archive with its password"
    link = zipfile.ZipInfo("a.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert reason_for(path) == "a link, which is not followed inside an archive"
    with pytest.raises(DatasetError, match=r"no image that can be read .1 file tried[^\n]*\n  a.png: a link, which"):
        load(path)


def test_a_damaged_file_is_named_and_left_out(tmp_path, images):
    whole = write_zip(tmp_path / "in.zip", images, zipfile.ZIP_STORED)
    content = bytearray(whole.read_bytes())
    content[content.index(images["cat/1.png"]) + 60] ^= 1
    whole.write_bytes(content)
    broken = dict(load(whole).report.broken)
    assert broken["cat/1.png"] == "broken in the archive (Bad CRC-32 for file 'cat/1.png')"
    assert len(broken) == 2


@pytest.fixture
def little_memory():
    """No test here may take a GB more than is taken before it."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def bomb(claimed: int, megabytes: int = 2000) -> bytes:
    """An archive of one file a.png: zeros, deflated, which claims to have `claimed` bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)  # which can be repeated
    packed = packed * megabytes + packer.flush()
    sizes = struct.pack("<HHHIIIHH", 8, 0, 33, 0, len(packed), claimed, 5, 0)
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + sizes + b"a.png" + packed
    central = b"PK\x01\x02" + struct.pack("<HHH", 20, 20, 0) + sizes + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a.png"
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def test_a_bomb_is_not_unpacked(tmp_path, little_memory):
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(2000 * 2**20))
    allowed = "its 2.1 MB unpack to 2097.2 MB, and 29.3 MB are allowed; unpack the archive yourself"
    assert reason_for(path) == allowed
    path.write_bytes(bomb(1000))
    assert reason_for(path) == "broken in the archive (Bad CRC-32 for file 'a.png')"


def test_members_that_share_their_bytes_are_refused(tmp_path, images):
    path = write_zip(tmp_path / "in.zip", {"a.png": images["cat/1.png"]})
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    count = 100
    entries = b"".join(entry.replace(b"a.png", b"%05d" % number) for number in range(count))
    tail = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entries), start, 0)
    path.write_bytes(content[:start] + entries + tail)
    with pytest.raises(CorruptFileError, match="claims more bytes in its files than it has itself"):
        load(path)


@pytest.mark.parametrize("length", [0, 10, 300, -30])
def test_what_is_no_whole_archive(tmp_path, images, length):
    path = write_zip(tmp_path / "in.zip", images)
    path.write_bytes(path.read_bytes()[:length])
    for call in (load, lambda place: pack_folder(place, tmp_path / "out.rec", progress=False)):
        with pytest.raises(CorruptFileError, match="in.zip: is no whole zip archive .*Fetch it, or make it, again"):
            call(path)
    assert not (tmp_path / "out.rec").exists()


def test_any_change_of_a_byte_ends_in_a_named_error_or_not_at_all(tmp_path, images):
    small = {name: images[name] for name in ("cat/1.png", "notes.txt")}
    path = write_zip(tmp_path / "in.zip", small)
    content = path.read_bytes()
    start, draws, ends = content.index(b"PK\x01\x02"), np.random.default_rng(0), set()
    for _ in range(300):
        broken = bytearray(content)
        broken[int(draws.integers(start, len(content)))] ^= int(draws.integers(1, 256))
        path.write_bytes(broken)
        try:
            archive = Archive(path)
            ends |= {read_image_file(archive, file).reason for file in archive.files}
            archive.close()
        except CorruptFileError as error:
            ends.add(error.problem)
    assert len(ends) > 5


def test_a_change_while_it_is_read_is_an_error(tmp_path, images):
    path = write_zip(tmp_path / "in.zip", images)
    archive = Archive(path)
    assert read_image_file(archive, archive.files[0]).reason is None
    with path.open("r+b") as stream:
        stream.write(b"changed")
    os.utime(path, ns=(1, 1))
    with pytest.raises(CorruptFileError, match="in.zip: was changed while it was read. Start again"):
        read_image_file(archive, archive.files[0])
    archive.close()


def test_zip64(tmp_path, images):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("cat/1.png", "w", force_zip64=True) as stream:
        stream.write(images["cat/1.png"])
    assert load(path).report.labels == [0]


@pytest.mark.long
def test_more_than_65535_files(tmp_path, images):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"{number:05}.txt"), b"")
        archive.writestr("65999.png", images["cat/1.png"])
    assert len(names_in(tmp_path / "in.zip")) == 66_001
    assert reason_for(tmp_path / "in.zip", "65999.png") is None


def test_files_stay_open_no_longer_than_needed(tmp_path, images):
    path = write_zip(tmp_path / "in.zip", images)
    before = len(os.listdir("/proc/self/fd"))
    load(path, limit=1)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CorruptFileError):
        load(path)
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the mapped pixels


@pytest.mark.parametrize("name", ["in.tar", "in.tar.gz", "in.7z", "in.RAR"])
def test_other_archives_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    remedy = f"{name} is not a folder. Archives of the kind {Path(name).suffix} are not read: unpack it, or make a zip"
    with pytest.raises(DatasetNotFoundError, match=remedy):
        open_dataset("folder", data_dir=tmp_path / name, batch_size=2)
    with pytest.raises(DatasetNotFoundError, match=remedy):
        pack_folder(tmp_path / name, tmp_path / "out.rec")


def test_a_zip_archive_where_none_is_read(tmp_path, images):
    path = write_zip(tmp_path / "in.zip", images)
    hint = r"A zip archive of images is read by the data set 'folder' \(--dataset folder\)"
    with pytest.raises(DatasetNotFoundError, match=f"in.zip is not a folder, and .*{hint}"):
        open_dataset("mnist", data_dir=path, batch_size=2)
    with pytest.raises(DatasetError, match=f"in.zip is an archive, no .rec file. {hint}"):
        open_dataset("recordio", data_dir=path, batch_size=2)
    write_folder(tmp_path / "around", {"in.zip": path.read_bytes()})
    with pytest.raises(DatasetError, match="Give the archive in it, .*around/in.zip, by itself"):
        load(tmp_path / "around")
    with pytest.raises(DatasetError, match="Give the archive in it, .*around/in.zip, by itself"):
        pack_folder(tmp_path / "around", tmp_path / "out.rec", progress=False)
    (tmp_path / "around" / "in.zip").unlink()
    write_folder(tmp_path / "around", {"in.tar": b"something"})
    with pytest.raises(DatasetError, match="It holds in.tar. Archives of the kind .tar are not read: unpack it, or"):
        load(tmp_path / "around")


@pytest.mark.long
def test_a_real_archive(mxgan_data):
    from PIL import Image

    path = mxgan_data / "cifar10_train.zip"
    found = load(path, 32, most_broken=0)
    assert found.images.shape == (50_000, 32, 32, 3)
    assert np.bincount(found.report.labels).tolist() == [5000] * 10
    assert found.report.class_names[:3] == ["airplane", "automobile", "bird"]
    with zipfile.ZipFile(path) as archive, Image.open(io.BytesIO(archive.read("airplane/0000.jpg"))) as first:
        assert np.abs(np.asarray(first).astype(int) - found.images[0]).mean() < 1


@pytest.mark.long
def test_the_first_of_a_real_archive(mxgan_data, caplog):
    with caplog.at_level(logging.WARNING):
        data = open_dataset("folder", data_dir=mxgan_data / "cifar10_train.zip", batch_size=8, limit=16, image_size=32)
    assert (data.num_images, data.num_classes, caplog.text) == (16, 10, "")
