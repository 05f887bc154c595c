"""The package as pip sees it: one version, the right requirements, nothing left out."""

from __future__ import annotations

import importlib
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path

import pytest

from mxgan import __version__
from mxgan.runtime import nvidia

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
    source = (ROOT / "mxgan/__init__.py").read_text()
    (tmp_path / "mxgan/__init__.py").write_text(f"{source}\nraise RuntimeError('imported')\n")
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", "egg_info"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    metadata = Parser().parsestr((tmp_path / "mxgan.egg-info/PKG-INFO").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("mxgan", __version__)
    assert metadata["Requires-Python"] == ">=3.9"


def test_every_folder_of_code_is_a_package(keywords):
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "mxgan").rglob("*.py")}
    assert set(keywords["packages"]) == {".".join(folder.parts) for folder in folders}


def test_every_file_that_is_no_code_is_packed_too(keywords):
    """In a wheel by package_data, in an archive of the sources by MANIFEST.in."""
    files = (path for path in (ROOT / "mxgan").rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    others = {path for path in files if path.suffix != ".py"}
    packed = {
        path
        for package, patterns in keywords["package_data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    assert others
    assert packed == others
    folders = {path.parent.relative_to(ROOT) for path in others}
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    assert {f"recursive-include {folder} *" for folder in folders} <= set(lines)


@pytest.mark.long
@pytest.mark.parametrize("command", [["build"], ["sdist", "--formats=tar"]])
def test_a_wheel_and_an_archive_of_the_sources_have_each_file(command, tmp_path):
    """`build` makes the folder that a wheel packs; both as setuptools makes them, from a copy of the tree."""
    pytest.importorskip("setuptools", reason="setup.py needs setuptools")
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "mxgan", tree / "mxgan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    expected = {str(path.relative_to(tree)) for path in (tree / "mxgan").rglob("*") if path.is_file()}
    assert any(name.endswith(".html") for name in expected)
    assert any(name.endswith(".js") for name in expected)
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", *command]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=120)
    if command[-1] == "build":
        made = {str(path.relative_to(tree / "build" / "lib")) for path in (tree / "build" / "lib").rglob("*.*")}
    else:
        (archive,) = (tree / "dist").iterdir()
        with tarfile.open(archive) as opened:
            made = {name.partition("/")[2] for name in opened.getnames()}
    assert sorted(expected - made) == []


def test_nothing_that_is_required_is_mxnet_opencv_or_has_an_upper_bound(keywords):
    """pip would install MXNet's metadata with it, a second OpenCV over the first, and downgrade what is there."""
    base, extras = keywords["install_requires"], keywords["extras_require"]
    everything = [*base, *(line for lines in extras.values() for line in lines)]
    assert not any(line.startswith("mxnet") for line in everything)
    assert not any(line.startswith("opencv") for line in base)
    assert not any("<" in line.partition(";")[0] for line in everything)
    assert (extras["opencv"], extras["opencv-headless"]) == (
        ["opencv-python>=4.5.5"],
        ["opencv-python-headless>=4.5.5"],
    )
    assert 'setuptools; python_version >= "3.12"' in base


def test_every_cuda_library_that_is_preloaded_has_its_wheel(keywords):
    pinned = {line.split("==")[0] for line in keywords["extras_require"]["cu112"]}
    folders = {name.split("/")[0].replace("_", "-") for name in nvidia.LIBRARIES}
    assert pinned == {f"nvidia-{folder}-cu11" for folder in folders}


def test_older_pythons_are_refused_before_anything_is_built(monkeypatch):
    pytest.importorskip("setuptools", reason="setup.py needs setuptools")
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(SystemExit, match=r"mxgan needs Python 3\.9 or newer; this is "):
        runpy.run_path(str(ROOT / "setup.py"))


def test_the_command_is_there(keywords):
    (line,) = keywords["entry_points"]["console_scripts"]
    module, function = line.split(" = ")[1].split(":")
    assert line.startswith("mxgan = ")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("name", ["run", "debian13"])
def test_ci_scripts_are_executable_and_parse(name):
    script = ROOT / ".ci" / name
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=60).returncode == 0


def test_licence_is_apache_2(keywords):
    assert keywords["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
