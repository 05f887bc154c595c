"""What tests of pages need and README's test command does not install: Chromium, playwright, axe, TensorBoard's reader.

Without it these tests are skipped with a reason. Where the environment has MXGAN_BROWSER=1, as in CI, they fail.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

FLAGS = (
    "--no-sandbox",  # Chromium refuses root with it
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # the 64 MB of a container's /dev/shm are not enough
    "--no-first-run",
)


def needed(module: str) -> ModuleType:
    """A module of the extra `browser`, imported; without it the test is skipped, or fails with MXGAN_BROWSER=1."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        _missing(f"{module} cannot be imported ({error}): pip install '.[browser]'")


def chromium() -> str:
    """The path of Chromium; without it the test is skipped, or fails with MXGAN_BROWSER=1."""
    return shutil.which("chromium") or _missing("there is no chromium: apt-get install chromium")


@contextmanager
def browser() -> Iterator:
    """Chromium without a window, as playwright's Browser; not inside an asyncio loop."""
    playwright = needed("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


def _missing(reason: str) -> None:
    if os.environ.get("MXGAN_BROWSER") == "1":
        pytest.fail(f"MXGAN_BROWSER is 1, and {reason}")
    pytest.skip(reason)
