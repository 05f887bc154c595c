import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mxgan.data.packing import pack_folder
from mxgan.data.record_files import read_records, scan
from mxgan.data.records import ImagenetIter
from mxgan.errors import ArgumentError, DatasetError, DatasetNotFoundError
from mxgan.runtime import cv2, mx


def save(path: Path, pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def folder(tmp_path, make_photo):
    place = tmp_path / "photos"
    for number, name in enumerate(["cat/1.jpg", "cat/2.png", "ant/deep/3.bmp", "dog/4.webp"]):
        save(place / name, make_photo(number)[..., ::-1])
    return place


def read_back(path):
    """(label, id, BGR pixels) of each record, through MXNet."""
    found = []
    for _, payload in read_records(path):
        header, pixels = mx.recordio.unpack_img(payload)
        found.append((header.label, header.id, pixels))
    return found


def pack(folder, output, **settings):
    return pack_folder(folder, output, progress=False, **settings)


def test_sorted_with_labels_by_class_folder(folder, tmp_path, make_photo):
    report = pack(folder, tmp_path / "out.rec")
    assert (report.written, report.skipped, report.classes) == (4, [], ["ant", "cat", "dog"])
    records = read_back(tmp_path / "out.rec")
    assert [(label, key) for label, key, _ in records] == [(0, 0), (1, 1), (1, 2), (2, 3)]
    for (_, _, pixels), number in zip(records, (2, 0, 1, 3)):
        assert np.abs(pixels[..., ::-1].astype(int) - make_photo(number)).mean() < 4
    assert len(scan(tmp_path / "out.rec").offsets) == 4
    assert list(ImagenetIter(tmp_path / "out.rec", 2, (3, 16, 16)))
    assert report.summary() == f"{tmp_path / 'out.rec'}: 4 images, 3 classes, 0 left out"


def test_mxnet_reads_by_key(folder, tmp_path):
    pack(folder, tmp_path / "out.rec")
    reader = mx.recordio.MXIndexedRecordIO(str(tmp_path / "out.idx"), str(tmp_path / "out.rec"), "r")
    assert mx.recordio.unpack(reader.read_idx(3))[0].label == 2
    reader.close()


def test_images_beside_the_class_folders(folder, tmp_path, make_photo):
    save(folder / "loose.jpg", make_photo(7))
    assert pack(folder, tmp_path / "out.rec").classes == ["", "ant", "cat", "dog"]


def test_the_same_bytes_again_and_with_any_threads(folder, tmp_path):
    for name, threads in (("a.rec", 1), ("b.rec", 3)):
        pack(folder, tmp_path / name, threads=threads)
    assert (tmp_path / "a.rec").read_bytes() == (tmp_path / "b.rec").read_bytes()
    assert (tmp_path / "a.idx").read_bytes() == (tmp_path / "b.idx").read_bytes()


def test_red_stays_red(tmp_path):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 2] = np.arange(248, 256).repeat(8)
    save(tmp_path / "in" / "red.png", red)
    pack(tmp_path / "in", tmp_path / "out.rec")
    data = ImagenetIter(tmp_path / "out.rec", 1, (3, 8, 8)).next().data[0].asnumpy()
    assert (data[:, 0] > 0.93).all()
    assert (data[:, 1:] < -0.97).all()


