import os
import sys
from pathlib import Path

import pytest

from mxgan.data.cache import cache_folder


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
