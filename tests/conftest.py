"""Fixtures for all tests."""

from __future__ import annotations

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