KINDS = {
    "grey.png": lambda photo: photo[..., 1],
    "alpha.png": lambda photo: np.dstack([photo, np.full_like(photo[..., 0], 255)]),
    "deep.png": lambda photo: photo.astype(np.uint16) * 257,
    "deep_grey.tiff": lambda photo: photo[..., 1].astype(np.uint16) * 257,
    "map.ppm": lambda photo: photo,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_becomes_8_bit_rgb(tmp_path, make_photo, name):
    photo = make_photo(3)[..., ::-1]
    save(tmp_path / "in" / name, KINDS[name](photo))
    assert pack(tmp_path / "in", tmp_path / "out.rec").skipped == []
    ((_, _, pixels),) = read_back(tmp_path / "out.rec")
    assert pixels.shape == photo.shape
    assert pixels.dtype == np.uint8
    kept = {"grey.png": photo[..., [1]], "deep_grey.tiff": photo[..., [1]]}.get(name, photo)
    assert np.abs(pixels.astype(int) - kept).mean() < 4


@pytest.mark.parametrize(
    "resize, size, expected",
    [
        (256, (300, 600), (256, 512)),
        (256, (600, 300), (512, 256)),
        (256, (60, 80), (60, 80)),
        (None, (300, 600), (300, 600)),
    ],
)
def test_the_shorter_edge_is_brought_down(tmp_path, make_photo, resize, size, expected):
    save(tmp_path / "in" / "a.png", make_photo(1, *size))
    pack(tmp_path / "in", tmp_path / "out.rec", resize=resize)
    assert read_back(tmp_path / "out.rec")[0][2].shape[:2] == expected


def test_what_cannot_be_read_is_named_and_left_out(folder, tmp_path, make_photo):
    whole = save(tmp_path / "whole.jpg", make_photo(1, 300, 300)).read_bytes()
    (folder / "cat" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "cat" / "notes.txt").write_text("hello")
    (folder / "empty.png").write_bytes(b"")
    save(folder / "strip.png", np.zeros((1, 300, 3), np.uint8))
    (folder / "lost.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.jpg")
    (folder / ".hidden").write_text("no image, and not meant to be one")
    report = pack(folder, tmp_path / "out.rec")
    reasons = {path.relative_to(folder).as_posix(): reason for path, reason in report.skipped}
    assert report.written == 4
    assert reasons.pop("cat/half.jpg").startswith("cannot be decoded (")  # which decoder says so depends on OpenCV
    assert reasons == {
        "cat/notes.txt": "not an image in a readable format",
        "empty.png": "not an image in a readable format",
        "strip.png": "its 300x1 pixels are a strip more than 64 times as long as wide",
        "lost.jpg": "not a regular file",
        "pipe.jpg": "not a regular file",
    }
    assert "6 left out" in report.summary()
    assert f"  {folder / 'empty.png'}: not an image" in report.summary()


def left_over(place, *but):
    return [path.name for path in place.iterdir() if path.name not in but]


def test_nothing_to_read_leaves_nothing_behind(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"in has no image that can be read \(1 file tried\)"):
        pack(tmp_path / "in", tmp_path / "out.rec")
    assert left_over(tmp_path, "in") == []


def test_an_output_that_exists_is_kept(folder, tmp_path):
    for name in ("out.rec", "out.idx"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(ArgumentError, match=f"{name} exists already; give another output, or overwrite"):
            pack(folder, tmp_path / "out.rec")
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()


def test_overwrite_replaces_both_files(folder, tmp_path):
    for name in ("out.rec", "out.idx"):
        (tmp_path / name).write_text("old")
    assert pack(folder, tmp_path / "out.rec", overwrite=True).written == 4
    assert len(scan(tmp_path / "out.rec").offsets) == 4
    assert left_over(tmp_path, "photos", "out.rec", "out.idx", "cache") == []


def test_an_output_inside_the_folder_is_no_input(folder):
    for _ in range(2):
        report = pack(folder, folder / "out.rec", overwrite=True)
        assert (report.written, report.skipped) == (4, [])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"output": "out.zip"}, "output is .*out.zip'; give a name that ends in .rec"),
        ({"resize": 0}, "resize is 0"),
        ({"quality": 101}, "quality is 101; give a whole number from 1 to 100"),
    ],
)
def test_arguments_out_of_range(folder, tmp_path, settings, message):
    output = tmp_path / settings.pop("output", "out.rec")
    with pytest.raises(ArgumentError, match=message):
        pack(folder, output, **settings)


def test_folders_that_are_not_there(folder, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="nowhere does not exist. Give one with images"):
        pack(tmp_path / "nowhere", tmp_path / "out.rec")
    with pytest.raises(DatasetError, match="nowhere cannot be written: No such file"):
        pack(folder, tmp_path / "nowhere" / "out.rec")


