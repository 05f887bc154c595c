"""`python -m benchmarks.serve`: what `mxgan serve` with viewers costs the training that they look at.

A training runs in its own process. `mxgan serve` beside it shows its folder to viewers that ask as the live page does.
Turns with and without the server alternate; what differs is only whether the server and the viewers run (SIGSTOP).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.machine import LOAD_ALLOWED, busy_cpus

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.01  # of the training's speed


@contextlib.contextmanager
def process(*arguments: str, **settings) -> Iterator[subprocess.Popen]:
    """`mxgan` as a process, killed at the end of the block."""
    environment = {**os.environ, "MXGAN_REPORT": "0"}
    started = subprocess.Popen([sys.executable, "-m", "mxgan", *arguments], cwd=ROOT, env=environment, **settings)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGCONT)
        started.kill()
        started.wait()
        if started.stdout:
            started.stdout.close()


class Viewer(threading.Thread):
    """One open page: it asks with its ETag, and waits as long as the server says."""

    def __init__(self, port: int, run: str) -> None:
        super().__init__(daemon=True)
        self.port, self.path, self.paused, self.answers = port, f"/api/run/{run}", threading.Event(), {}

    def run(self) -> None:
        etag = ""
        while True:
            if self.paused.is_set():
                time.sleep(0.2)
                continue
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
                connection.request("GET", self.path, headers={"If-None-Match": etag})
                found = connection.getresponse()
                found.read()
            etag = found.getheader("ETag") or ""
            self.answers[found.status] = self.answers.get(found.status, 0) + 1
            time.sleep(float(found.getheader("X-Ask-Again") or 2))


def steps_per_second(history: Path, seconds: float) -> float:
    """Steps of the training in a second, between two lines of its history."""
    first, began = _wait_for_line(history)
    time.sleep(seconds)
    last, ended = _wait_for_line(history)
    return (last - first) / (ended - began)


def _wait_for_line(history: Path) -> tuple:
    """(step, time) of the next line that is written."""
    size = history.stat().st_size
    while history.stat().st_size == size:
        time.sleep(0.001)
    now = time.monotonic()
    return json.loads(history.read_bytes().rstrip().rpartition(b"\n")[2])["step"], now


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=9, show_default=True, help="Turns with and turns without.")
@click.option("--seconds", type=float, default=20.0, show_default=True, help="Length of a turn.")
@click.option("--viewers", type=click.IntRange(1), default=20, show_default=True)
@click.option("--busy", is_flag=True, help="Measure although something else is running.")
def main(rounds: int, seconds: float, viewers: int, busy: bool) -> None:
    """Print the ratio of a training's speed with `mxgan serve` and viewers to its speed without them."""
    if busy_cpus() > LOAD_ALLOWED and not busy:
        raise click.ClickException("other programs are running. Wait, or give --busy.")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        sizes = ("--ngf", "32", "--ndf", "32", "--image-size", "32", "--nc", "1", "--sample-every", "200")
        training = ("train", "--run-dir", str(run), "--steps", "1000000", "--display", "none", *sizes)
        serving = ("serve", folder, "--port", "0")
        with (
            process(*training, stdout=subprocess.DEVNULL),
            process(*serving, stdout=subprocess.PIPE, text=True) as server,
        ):
            port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
            while not (run / "history.jsonl").is_file():
                time.sleep(0.1)
            pages = [Viewer(port, "run") for _ in range(viewers)]
            for page in pages:
                page.start()
            _report(_turns(run / "history.jsonl", server, pages, rounds, seconds), pages, server.pid)


def _turns(history: Path, server: subprocess.Popen, pages: list, rounds: int, seconds: float) -> list:
    """[(steps per second with, without)] of the rounds; the first round is not counted."""
    found = []
    for number in range(rounds + 1):
        pair = []
        for serves in (True, False) if number % 2 else (False, True):
            server.send_signal(signal.SIGCONT if serves else signal.SIGSTOP)
            for page in pages:
                (page.paused.clear if serves else page.paused.set)()
            time.sleep(1)
            pair.append((serves, steps_per_second(history, seconds)))
        found.append(tuple(speed for _, speed in sorted(pair, reverse=True)))
        click.echo(f"round {number}: with {found[-1][0]:.2f}, without {found[-1][1]:.2f} steps/s", err=True)
    server.send_signal(signal.SIGCONT)
    return found[1:]


def _report(found: list, pages: list, pid: int) -> None:
    ratios = [own / other for own, other in found]
    low, middle, high = statistics.quantiles(ratios, n=4)
    answers: dict = {}
    for page in pages:
        for status, count in page.answers.items():
            answers[status] = answers.get(status, 0) + count
    spent = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) / os.sysconf(
        "SC_CLK_TCK"
    )
    click.echo(
        f"{len(pages)} viewers, {answers} answers, {spent:.1f} s of the server's processor time in all\n"
        f"speed with / without: {middle:.4f} (quartiles {low:.4f} to {high:.4f}); goal: at least {1 - GOAL:.2f}"
    )


if __name__ == "__main__":
    main()
