"""Fixtures for all tests."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

_DATA = os.environ.get("MXGAN_DATA")  # read once: some tests take it out of the environment


@pytest.fixture(scope="session")
def mxgan_data() -> Path:
    """The folder with mnist/ and imagenet_sample/ that MXGAN_DATA names; else the test is skipped."""
    if not _DATA:
        pytest.skip("MXGAN_DATA is not set; it names a folder with mnist/ and imagenet_sample/")
    if not Path(_DATA).is_dir():
        pytest.skip(f"MXGAN_DATA is {_DATA}, which is no folder")
    return Path(_DATA)


@pytest.fixture(autouse=True)
def log_as_it_was():
    """A command under test sends the log to standard output; the next test must find it as it was."""
    loggers = [logging.getLogger(name) for name in ("mxgan", None)]
    before = [(each, each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    for each, handlers, level, propagate in before:
        each.handlers[:] = handlers
        each.setLevel(level)
        each.propagate = propagate
