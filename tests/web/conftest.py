"""Servers that the tests of a file share, and a browser."""

from __future__ import annotations

import contextlib

import pytest

from tests.browser import browser, visit  # noqa: F401
from tests.web.serving import Here, make_run, serving


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the runs a, b and group/c, and a secret beside it."""
    pytest.importorskip("starlette", reason="mxgan serve needs the extra web")
    pytest.importorskip("uvicorn", reason="mxgan serve needs the extra web")
    above = tmp_path_factory.mktemp("served")
    (above / "secret.txt").write_text("the secret beside the folder")
    folder = above / "runs"
    for name in ("a", "b", "group/c"):
        make_run(folder / name)
    return folder


@pytest.fixture(scope="module")
def server(runs):
    """A server of `runs`, which only this machine reaches; a thread of this process."""
    with contextlib.closing(Here(runs)) as started:
        yield started


@pytest.fixture(scope="module")
def process(runs):
    """`mxgan serve` of `runs`, a process of its own."""
    with serving(runs, "--port", 0, environment={"XDG_CACHE_HOME": str(runs.parent / "cache")}) as started:
        yield started
