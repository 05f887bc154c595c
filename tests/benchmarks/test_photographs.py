"""Photographs of an archive: chosen ones and others as folders, and the peer's pixels."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from benchmarks.results.photographs import CHOSEN, OTHERS, chosen_and_others, cropped, few_folders, members
from mxgan.data.archives import Archive
from mxgan.errors import ArgumentError

NAMES = [f"ship/{number:04d}.png" for number in range(20)]


def png(pixels) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG")
    return packed.getvalue()


@pytest.fixture
def archive(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as written:
        for name in [
            *reversed(NAMES),
            "horse/0000.png",
            "ship/note.txt",
            "__MACOSX/ship/1.png",
            ".old/ship/1.png",
        ]:
            written.writestr(name, png(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)))
    return path


def names_in(folder) -> dict:
    return {part: {path.name for path in (folder / part).iterdir()} for part in (CHOSEN, OTHERS)}


def test_the_chosen_and_the_others_are_disjoint_and_all(archive, tmp_path):
    folder = few_folders(archive, "ship", 5, 0, tmp_path / "few")
    found = names_in(folder)
    assert len(found[CHOSEN]) == 5
    assert not found[CHOSEN] & found[OTHERS]
    assert found[CHOSEN] | found[OTHERS] == {name.rpartition("/")[2] for name in NAMES}
    with zipfile.ZipFile(archive) as written:
        for part, names in found.items():
            assert all((folder / part / name).read_bytes() == written.read(f"ship/{name}") for name in names)


def test_the_seed_decides_and_more_are_those_and_others():
    few, rest = chosen_and_others(NAMES, 5, 0)
    assert (few, rest) == chosen_and_others(NAMES, 5, 0)
    assert few != chosen_and_others(NAMES, 5, 1)[0]
    assert set(few) < set(chosen_and_others(NAMES, 10, 0)[0])
    with pytest.raises(ArgumentError, match="20 photographs of 20 cannot be chosen so that others are left"):
        chosen_and_others(NAMES, 20, 0)


def test_a_folder_is_made_once_and_never_taken_for_another(archive, tmp_path):
    first = few_folders(archive, "ship", 5, 0, tmp_path / "few")
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert few_folders(archive, "ship", 5, 0, first) == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    with pytest.raises(ArgumentError, match="has other photographs than these"):
        few_folders(archive, "ship", 5, 1, first)


def test_runs_that_begin_together_share_a_folder(archive, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: few_folders(archive, "ship", 5, 0, tmp_path / "new" / "few"), range(8)))
    assert {*made} == {tmp_path / "new" / "few"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["few"]


def test_members_are_photographs_in_order(archive):
    with closing(Archive(archive)) as opened:
        assert members(opened, "ship") == [archive / name for name in NAMES]
        assert members(opened) == [archive / name for name in ["horse/0000.png", *NAMES]]


def test_the_shorter_side_is_resized_and_the_middle_is_cut_out(tmp_path):
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = (255, 0, 0)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as written:
        written.writestr("a/0.png", png(wide))
        written.writestr("a/1.png", png(np.full((6, 6, 3), 7, np.uint8)))
    first, second = cropped(tmp_path / "b.zip", 4)
    np.testing.assert_array_equal(first, np.broadcast_to(np.reshape([255, 0, 0], (3, 1, 1)), (3, 4, 4)))
    np.testing.assert_array_equal(second, np.full((3, 4, 4), 7))


def test_photographs_of_the_same_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as written:
        for part in ("train", "val"):
            for number in range(4):
                written.writestr(f"{part}/dog/{number}.png", png(np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(ArgumentError, match="have the same name"):
        few_folders(tmp_path / "a.zip", "dog", 5, 0, tmp_path / "few")
