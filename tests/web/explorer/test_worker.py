"""The explorer's thread: order, replacement, bounds, idleness, priority, end."""

from __future__ import annotations

import os
import threading
import time

import pytest

from mxgan.web.explorer.worker import NICE, ReplacedError, Worker
from mxgan.web.workers import BusyError


@pytest.fixture
def worker():
    made = Worker(lambda: None, most=3)
    yield made
    made.close()


@pytest.fixture
def held(worker):
    """The worker with a job that ends when the event is set."""
    going, end = threading.Event(), threading.Event()

    def job():
        going.set()
        assert end.wait(10)

    worker.submit(job)
    assert going.wait(10)
    yield end
    end.set()


def test_a_newer_request_takes_the_place_of_the_older_one_of_the_same_viewer(worker, held):
    done = []
    first = worker.submit(lambda: done.append("a1"), "a")
    other = worker.submit(lambda: done.append("b"), "b")
    newer = worker.submit(lambda: done.append("a2"), "a")
    with pytest.raises(ReplacedError, match="newer request"):
        first.result(0)
    held.set()
    other.result(5), newer.result(5)
    assert done == ["a2", "b"]  # in the place of the older one: who moves a slider all the time is not starved


def test_more_than_the_most_is_refused_and_a_replacement_is_not(worker, held):
    for key in "abc":
        worker.submit(lambda: None, key)
    with pytest.raises(BusyError, match="too much to draw"):
        worker.submit(lambda: None)
    worker.submit(lambda: None, "a")


def test_an_error_of_a_job_reaches_who_asked_and_the_thread_goes_on(worker):
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(5)
    assert worker.submit(lambda: 5).result(5) == 5


def test_a_job_that_nobody_waits_for_is_left_out(worker, held):
    done = []
    left = worker.submit(lambda: done.append(1))
    assert left.cancel()
    held.set()
    worker.submit(lambda: None).result(5)
    assert done == []


def test_the_thread_gives_way_to_a_training_and_the_process_does_not(worker):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert worker.submit(lambda: os.getpriority(os.PRIO_PROCESS, 0)).result(5) == max(NICE, before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_what_is_kept_is_given_back_after_a_pause():
    calls = []
    worker = Worker(lambda: calls.append(time.monotonic()), idle=0.1)
    worker.submit(lambda: None).result(5)
    time.sleep(0.35)
    worker.close()
    assert 1 <= len(calls) <= 3


def test_close_cancels_what_waits_and_refuses_what_comes(worker, held):
    waiting = worker.submit(lambda: None)
    threading.Timer(0.1, held.set).start()
    worker.close()
    assert waiting.cancelled()
    with pytest.raises(BusyError):
        worker.submit(lambda: None)
