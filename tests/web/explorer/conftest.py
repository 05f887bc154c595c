"""A server of two runs with an explorer."""

from __future__ import annotations

import pytest

from tests.web.explorer.site import BY_CLASS, run_by_class, run_with_average, served


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "runs"
    folder.mkdir()
    run_with_average(folder / "averaged")
    run_by_class(folder / BY_CLASS)
    with served(folder) as found:
        yield found
