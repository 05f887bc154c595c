"""Shares of a batch."""

import pytest

from mxgan.errors import ArgumentError
from mxgan.training.parallel.shares import share_of


def test_a_batch_is_shared_evenly_or_not_at_all():
    assert share_of(8, 2) == 4
    for size, ranks, told in ((8, 3, "such as 6 or 9, or another"), (8, 9, "such as 9, or another")):
        with pytest.raises(ArgumentError, match=told):
            share_of(size, ranks)
