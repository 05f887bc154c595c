"""Fixtures for all tests."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import signal
from pathlib import Path

import pytest

from mxgan.runtime.cpus import usable_cpus
from tests.browser import browser, visit  # noqa: F401 (fixtures)
from tests.launched import hosts, launched  # noqa: F401

MOST_PROCESSES = 4  # each imports all that the tests use: seconds, and up to 1 GB
os.environ["MXGAN_REPORT"] = "0"  # no report at the end of each training; tests of the report take it away
_DATA = os.environ.get("MXGAN_DATA")  # read once: some tests take it out of the environment
# Programs of the tests would inherit what the suite ignores: SIGINT behind a shell's `&`, SIGHUP behind nohup.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config) -> None:
    """Run the whole suite in several processes, a file of tests at a time.

    Not where paths, -n, or what needs this terminal (--pdb, --trace, -s) are given.
    """
    whole = config.args_source is config.ArgsSource.TESTPATHS
    undecided = config.pluginmanager.hasplugin("xdist") and config.option.numprocesses is None
    seen = config.option.usepdb or config.option.trace or config.option.capture == "no"
    alone = hasattr(config, "workerinput") or seen or config.option.collectonly
    if whole and undecided and not alone and usable_cpus() > 1:
        config.option.numprocesses, config.option.dist = min(MOST_PROCESSES, usable_cpus()), "loadfile"
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # of each: the tests' shapes gain nothing by more


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable():
    """Reports go from one process to the other as UTF-8; a byte of a file's name, logged or raised, may be none."""
    return _in_utf8((yield))


def _in_utf8(value):
    """Texts, also those in lists and mappings, with \\udcXX in place of what UTF-8 does not have."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_in_utf8(key): _in_utf8(each) for key, each in value.items()}
    return type(value)(map(_in_utf8, value)) if isinstance(value, (list, tuple)) else value


@pytest.fixture(scope="session")
def mxgan_data() -> Path:
    """The folder with mnist/ and imagenet_sample/ that MXGAN_DATA names; else the test is skipped."""
    if not _DATA:
        pytest.skip("MXGAN_DATA is not set; it names a folder with mnist/ and imagenet_sample/")
    if not Path(_DATA).is_dir():
        pytest.skip(f"MXGAN_DATA is {_DATA}, which is no folder")
    return Path(_DATA)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The cache folder of this test alone; MXGAN_DATA is unset."""
    monkeypatch.delenv("MXGAN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mxgan"


@pytest.fixture(scope="session")
def trained_copy(tmp_path_factory):
    """trained_copy(steps, folder): `folder` as a copy of a tiny run of so many steps, which is trained only once."""
    import mxgan  # here, because the process that only hands out the tests needs no MXNet
    from mxgan.training.run_folder import RunFolder
    from tests.support import tiny_config

    @functools.cache
    def trained(steps: int) -> Path:
        session = mxgan.start(tiny_config(steps=steps), tmp_path_factory.mktemp("tiny") / "run", "none", progress=False)
        session.run()
        return session.folder.path

    def copy(steps: int, folder: Path):
        return RunFolder(shutil.copytree(trained(steps), folder))

    return copy


@pytest.fixture(autouse=True)
def silent_log():
    """A command that ran before, in a fixture or a test, has sent the log to standard output; here it is put back."""
    log, root = logging.getLogger("mxgan"), logging.getLogger()
    log.handlers, log.propagate = [], True
    log.setLevel(logging.NOTSET)
    root.handlers = [each for each in root.handlers if type(each).__module__ != "mxgan.cli.terminal"]
    root.setLevel(logging.WARNING)
