"""What some tests need and README's test command does not install: the extra `browser`, and Chromium.

Without it such a test is skipped with a reason. Where the environment has MXGAN_BROWSER=1, as in .ci/run, it fails.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest

__all__ = ["missing", "needed"]


def needed(module: str, extra: str = "browser") -> ModuleType:
    """A module of an extra, imported; see `missing` for when it cannot be."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing(f"{module} cannot be imported ({error}): pip install '.[{extra}]'")


def missing(reason: str) -> None:
    """Skip this test with a reason; with MXGAN_BROWSER=1 it fails."""
    if os.environ.get("MXGAN_BROWSER") == "1":
        pytest.fail(f"MXGAN_BROWSER is 1, and {reason}", pytrace=False)
    pytest.skip(reason)
