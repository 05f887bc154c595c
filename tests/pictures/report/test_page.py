"""`render`: a page that holds everything, or links to it; no text of a view becomes markup."""

from __future__ import annotations

import json

import pytest

from mxgan.errors import ArgumentError
from mxgan.pictures.report.assets import PAGES, asset, page_assets
from mxgan.pictures.report.page import embedded

HOSTILE = "</script><script>alert(1)</script>&\u2028\"'"


def test_json_in_a_page_ends_no_script_element_and_reads_back_the_same():
    text = embedded({"name": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": HOSTILE}


def test_the_script_that_starts_all_is_the_last_one_and_all_are_there():
    for template in PAGES:
        styles, scripts = page_assets(template)
        assert scripts[-1] == "start.js"
        assert all(map(asset, (*styles, *scripts))), template
    assert asset("start.js").rstrip().endswith("mxgan.start();")


@pytest.mark.parametrize("name", ["../page.py", "/etc/passwd", "", ".", "nothing.js"])
def test_only_plain_names_of_assets_are_read(name):
    with pytest.raises(ArgumentError, match=r"unknown style or script"):
        asset(name)


def test_uplot_comes_out_of_its_wheel_with_its_licence():
    assert "MIT Licensed" in asset("uplot.js")
    assert "</script" not in asset("uplot.js").lower()
