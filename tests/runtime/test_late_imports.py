from __future__ import annotations

import sys

import pytest

from mxgan.runtime import late_imports


def test_a_package_that_cannot_be_imported_is_a_missing_attribute(monkeypatch):
    for name in ("scipy.stats", "sklearn.base"):
        monkeypatch.setitem(sys.modules, name, None)
    statistics = late_imports.late("scipy.stats", None).stats
    with pytest.raises(AttributeError, match="'norm' is a part of scipy.stats, which cannot be imported here"):
        _ = statistics.norm
    estimator = late_imports.late("sklearn.base", ("BaseEstimator",)).BaseEstimator
    assert not hasattr(estimator(), "get_params")
