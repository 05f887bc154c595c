import os
import sys
from pathlib import Path

import pytest

from mxgan.runtime.cache import cache_folder, read_checked, write_checked

pytestmark = pytest.mark.usefixtures("cache")


def test_xdg_cache_home_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("a", "b") == tmp_path / "mxgan" / "a" / "b"
    assert not (tmp_path / "mxgan").exists()


@pytest.mark.parametrize("value", ["", "relative/folder", None])
@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the folder of other Unix systems")
def test_the_home_folder_else(monkeypatch, value):
    monkeypatch.delenv("XDG_CACHE_HOME")
    if value is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == Path(os.path.expanduser("~/.cache/mxgan"))


def test_checked_values_come_back_and_changes_are_noticed(tmp_path):
    path = tmp_path / "new" / "values.json"
    values = {"größe": [1, 2.5, None], "name": "猫"}
    write_checked(path, values)
    assert read_checked(path) == values
    path.write_text(path.read_text().replace("2.5", "2.6"))
    with pytest.raises(ValueError, match="its checksum is wrong"):
        read_checked(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\n", b"{}\n0"])
def test_what_write_checked_has_not_written(tmp_path, content):
    (tmp_path / "values.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011
        read_checked(tmp_path / "values.json")
