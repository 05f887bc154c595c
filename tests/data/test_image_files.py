import logging
import os
from pathlib import Path

import pytest

from mxgan.data.image_files import class_names, class_of, read_image_file, reasons_text
from mxgan.data.places import Folder, list_files
from mxgan.errors import DatasetNotFoundError


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def listed(folder: Path, leave_out=()) -> list:
    return [path.relative_to(folder).as_posix() for path in list_files(folder, leave_out)]


def test_sorted_nested_and_without_what_is_hidden(tmp_path):
    names = [
        "b/2.jpg",
        "b/10.jpg",
        "a/x/1.jpg",
        "c.jpg",
        "a.jpg",
        ".hidden.jpg",
        ".git/1.jpg",
        "a/._1.jpg",
        "a b/1.jpg",
    ]
    assert listed(fill(tmp_path, *names)) == ["a/x/1.jpg", "a b/1.jpg", "a.jpg", "b/10.jpg", "b/2.jpg", "c.jpg"]


def test_the_order_is_that_of_the_parts_of_the_path(tmp_path):
    fill(tmp_path, "a/1", "a-b/1", "a.c")
    assert listed(tmp_path) == [
        path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*")) if path.is_file()
    ]


def test_files_that_are_left_out(tmp_path):
    fill(tmp_path, "a.rec", "b.jpg", "loop.jpg")
    (tmp_path / "loop.jpg").unlink()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert listed(tmp_path, {(tmp_path / "a.rec").resolve()}) == ["b.jpg", "loop.jpg"]


def test_links_to_folders_are_followed_once_and_circles_end(tmp_path):
    inside, outside = fill(tmp_path / "in", "b/1.jpg", "b/deep/2.jpg"), fill(tmp_path / "out", "3.jpg")
    for name, target in {
        "a": inside / "b",  # a second name of a real folder
        "b/back": inside,
        "b/deep/b": inside / "b",
        "c": outside,
        "d": outside,
        "up": tmp_path,
        "self": inside / "self",
    }.items():
        (inside / name).symlink_to(target, target_is_directory=True)
    (outside / "in").symlink_to(inside)
    assert listed(inside) == ["b/1.jpg", "b/deep/2.jpg", "c/3.jpg", "self"]


def test_many_folders_that_link_to_each_other(tmp_path):
    for number in range(20):
        fill(tmp_path, f"{number}/1.jpg")
        for other in range(20):
            (tmp_path / f"{number}" / f"to{other}").symlink_to(tmp_path / f"{other}")
    assert len(list_files(tmp_path)) == 20


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path, caplog):
    fill(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a").chmod(0)
    assert listed(tmp_path) == ["b/2.jpg"]
    assert f"{tmp_path / 'a'} cannot be read (Permission denied)" in caplog.text
    (tmp_path / "a").chmod(0o700)


def test_a_folder_that_vanishes_is_named(tmp_path, monkeypatch, caplog):
    fill(tmp_path, "a/1.jpg", "b/2.jpg")
    honest = os.scandir

    def scandir(place):
        if Path(place).name == "a":
            raise FileNotFoundError(2, "No such file or directory")
        return honest(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with caplog.at_level(logging.WARNING):
        assert listed(tmp_path) == ["b/2.jpg"]
    assert f"{tmp_path / 'a'} cannot be read (No such file or directory): its files are left out" in caplog.text


def test_no_folder(tmp_path):
    fill(tmp_path, "file")
    for name, fault in (("file", "is not a folder"), ("nowhere", "does not exist")):
        with pytest.raises(DatasetNotFoundError, match=f"{name} {fault}. Give one with images in it"):
            list_files(tmp_path / name)


def test_classes_are_the_subfolders_with_images(tmp_path, encode_photo):
    fill(tmp_path, "b/1.png", "b/more/2.png", "a/1.png", "notes/1.txt", "notes/empty.png", "readme.txt")
    for name in ("b/1.png", "b/more/2.png", "a/1.png"):
        (tmp_path / name).write_bytes(encode_photo(1, ".png"))
    assert class_names(Folder(tmp_path), list_files(tmp_path)) == ["a", "b"]
    (tmp_path / "top.png").write_bytes(encode_photo(1, ".png"))
    assert class_names(Folder(tmp_path), list_files(tmp_path)) == ["", "a", "b"]
    assert class_of(tmp_path / "b" / "more" / "2.png", tmp_path) == "b"
    assert class_of(tmp_path / "top.png", tmp_path) == ""
    assert class_names(Folder(tmp_path), []) == []


def test_a_file_and_what_speaks_against_one(tmp_path, encode_photo):
    encoded = encode_photo(1, ".png")
    (tmp_path / "a").write_bytes(encoded)
    found = read_image_file(Folder(tmp_path), tmp_path / "a")
    assert (found.content, found.header.format, found.reason, found.is_broken) == (encoded, "PNG", None, False)
    fill(tmp_path, "empty.JPG", "notes.txt", "README")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "lost.tiff").symlink_to(tmp_path / "nowhere")
    place, names = Folder(tmp_path), ("empty.JPG", "notes.txt", "README", "pipe.png", "lost.tiff")
    reasons = {name: read_image_file(place, tmp_path / name) for name in names}
    assert {name: file.is_broken for name, file in reasons.items()} == {
        "empty.JPG": True,
        "notes.txt": False,
        "README": False,
        "pipe.png": True,
        "lost.tiff": True,
    }
    assert reasons["empty.JPG"].reason == "not an image in a readable format"
    assert reasons["pipe.png"].reason == reasons["lost.tiff"].reason == "not a regular file"


def test_the_first_few_reasons():
    skipped = [(f"{number}.jpg", "torn") for number in range(7)]
    assert reasons_text([]) == ""
    assert reasons_text(skipped[:2]) == "\n  0.jpg: torn\n  1.jpg: torn"
    assert reasons_text(skipped).endswith("\n  4.jpg: torn\n  … and 2 more")
