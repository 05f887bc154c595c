"""The package as pip sees it: one version, the right requirements, nothing left out."""

from __future__ import annotations

import importlib
import os
import runpy
import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest

from mxgan import nvidia
from mxgan.version import __version__

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def keywords():
    """What setup.py hands to setuptools."""
    setuptools = pytest.importorskip("setuptools", reason="setup.py needs setuptools")
    caught = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", caught.update)
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return caught


def test_one_version(keywords):
    import mxgan

    assert keywords["version"] == mxgan.__version__ == __version__ == "0.1.0"


def test_setup_does_not_import_the_package(tmp_path):
    """With a package that cannot be imported its metadata can be made all the same."""
    pytest.importorskip("setuptools", reason="setup.py needs setuptools")
    (tmp_path / "mxgan").mkdir()
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "mxgan/version.py", tmp_path / "mxgan")
    (tmp_path / "mxgan/__init__.py").write_text("raise RuntimeError('imported')\n")
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", "egg_info"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    metadata = Parser().parsestr((tmp_path / "mxgan.egg-info/PKG-INFO").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("mxgan", __version__)
    assert {"<3.13", ">=3.9"} == set(metadata["Requires-Python"].split(","))


def test_every_folder_of_code_is_a_package(keywords):
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "mxgan").rglob("*.py")}
    assert set(keywords["packages"]) == {".".join(folder.parts) for folder in folders}


def test_mxnet_is_in_two_extras_and_in_no_base_requirement(keywords):
    assert not any(line.startswith("mxnet") for line in keywords["install_requires"])
    assert keywords["extras_require"]["cpu"] == ["mxnet==1.9.1"]
    assert keywords["extras_require"]["cu112"][0] == "mxnet-cu112==1.9.1"
    assert {"cpu", "cu112", "test"} <= set(keywords["extras_require"])


def test_pins_that_hold_the_set_together(keywords):
    base = keywords["install_requires"]
    assert "numpy>=1.22,<2" in base
    assert any(line.startswith("opencv-python") and line.endswith("<4.12") for line in base)
    assert 'setuptools; python_version >= "3.12"' in base


def test_every_cuda_library_that_is_preloaded_has_its_wheel(keywords):
    pinned = {line.split("==")[0] for line in keywords["extras_require"]["cu112"][1:]}
    folders = {name.split("/")[0].replace("_", "-") for name in nvidia.LIBRARIES}
    assert pinned == {f"nvidia-{folder}-cu11" for folder in folders}


@pytest.mark.parametrize("given", [(3, 8, 18), (3, 13, 0)])
def test_other_pythons_are_refused_before_anything_is_built(monkeypatch, given):
    pytest.importorskip("setuptools", reason="setup.py needs setuptools")
    monkeypatch.setattr(sys, "version_info", given)
    with pytest.raises(SystemExit, match=r"mxgan needs Python 3\.9 to 3\.12"):
        runpy.run_path(str(ROOT / "setup.py"))


def test_the_command_is_there(keywords):
    (line,) = keywords["entry_points"]["console_scripts"]
    module, function = line.split(" = ")[1].split(":")
    assert line.startswith("mxgan = ")
    assert callable(getattr(importlib.import_module(module), function))


def test_ci_script_is_executable_and_parses():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=60).returncode == 0


def test_licence_is_apache_2(keywords):
    assert keywords["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
