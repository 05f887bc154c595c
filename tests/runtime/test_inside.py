"""Reading inside a folder: no way out of it, whatever is in it."""

from __future__ import annotations

import os
import time

import pytest

from mxgan.errors import CorruptFileError
from mxgan.runtime.inside import entries_inside, json_inside, open_inside, refuse_links, tree_inside


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.json").write_text("1")
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "a.json").write_text('{"a": NaN}')
    (inside / "link.json").symlink_to(tmp_path / "outside" / "a.json")
    (inside / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(inside / "pipe.json")
    return inside


def test_a_file_below_is_read(folder):
    assert json_inside(folder, "sub", "a.json") == {"a": None}
    with open_inside(folder, "sub", "a.json") as stream:
        assert stream.read() == b'{"a": NaN}'


@pytest.mark.parametrize(
    "names",
    [
        ("link.json",), ("linked", "a.json"), ("pipe.json",), ("sub",), ("..", "outside", "a.json"), ("sub", "..", "x"),
        ("sub/a.json",), ("../outside/a.json",), ("",), (".",), ("sub", "a.json\0"), ("gone.json",), ("x" * 300,),
    ],
)  # fmt: skip
def test_nothing_else_is_opened(folder, names):
    with pytest.raises(OSError, match="link|not a plain|not the name|No such|too long|Not a directory|Too many"):
        open_inside(folder, *names)
    with pytest.raises(CorruptFileError, match="cannot be read as JSON"):
        json_inside(folder, *names)


def test_no_descriptor_is_left_open(folder):
    before = len(os.listdir("/proc/self/fd"))
    for names in (("sub", "a.json"), ("linked", "a.json"), ("pipe.json",), ("sub", "gone"), ("sub", "..", "x")):
        for _ in range(5):
            try:
                open_inside(folder, *names).close()
            except OSError:
                entries_inside(folder, *names[:-1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_links_and_pipes_are_no_entries(folder):
    assert [(each.name, each.is_folder) for each in entries_inside(folder)] == [("sub", True)]
    assert entries_inside(folder, "linked") == entries_inside(folder, "gone") == entries_inside(folder, "..") == []
    tree = tree_inside(folder)
    assert tree.keys() == {(), ("sub",)}
    assert [(each.name, each.size) for each in tree[("sub",)]] == [("a.json", 10)]


def test_a_chain_of_many_folders_ends_at_a_bound(tmp_path):
    inner = tmp_path
    for _ in range(300):
        inner = inner / "a"
        inner.mkdir()
    began = time.process_time()
    assert len(tree_inside(tmp_path)) == 33
    assert time.process_time() - began < 0.2


def test_a_file_that_is_too_large_is_not_read(folder):
    with pytest.raises(CorruptFileError, match="is larger than 0 MB"):
        json_inside(folder, "sub", "a.json", most=9)


@pytest.mark.parametrize("levels, fits", [(64, True), (65, False), (900, False), (100_000, False)])
def test_a_value_of_many_levels_is_refused_before_anyone_walks_it(tmp_path, levels, fits):
    (tmp_path / "a.json").write_text('{"a":' * (levels - 1) + "[]" + "}" * (levels - 1))
    if fits:
        assert json_inside(tmp_path, "a.json")
    else:
        with pytest.raises(CorruptFileError, match="nested in more than 64 levels|cannot be read as JSON"):
            json_inside(tmp_path, "a.json")


def test_links_pipes_and_what_cannot_be_told_are_refused_before_files_are_opened_by_path(tmp_path):
    (tmp_path / "run/inner").mkdir(parents=True)
    (tmp_path / "run/inner/file").write_text("x")
    refuse_links(tmp_path / "run", "inner", "file")
    refuse_links(tmp_path / "run", "inner")
    refuse_links(tmp_path / "run", "missing")
    (tmp_path / "link").symlink_to(tmp_path / "run")  # the folder itself may be one
    refuse_links(tmp_path / "link", "inner")
    os.mkfifo(tmp_path / "run/inner/pipe")
    with pytest.raises(CorruptFileError, match="pipe: is a link or a device"):
        refuse_links(tmp_path / "run", "inner")
    (tmp_path / "run/other").symlink_to(tmp_path / "run/inner")
    with pytest.raises(CorruptFileError, match="other: is a link or a device"):
        refuse_links(tmp_path / "run", "other")
    with pytest.raises(CorruptFileError, match="cannot be read: it is not the name of one file"):
        refuse_links(tmp_path / "run", "..")
