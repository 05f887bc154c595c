"""Progress of long work: a bar where one can be seen, plain lines in a log at a bounded rate, no `\\r` in a file."""

from __future__ import annotations

import io
import logging
import re
import sys
import time

import pytest

from mxgan.runtime.progress import BETWEEN, SHORT, Progress, tracked
from tests.terminal import terminal_as


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def work(clock, steps: int, seconds: float, progress=None, unit="step", initial=0) -> None:
    with Progress(progress, "classifier", steps, unit, initial=initial) as shown:
        for _ in range(initial, steps):
            clock.now += seconds
            shown.update()


def test_a_log_tells_long_work_at_a_bounded_rate(clock):
    """26 minutes: 3,752 steps of a classifier, 0.42 seconds each."""
    told = []

    class Timed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append((clock.now - 1000, record.getMessage()))

    log = logging.getLogger("mxgan")
    log.handlers = [Timed()]
    log.setLevel(logging.INFO)
    work(clock, 3752, 0.42)
    times, texts = zip(*told)
    assert SHORT <= times[0] < SHORT + 1
    assert all(later - earlier >= BETWEEN for earlier, later in zip(times, times[1:-1]))
    assert 20 < len(told) < 50
    assert texts[0] == "classifier: step 12 of 3752, ETA 26:10"  # 3,740 steps
    assert texts[-1] == "classifier: step 3752 of 3752, took 26:15"


def test_short_work_says_nothing(clock, caplog, capsys):
    with caplog.at_level(logging.INFO, "mxgan"):
        work(clock, 49, 0.1)
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_the_time_left_is_that_of_the_new_steps(clock, caplog):
    with caplog.at_level(logging.INFO, "mxgan"):
        work(clock, 100, 1.0, initial=80)
    assert caplog.messages[0] == "classifier: step 85 of 100, ETA 00:15"


@pytest.mark.parametrize(
    "total, text", [(4_000_000, "file.gz: 1.20MB of 4.00MB, ETA 00:14"), (None, "file.gz: 1.20MB")]
)
def test_bytes_are_told_as_sizes(clock, caplog, total, text):
    shown = Progress(None, "file.gz", total, "B")
    clock.now += 6
    with caplog.at_level(logging.INFO, "mxgan"):
        shown.update(1_200_000)
    assert caplog.messages == [text]


def test_work_that_fails_has_no_last_line(clock, caplog):
    def fail(shown):
        clock.now += 6
        shown.update()
        raise OSError("disk")

    caplog.set_level(logging.INFO, "mxgan")
    with pytest.raises(OSError, match="disk"), Progress(None, "decoding", 9, "image") as shown:
        fail(shown)
    assert caplog.messages == ["decoding: image 1 of 9, ETA 00:48"]


@pytest.mark.parametrize("progress, text", [(True, "decoding: image 3 of 3, took 00:00\n"), (None, ""), (False, "")])
def test_without_a_log_and_a_terminal_true_writes_a_line(progress, text, capsys):
    list(tracked(progress, [("ab",), ("c",)], "decoding", 3))
    assert capsys.readouterr() == ("", text)


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), io.StringIO()], ids=["none", "closed", "a file"])
@pytest.mark.parametrize("progress", [None, True, False])
def test_any_standard_error_will_do(monkeypatch, stream, progress):
    monkeypatch.setattr(sys, "stderr", stream)
    work(Clock(), 3, 1.0, progress)
    if isinstance(stream, io.StringIO) and not stream.closed:
        assert "\r" not in stream.getvalue()


@pytest.mark.parametrize("size", [(0, 0), (80, 0), (80, 24)])
def test_a_terminal_has_a_bar_whatever_its_size(size, caplog):
    """One of 0×0, such as a serial line or a container's, had no bar at all."""
    with terminal_as("stderr", size=size) as seen:
        work(Clock(), 3, 0.0)
    assert "classifier: 100%" in seen()
    assert "3/3" in seen()


def test_false_draws_no_bar_on_a_terminal():
    with terminal_as("stderr") as seen:
        work(Clock(), 3, 0.0, progress=False)
    assert seen() == ""


def test_a_log_at_the_bar_has_no_lines_and_a_log_elsewhere_has(clock, tmp_path):
    log = logging.getLogger("mxgan")
    log.setLevel(logging.INFO)
    log.propagate = False
    with terminal_as("stderr") as seen:
        log.handlers = [logging.StreamHandler(sys.stderr)]
        work(clock, 20, 1.0)
        assert "ETA" not in seen()
        log.handlers = [logging.FileHandler(tmp_path / "log")]
        work(clock, 20, 1.0)
        log.handlers[0].close()
    text = (tmp_path / "log").read_text()
    assert text.splitlines()[0] == "classifier: step 5 of 20, ETA 00:15"
    assert "\r" not in text
    assert len(re.findall("classifier: 100%", seen())) >= 2


def test_units_by_name(capsys):
    with Progress(True, "measuring", 2, "metric", timed=False) as shown:
        shown.begin(1, "swd")
        shown.begin(2, "kernel")
    assert capsys.readouterr().err == "measuring: metric 1 of 2, swd\nmeasuring: metric 2 of 2, kernel\n"
    with terminal_as("stderr") as seen, Progress(None, "measuring", 2, "metric", timed=False) as shown:
        shown.begin(2, "kernel")
    assert "kernel" in seen()
