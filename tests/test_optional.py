"""What is missing is a skip for a stranger, and an error in CI."""

from __future__ import annotations

import pytest

from tests.optional import missing, needed


@pytest.mark.parametrize("setting, outcome", [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_is_missing_skips_a_test_and_in_ci_fails_it(monkeypatch, setting, outcome):
    monkeypatch.setenv("MXGAN_BROWSER", setting)
    with pytest.raises(outcome, match="no chromium"):
        missing("there is no chromium")
    with pytest.raises(outcome, match=r"no_such_module cannot be imported .* pip install '.\[browser\]'"):
        needed("no_such_module")
    assert needed("json").dumps([]) == "[]"
