import threading
import time

import pytest

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
