import logging
import os
import re
import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxgan.data import folder as folder_module
from mxgan.data import folder_cache
from mxgan.data.fitting import fitted
from mxgan.data.folder import load_folder, open_folder
from mxgan.data.images import ImageArrayIter
from mxgan.data.packing import pack_folder
from mxgan.data.record_files import read_records
from mxgan.errors import ArgumentError, DatasetError, DatasetNotFoundError
from mxgan.runtime import cv2, mx
from tests.terminal import terminal_as


def save(path: Path, pixels) -> Path:
    """RGB or grey pixels as a file, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def place(tmp_path, make_photo):
    """Four images in three class folders; in sorted order they are the photos 2, 0, 1, 3."""
    for number, name in enumerate(["cat/1.png", "cat/2.png", "ant/deep/3.bmp", "dog/4.tiff"]):
        save(tmp_path / "photos" / name, make_photo(number))
    return tmp_path / "photos"


def load(folder, size=16, channels=3, **settings):
    return load_folder(folder, size, channels, progress=False, **settings)


def forbid_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(folder_module, "decode_bgr", refuse)
    monkeypatch.setattr(folder_module, "read_image_file", refuse)
    monkeypatch.setattr(folder_module, "ClassFolders", refuse)


def area_mean(pixels, size):
    """Each new pixel is the mean of the old ones under it, by the area that lies under it; closed form."""
    side, scale = len(pixels), len(pixels) / size
    edges, old = np.arange(size + 1) * scale, np.arange(side)
    starts, ends = np.maximum(edges[:-1, None], old), np.minimum(edges[1:, None], old + 1)
    weights = np.clip(ends - starts, 0, None) / scale  # (size, side)
    return np.einsum("ij,jkc,lk->ilc", weights, pixels.astype(float), weights)


@pytest.mark.parametrize(
    "height, width, size",
    [(96, 160, 8), (160, 96, 8), (97, 160, 8), (160, 98, 8), (75, 130, 32), (75, 75, 74), (64, 64, 64), (1, 60, 1)],
)
def test_shrinking_takes_the_mean_over_the_middle(height, width, size):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    wanted = area_mean(pixels[top : top + side, left : left + side], size)
    assert np.abs(fitted(pixels, size, size) - wanted).max() <= 1


def test_enlarging_is_bilinear():
    pixels = np.random.default_rng(1).integers(0, 256, (75, 130, 3)).astype(np.uint8)
    larger = Image.fromarray(pixels[:, 27:102]).resize((150, 150), Image.BILINEAR)
    assert np.abs(fitted(pixels, 150, 150).astype(int) - np.asarray(larger)).max() <= 2


def test_images_and_labels_in_sorted_order(place, make_photo):
    found = load(place, 60)
    assert found.images.dtype == np.uint8
    assert found.images.shape == (4, 60, 60, 3)
    assert not found.images.flags.writeable
    for image, number in zip(found.images, (2, 0, 1, 3)):
        assert (image == make_photo(number)[:, 10:70]).all()
    assert found.report.class_names == ["ant", "cat", "dog"]
    assert found.report.label_array.tolist() == [0, 1, 1, 2]
    assert (found.report.broken, found.report.ignored) == ([], 0)


def test_labels_are_those_of_pack_folder(place, tmp_path, make_photo):
    save(place / "loose.png", make_photo(9))
    (place / "notes").mkdir()
    (place / "notes" / "a.txt").write_text("no class")
    report = pack_folder(place, tmp_path / "out.rec", progress=False)
    packed = [mx.recordio.unpack(payload)[0].label for _, payload in read_records(tmp_path / "out.rec")]
    found = load(place)
    assert found.report.class_names == report.classes == ["", "ant", "cat", "dog"]
    assert found.report.label_array.tolist() == packed


def test_grey_has_one_plane(place, make_photo):
    found = load(place, 60, 1)
    assert found.images.shape == (4, 60, 60)
    weights = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert np.abs(found.images[1] - make_photo(0)[:, 10:70] @ weights).max() <= 1


def test_as_an_iterator(place):
    data = open_folder(data_dir=place, batch_size=2, image_size=16, progress=False)
    assert isinstance(data, ImageArrayIter)
    assert data.provide_data == [("data", (2, 3, 16, 16))]
    assert (data.class_names, data.num_classes) == (("ant", "cat", "dog"), 3)
    assert data.describe() == f"folder: 4 images, given as 16x16 RGB ({place}, 3 classes)"
    found = load(place)
    plain = ImageArrayIter(found.images, found.report.label_array, batch_size=2, image_size=16, name="folder")
    assert data.fingerprint == plain.fingerprint == {"name": "folder", "count": 4, "sha256": found.digest}
    assert (data.next().data[0].asnumpy() == plain.next().data[0].asnumpy()).all()


def test_without_class_folders_there_are_no_labels(tmp_path, make_photo):
    save(tmp_path / "flat" / "a.png", make_photo(1))
    data = open_folder(data_dir=tmp_path / "flat", batch_size=1, progress=False)
    assert (data.class_names, data.num_classes, data.provide_label, data.next().label) == ((), None, [], [])


def test_mixed_formats_depths_and_turns_become_one_picture(tmp_path, make_photo):
    photo, folder, turned = make_photo(3), tmp_path / "mixed", Image.Exif()
    for name in ("a.jpg", "b.png", "c.bmp", "d.webp", "e.tiff", "f.gif", "g.ppm", "UPPER.PNG", "noname"):
        save(folder / (name if "." in name else f"{name}.png"), photo)
    (folder / "noname.png").rename(folder / "noname")
    save(folder / "alpha.png", np.dstack([photo, np.full_like(photo[..., 0], 255)]))
    cv2.imwrite(str(folder / "deep.png"), photo[..., ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "deep.tiff"), photo[..., ::-1].astype(np.uint16) * 257)
    turned[0x0112] = 6
    for suffix in ("jpg", "png", "webp", "tiff"):
        Image.fromarray(np.rot90(photo, 1).copy()).save(folder / f"turned.{suffix}", exif=turned)
    found = load(folder, 48)
    assert (len(found.images), found.report.broken) == (16, [])
    wanted = fitted(photo, 48, 48).astype(int)
    assert np.abs(found.images - wanted).mean(axis=(1, 2, 3)).max() < 5


def test_a_second_opening_decodes_nothing(place, cache, monkeypatch):
    first = load(place)
    assert sorted(path.suffix for path in (cache / "folders").iterdir()) == [".json", ".pixels"]
    forbid_decoding(monkeypatch)
    second = load(place)
    assert (second.images == first.images).all()
    assert (second.digest, second.report) == (first.digest, first.report)
    assert isinstance(second.images.base, np.memmap)
    assert not second.images.flags.writeable
    (place / "more").symlink_to(place)  # changes no file
    assert load(os.path.relpath(place)).digest == first.digest


@pytest.mark.parametrize("change", ["content", "time", "name", "more", "less"])
def test_another_content_is_decoded_again(place, cache, make_photo, change):
    before = load(place)
    path = place / "cat" / "1.png"
    changes = {
        "content": lambda: save(path, make_photo(8, 61, 80)),
        "time": lambda: os.utime(path, ns=(1, 1)),
        "name": lambda: path.rename(path.with_name("0.png")),
        "more": lambda: save(place / "dog" / "5.png", make_photo(9)),
        "less": path.unlink,
    }
    old = set((cache / "folders").iterdir())
    changes[change]()
    after = load(place)
    assert len(after.images) == {"more": 5, "less": 3}.get(change, 4)
    assert (before.digest == after.digest) == (change in ("time", "name"))
    kept = set((cache / "folders").iterdir())
    assert len(kept) == 2, "what was kept of the folder as it was before is removed"
    assert not kept & old
    assert len(before.images) == 4, "what was mapped before can still be read"
    assert before.images.any()


@pytest.mark.parametrize("settings", [{"size": 17}, {"channels": 1}, {"limit": 2}, {"background": "black"}])
def test_other_settings_are_kept_beside(place, cache, monkeypatch, settings):
    both = [load(place), load(place, **settings)]
    assert both[0].images.shape != both[1].images.shape or "background" in settings
    assert len(list((cache / "folders").iterdir())) == 4
    forbid_decoding(monkeypatch)
    assert [load(place).digest, load(place, **settings).digest] == [found.digest for found in both]


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "flipped": lambda pixels, values: flip_byte(pixels),
    "cut off": lambda pixels, values: pixels.write_bytes(pixels.read_bytes()[:-1]),
    "longer": lambda pixels, values: pixels.write_bytes(pixels.read_bytes() + b"1"),
    "gone": lambda pixels, values: pixels.unlink(),
    "values flipped": lambda pixels, values: flip_byte(values),
    "values foreign": lambda pixels, values: folder_cache.write_checked(values, ["something", "else"]),
    "values of another kind": lambda pixels, values: folder_cache.write_checked(values, {"shape": 3, "report": {}}),
    "no text": lambda pixels, values: values.write_bytes(b"\xff\xfe\n"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_cache_is_noticed_and_made_again(place, cache, caplog, damage):
    first = load(place)
    DAMAGES[damage](*sorted((cache / "folders").iterdir(), key=lambda path: path.suffix != ".pixels"))
    with caplog.at_level(logging.WARNING):
        second = load(place)
    assert "cannot be used" in caplog.text
    assert "the folder is decoded again" in caplog.text
    assert (second.digest, second.report) == (first.digest, first.report)
    caplog.clear()
    assert load(place).digest == first.digest
    assert caplog.text == ""


def test_a_cache_that_cannot_be_written_is_a_warning(place, tmp_path, monkeypatch, caplog):
    kept = load(place)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        found = load(place)
    assert "cannot be written: Not a directory. The images are kept in memory, and decoded again" in caplog.text
    assert (found.images == kept.images).all()
    assert not found.images.flags.writeable
    assert (found.digest, found.report) == (kept.digest, kept.report)


def test_a_disk_that_fills_up_is_a_warning(place, cache, caplog):
    """Writes beyond 100 kB fail as on a full disk."""
    kept = load(place, 200)
    for path in (cache / "folders").iterdir():
        path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        found = load(place, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written: File too large. The images are kept in memory" in caplog.text
    assert (found.images == kept.images).all()
    assert (found.digest, found.report) == (kept.digest, kept.report)
    assert list((cache / "folders").iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(place, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "fitted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(place)
    assert list((cache / "folders").iterdir()) == []


def test_what_a_killed_process_left_is_removed_after_an_hour(place, cache):
    (cache / "folders").mkdir(parents=True)
    old, young = cache / "folders" / ".a.0.writing", cache / "folders" / ".b.0.writing"
    old.write_bytes(b"1")
    young.write_bytes(b"1")
    os.utime(old, (1, 1))
    load(place)
    assert (old.exists(), young.exists()) == (False, True)


def break_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"no image")


def test_broken_files_are_counted_named_and_skipped(place, make_photo, caplog):
    for number in range(20):
        save(place / "dog" / f"{number}.png", make_photo(number))
    break_files(place, "cat/0.jpg", "cat/1.heic")
    (place / "cat" / "notes.txt").write_text("that is no image, and no broken one")
    whole = (place / "dog" / "0.png").read_bytes()
    (place / "ant" / "half.png").write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.INFO):
        found = load(place, most_broken=0.2)
    assert len(found.images) == len(found.report.labels) == 24
    assert found.report.broken == [
        ("ant/half.png", "cannot be decoded (broken or cut off)"),
        ("cat/0.jpg", "not an image in a readable format"),
        ("cat/1.heic", "not an image in a readable format"),
    ]
    assert f"3 of 27 image files in {place} cannot be read and are left out:\n  ant/half.png: cannot be" in caplog.text
    assert f"1 files in {place} are not images and were ignored" in caplog.text
    caplog.clear()
    assert len(load(place, most_broken=0.2).images) == 24
    assert "3 of 27 image files" in caplog.text, "also where they come out of the cache"


def test_too_many_broken_files(place, make_photo):
    for number in range(5):  # with the four of `place`: nine that are whole
        save(place / "dog" / f"{number}.png", make_photo(number))
    break_files(place, "a.jpg")
    assert len(load(place).images) == 9  # one in ten is allowed
    break_files(place, "b.jpg")
    with pytest.raises(DatasetError) as caught:
        load(place)
    text = str(caught.value)
    assert text.startswith(f"2 of 11 image files in {place} cannot be read, and most_broken allows a share of 0.1. ")
    assert "Replace or remove them, or give a larger most_broken (--set most_broken=0.5)." in text
    assert "\n  a.jpg: not an image in a readable format\n  b.jpg: " in text
    assert len(load(place, most_broken=0.5).images) == 9
    with pytest.raises(DatasetError, match="share of 0"):
        load(place, most_broken=0)


def test_no_image_at_all(tmp_path, cache):
    (tmp_path / "in").mkdir()
    with pytest.raises(
        DatasetError, match=r"in has no image that can be read \(0 files tried\). Give a folder or a zip"
    ):
        load(tmp_path / "in")
    break_files(tmp_path / "in", "a.jpg", "b.txt")
    with pytest.raises(DatasetError, match=r"\(2 files tried\).*\n  a.jpg: not an image in a readable"):
        load(tmp_path / "in", most_broken=1)
    assert list((cache / "folders").iterdir()) == []
    with pytest.raises(DatasetNotFoundError, match="nowhere does not exist. Give one with images in it"):
        load(tmp_path / "nowhere")


def test_limit_takes_the_first_that_can_be_read(place, caplog):
    everything = load(place)
    break_files(place, "cat/0.png")
    found = load(place, limit=2, most_broken=0.5)
    assert (found.images == everything.images[:2]).all()
    assert found.report.label_array.tolist() == [0, 1]
    assert found.report.class_names == ["ant", "cat", "dog"]
    assert found.report.broken == [("cat/0.png", "not an image in a readable format")]
    assert len(load(place, limit=1, most_broken=0).images) == 1  # the broken one is not reached
    with caplog.at_level(logging.INFO):
        assert len(load(place, limit=99, most_broken=0.5).images) == 4
    assert f"{place} has 4 images, fewer than the limit of 99: all are used" in caplog.text


def test_no_more_is_decoded_than_the_limit_asks_for(tmp_path, make_photo, monkeypatch):
    for number in range(60):
        save(tmp_path / "in" / f"{number:02}.png", make_photo(number, 16, 16))
    decoded, honest = [], folder_module.decode_bgr
    monkeypatch.setattr(folder_module, "decode_bgr", lambda *image: decoded.append(1) or honest(*image))
    assert len(load(tmp_path / "in", limit=3, threads=2).images) == 3
    assert len(decoded) <= 3 + 4 * 2


def test_the_same_with_any_threads(place, monkeypatch, cache):
    found = []
    for threads in (1, 3):
        for path in (cache / "folders").glob("*"):
            path.unlink()
        found.append(load(place, threads=threads).digest)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"data_dir": None}, r"'folder' needs a data_dir \(--data-dir\): a folder with images"),
        ({"image_size": 0}, "image_size is 0; give a whole number from 1 to 4096"),
        ({"channels": 2}, r"channels is 2; give 1 \(grey\) or 3 \(RGB\)"),
        ({"limit": 0}, "limit is 0; give a whole number from 1"),
        ({"threads": 0}, "threads is 0; give a whole number from 1 to 256"),
        ({"most_broken": 1.5}, "most_broken is 1.5; give a share from 0 to 1"),
        ({"most_broken": True}, "most_broken is True; give a share"),
        ({"most_broken": float("nan")}, "most_broken is nan; give a share"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"background": "red"}, "background is 'red'; give white, black or #rrggbb"),
    ],
)
def test_arguments_out_of_range(place, settings, message):
    with pytest.raises(ArgumentError, match=message):
        open_folder(**{"data_dir": place, "batch_size": 2, "image_size": 16, "progress": False, **settings})


def test_a_bar_is_drawn_only_where_asked_for(place, capsys):
    load(place)
    assert capsys.readouterr().err == ""
    with terminal_as("stderr") as seen:
        load_folder(place, 17, progress=True)
    assert "decoding: 100%" in seen()
    load_folder(place, 18, progress=True)  # standard error is no terminal: no bar, which would write "\r" into a file
    assert re.fullmatch(r"decoding: image \d+ of \d+, took 00:0\d\n", capsys.readouterr().err)


def test_names_that_are_not_ascii(tmp_path, make_photo):
    save(tmp_path / "Fotos größer" / "猫" / "ä b.png", make_photo(1))
    (tmp_path / "Fotos größer" / os.fsdecode(b"\xff")).mkdir()
    save(tmp_path / "Fotos größer" / "a.png", make_photo(2)).rename(
        tmp_path / "Fotos größer" / os.fsdecode(b"\xff") / "a.png"
    )
    for _ in range(2):
        found = load(tmp_path / "Fotos größer")
        assert found.report.class_names == ["猫", "\udcff"]
        assert found.report.label_array.tolist() == [0, 1]


def test_real_photographs(mxgan_data):
    data = open_folder(data_dir=mxgan_data / "imagenet_sample", batch_size=16, limit=32, progress=False, shuffle=False)
    names = sorted((mxgan_data / "imagenet_sample").glob("*.jpg"))[:16]
    for image, path in zip(data.next().data[0].asnumpy(), names):
        with Image.open(path) as photo:
            side, (width, height) = min(photo.size), photo.size
            corner = ((width - side) // 2, (height - side) // 2)
            middle = photo.crop((*corner, corner[0] + side, corner[1] + side)).resize((64, 64), Image.BOX)
        assert np.abs((image.transpose(1, 2, 0) + 1) * 127.5 - np.asarray(middle)).mean() < 2, path.name


def test_a_folder_that_is_gone_names_the_flag(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="gone does not exist. Give one with images in it .--data-dir"):
        open_folder(batch_size=2, data_dir=tmp_path / "gone")


def shapes(folder: Path) -> Path:
    """Black shapes that live in alpha, as PNG, WebP, TIFF and GIF; all pixels are black."""
    for number, name in enumerate(["0.png", "1.webp", "2.tiff", "3.png"]):
        pixels = np.zeros((32, 32, 4), np.uint8)
        pixels[4 : 10 + 5 * number, 6:20, 3] = 255
        save(folder / name, pixels)
    return folder


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("background, ground", [(None, 255), ("white", 255), ("#808080", 128)])
def test_shapes_that_live_in_alpha_are_seen(tmp_path, channels, background, ground):
    data = open_folder(
        data_dir=shapes(tmp_path / "in"),
        batch_size=4,
        image_size=32,
        channels=channels,
        background=background,
        progress=False,
        shuffle=False,
    )
    for number, image in enumerate(data.images.reshape(4, 32, 32, channels)):
        wanted = np.full((32, 32, channels), ground)
        wanted[4 : 10 + 5 * number, 6:20] = 0
        assert (image == wanted).all()


def opened(folder, **settings):
    return open_folder(data_dir=folder, batch_size=2, image_size=16, progress=False, **settings)


def test_images_of_one_colour_are_an_error_that_names_the_background(tmp_path):
    shapes(tmp_path / "in")
    message = (
        r"in: its 4 images are of one colour each, and a GAN can learn nothing from that. 4 of them have transparent "
        r"parts: give another background, for example white \(background=white in .*, or images that differ."
    )
    for _ in range(2):  # also where they come out of the cache
        with pytest.raises(DatasetError, match=message):
            opened(tmp_path / "in", background="black")
    assert opened(tmp_path / "in").num_images == 4


def test_images_without_variety_are_an_error(tmp_path, make_photo):
    for name in ("a.png", "b.bmp"):
        save(tmp_path / "same" / name, make_photo(1))
    with pytest.raises(DatasetError, match="same: its 2 images are all the same.* Give images that differ"):
        opened(tmp_path / "same")
    save(tmp_path / "same" / "c.png", make_photo(2))
    assert opened(tmp_path / "same").num_images == 3
    assert opened(tmp_path / "same", limit=1).num_images == 1, "one image can be learned"
    for number in range(3):
        save(tmp_path / "plain" / f"{number}.png", np.full((20, 20, 3), (200, 30, number * 9), np.uint8))
    with pytest.raises(DatasetError, match="plain: its 3 images are of one colour each"):
        opened(tmp_path / "plain")
    with pytest.raises(DatasetError, match="plain: its 1 image is of one colour, and"):
        opened(tmp_path / "plain", limit=1)


def test_images_are_compared_no_longer_than_needed(tmp_path, make_photo, monkeypatch):
    from mxgan.data import variety

    for number in range(9):
        save(tmp_path / "in" / f"{number}.png", make_photo(number))
    asked, honest = [], variety.is_constant
    monkeypatch.setattr(variety, "is_constant", lambda pixels: asked.append(1) or honest(pixels))
    opened(tmp_path / "in")
    assert len(asked) == 2


def test_a_file_that_was_broken_is_tried_again_with_another_reader(place, cache, monkeypatch):
    """A GIF stands for an AVIF, which not every Pillow reads."""
    Image.init()
    save(place / "dog" / "9.gif", np.arange(300).reshape(10, 10, 3).astype(np.uint8))
    with monkeypatch.context() as without:
        without.delitem(Image.OPEN, "GIF")
        first = load(place, most_broken=0.5)
        assert [path for path, _ in first.report.broken] == ["dog/9.gif"]
    second = load(place, most_broken=0.5)
    assert second.report.broken == []
    assert len(second.images) == len(first.images) + 1
    monkeypatch.delitem(Image.OPEN, "GIF")  # without broken files, nothing is decoded again
    forbid_decoding(monkeypatch)
    assert load(place, most_broken=0.5).digest == second.digest


def test_entries_of_an_older_format_are_removed(place, cache, monkeypatch):
    kept = cache / "folders"
    load(place)
    old = {path.name for path in kept.iterdir()}
    for name in (f"{'1' * 16}-{'2' * 32}.pixels", f"99-{'1' * 16}-{'2' * 32}.json", "notes.txt"):
        (kept / name).write_bytes(b"1")
    monkeypatch.setattr(folder_cache, "_FORMAT", folder_cache._FORMAT + 1)
    load(place)
    names = {path.name for path in kept.iterdir()}
    assert not names & old
    assert len(names) == 4
    assert {"notes.txt", f"99-{'1' * 16}-{'2' * 32}.json"} < names