@pytest.mark.long
def test_a_full_disk_leaves_nothing_behind(folder, tmp_path, make_photo):
    """Writes beyond 100 kB fail in the child as on a full disk, some of them when the file is closed."""
    random = np.random.default_rng(0)
    for number in range(30):
        save(folder / f"{number}.png", random.integers(0, 256, (100, 100, 3)).astype(np.uint8))
    program = f"""
        import resource
        from mxgan.data import pack_folder
        from mxgan.errors import DatasetError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            pack_folder({str(folder)!r}, {str(tmp_path / "out.rec")!r}, progress=False)
        except DatasetError as error:
            print("named:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    assert done.stdout.startswith("named: ")
    assert "Is the disk full?" in done.stdout
    assert left_over(tmp_path, "photos") == []


def test_an_interrupt_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    from mxgan.data import packing

    def interrupted(pixels, resize):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "_shrink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(folder, tmp_path / "out.rec")
    assert left_over(tmp_path, "photos") == []


def test_a_bar_is_drawn_only_where_asked_for(folder, tmp_path, capsys):
    pack(folder, tmp_path / "a.rec")
    assert capsys.readouterr().err == ""
    pack_folder(folder, tmp_path / "b.rec")
    assert capsys.readouterr().err == ""  # no terminal here
    pack_folder(folder, tmp_path / "c.rec", progress=True)
    assert "packing" in capsys.readouterr().err


def test_file_names_that_are_not_ascii(tmp_path, make_photo):
    (tmp_path / "Fotos größer" / "猫").mkdir(parents=True)
    encoded = cv2.imencode(".png", make_photo(1))[1].tobytes()
    (tmp_path / "Fotos größer" / "猫" / "ä b.png").write_bytes(encoded)
    report = pack(tmp_path / "Fotos größer", tmp_path / "größer.rec")
    assert report.written == 1
    assert report.classes == ["猫"]
    assert len(list(ImagenetIter(tmp_path / "größer.rec", 1, (3, 8, 8)))) == 1


def test_a_stray_file_beside_class_folders_is_no_class(tmp_path, make_photo):
    for name in ("a/0.png", "b/0.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "in" / name), make_photo(len(name)) + (name[0] == "a"))
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    assert pack_folder(tmp_path / "in", tmp_path / "out.rec", progress=False).classes == ["a", "b"]
    cv2.imwrite(str(tmp_path / "in" / "top.png"), make_photo(2))
    assert pack_folder(tmp_path / "in", tmp_path / "top.rec", progress=False).classes == ["", "a", "b"]


def shapes(folder: Path, count: int = 3) -> Path:
    """Black shapes that live in alpha: every other pixel is transparent black too."""
    folder.mkdir()
    for number in range(count):
        alpha = np.zeros((32, 32), np.uint8)
        alpha[4 : 10 + 5 * number, 6:20] = 255
        save(folder / f"{number}.png", np.dstack([np.zeros((32, 32, 3), np.uint8), alpha]))
    return folder


@pytest.mark.parametrize(
    "background, ground", [(None, (255, 255, 255)), ("white", (255, 255, 255)), ("#ff8000", (255, 128, 0))]
)
def test_transparent_parts_show_the_background(tmp_path, background, ground):
    pack(shapes(tmp_path / "in"), tmp_path / "out.rec", background=background)
    for number, (_, _, pixels) in enumerate(read_back(tmp_path / "out.rec")):
        assert np.abs(pixels[31, 31, ::-1].astype(int) - ground).max() < 4
        assert pixels[6 + 5 * number, 12].max() < 40
        assert (np.abs(pixels[..., ::-1].astype(int) - ground).max(axis=-1) < 40).mean() < 0.95


def test_images_of_one_colour_are_an_error_before_anything_is_written(tmp_path):
    shapes(tmp_path / "in")
    message = (
        "in: its 3 images are of one colour each, and a GAN can learn .* give another background, for example white"
    )
    with pytest.raises(DatasetError, match=message):
        pack(tmp_path / "in", tmp_path / "out.rec", background="black")
    assert left_over(tmp_path, "in") == []


def test_images_that_are_all_the_same_are_an_error(tmp_path, make_photo):
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name, make_photo(1))
    with pytest.raises(DatasetError, match="in: its 2 images are all the same"):
        pack(tmp_path / "in", tmp_path / "out.rec")
    assert left_over(tmp_path, "in") == []


def test_a_background_that_is_no_colour(folder, tmp_path):
    with pytest.raises(ArgumentError, match="background is 'grey'; give white, black or #rrggbb, for example #ff8000"):
        pack(folder, tmp_path / "out.rec", background="grey")
