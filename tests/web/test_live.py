"""Many viewers of a training that goes on: all see it, and the server's work in a second stays bounded."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mxgan.web.site import Pace
from tests.browser import wait_for
from tests.web.serving import ROOT, Server, serving

VIEWERS, SECONDS = 20, 30.0
A_SECOND = 4.0  # questions that are answered in a second, see `Pace`
SHARE = 0.15  # of one CPU, for all viewers together: 2 % for reading, and the answers
TRAINING = (
    "--dataset digits --image-size 16 --nc 1 --ngf 4 --ndf 4 --batch-size 16 --steps 1000000 --display none "
    "--sample-every 500 --checkpoint-every 1000 --keep 2"
)


class Viewer(threading.Thread):
    """One open page: it asks with its ETag, and waits as long as the server says."""

    def __init__(self, server: Server, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.end, self.times, self.steps, self.statuses = server, end, [], [], set()

    def run(self) -> None:
        etag = None
        while not self.end.is_set():
            found = self.server.get("/api/run/live", if_none_match=etag)
            self.times.append(time.monotonic())
            self.statuses.add(found.status)
            if found.status == 200:
                self.steps.append(found.json["overview"]["step"])
            etag = found.headers.get("etag")
            self.end.wait(float(found.headers.get("x-ask-again", 2)))


def processor_seconds(pid: int) -> float:
    """What a process has used of processors, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
def test_twenty_viewers_of_a_live_training_are_served_and_the_work_is_bounded(tmp_path):
    run, end = tmp_path / "runs/live", threading.Event()
    command = [sys.executable, "-m", "mxgan", "train", "--run-dir", str(run), *TRAINING.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MXGAN_REPORT": "0"}
    training = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        assert wait_for((run / "history.jsonl").exists, 60)
        with serving(tmp_path / "runs", "--port", 0) as server:
            viewers = [Viewer(server, end) for _ in range(VIEWERS)]
            for each in viewers:
                each.start()
            time.sleep(2 * Pace.WINDOW)  # until the pace is found
            began, before = time.monotonic(), processor_seconds(server.process.pid)
            time.sleep(SECONDS)
            used, passed = processor_seconds(server.process.pid) - before, time.monotonic() - began
            end.set()
            for each in viewers:
                each.join(60)
            assert training.poll() is None, "the training must go on all the time"
    finally:
        end.set()
        training.kill()
        training.wait()
    assert all(each.statuses <= {200, 304} for each in viewers)
    assert all(len(set(each.steps)) >= 3 and each.steps == sorted(each.steps) for each in viewers)
    asked = sum(began <= moment < began + passed for each in viewers for moment in each.times)
    assert asked / passed <= 1.5 * A_SECOND
    assert used / passed <= SHARE
