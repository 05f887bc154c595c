import threading
import time

import pytest

from mxgan.runtime import cpus
from mxgan.runtime.cpus import ordered_map, usable_cpus


def test_results_keep_the_order_of_the_items():
    def slow_when_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return number * number

    assert list(ordered_map(slow_when_even, range(40), threads=4)) == [n * n for n in range(40)]


def test_few_items_are_taken_ahead():
    taken = []
    results = ordered_map(lambda item: item, (taken.append(n) or n for n in range(1000)), threads=2)
    next(results)
    assert len(taken) <= 9
    results.close()


def test_few_bytes_are_taken_ahead(monkeypatch):
    monkeypatch.setattr(cpus, "IN_PROGRESS", 100)
    for size, most in ((1, 9), (40, 3), (60, 2), (1000, 2)):
        taken = []
        items = (taken.append(n) or n for n in range(20))
        results = ordered_map(lambda item: item, items, threads=2, size=lambda _, size=size: size)
        next(results)
        assert len(taken) <= most
        assert list(results) == list(range(1, 20))


@pytest.mark.parametrize("where", ["function", "items"])
def test_an_error_reaches_the_caller_and_ends_the_threads(where):
    def items():
        yield from range(5)
        raise ValueError("items")

    def function(item):
        if where == "function" and item == 3:
            raise ValueError("function")
        return item

    before = threading.active_count()
    with pytest.raises(ValueError, match=where):
        list(ordered_map(function, items(), threads=2))
    assert threading.active_count() == before


def test_usable_cpus():
    assert usable_cpus() >= 1
