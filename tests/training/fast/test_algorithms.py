"""Winograd's matrices give the correlation exactly, in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mxgan.training.fast.algorithms import FILTERS, OUTPUTS


def product(matrix, vector) -> list:
    return [sum(weight * number for weight, number in zip(row, vector)) for row in matrix]


def unit(place: int, size: int) -> list:
    return [Fraction(int(each == place)) for each in range(size)]


@pytest.mark.parametrize("taps", FILTERS)
def test_each_pair_of_an_input_and_a_tap_gives_its_output_and_nothing_else(taps):
    """Both sides are linear in the inputs and in the taps, so that the pairs of units decide."""
    filter_, size = FILTERS[taps], taps + OUTPUTS - 1
    for place in range(size):
        for tap in range(taps):
            products = [a * b for a, b in zip(product(filter_.inputs, unit(place, size)),
                                              product(filter_.taps, unit(tap, taps)))]  # fmt: skip
            assert product(filter_.outputs, products) == [int(out + tap == place) for out in range(OUTPUTS)]
