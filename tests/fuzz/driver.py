"""Gives cases to a worker, replaces it when it dies or hangs, and counts what the cases ended in."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Tally", "numbered_cases", "run", "table"]

SECONDS = 20.0  # for one case
ROOT = Path(__file__).resolve().parents[2]


class Tally:
    """What the cases of one kind ended in."""

    def __init__(self) -> None:
        self.cases, self.loaded, self.refusals, self.faults = 0, 0, Counter(), []
        self.seconds, self.peak = 0.0, 0

    def count(self, case: int, answer: dict) -> None:
        self.cases += 1
        self.seconds += answer.get("seconds", 0.0)
        self.peak = max(self.peak, answer.get("peak", 0))
        if answer["outcome"] == "fault":
            self.faults.append((case, answer))
        elif answer["outcome"] == "refused":
            self.refusals[_shape_of(answer["message"])] += 1
        else:
            self.loaded += 1


def _shape_of(message: str) -> str:
    """A message without what differs from case to case."""
    short = re.sub(r"CASE\S*|'[^']*'|\"[^\"]*\"", "…", message.splitlines()[0])
    return re.sub(r"\d+(\.\d+)?", "N", short)[:100]


class Worker:
    """A process of worker.py over a folder of work."""

    def __init__(self, work: Path) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", str(work)],
            cwd=ROOT, env=_environment(work), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def ask(self, seconds: float, **job) -> dict:
        """The answer to one job; a death or a hang is a fault, after which this worker is of no use."""
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._died("before the case began")
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            self._process.send_signal(signal.SIGABRT)  # faulthandler says where it is
            self._process.wait(timeout=30)
            return self._died(f"more than {seconds:.0f} s")
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else self._died("")

    def _died(self, reason: str) -> dict:
        status = self._process.wait(timeout=30)
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        self._log.seek(0)
        trace = self._log.read().decode(errors="replace")[-6000:]
        return {"outcome": "fault", "message": reason or f"the process ended: {name}", "how": "", "trace": trace}

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _environment(work: Path) -> dict:
    """Caches, temporary files and one's home within the folder of work; one thread, one arena of malloc."""
    own = {name: str(work / name.lower()) for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "MPLCONFIGDIR")}
    for folder in own.values():
        Path(folder).mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name != "MXGAN_DATA"}
    threads = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **own, **threads, "PYTHONPATH": str(ROOT)}


def numbered_cases(cases: int, shares: dict) -> Iterator[tuple]:
    """(kind, number) of so many cases, each kind by its share and in its turn, at least one of each."""
    whole = sum(shares.values())
    for kind, share in shares.items():
        for number in range(max(1, round(cases * share / whole))):
            yield kind, number


@contextmanager
def good_folder(work: Path) -> Iterator[None]:
    """The good files, made by a process of their own, so that no worker has their memory."""
    (work / "good").mkdir(parents=True)
    maker = [sys.executable, "-m", "tests.fuzz.good_files", str(work / "good")]
    subprocess.run(maker, cwd=ROOT, env=_environment(work), check=True, stdout=subprocess.DEVNULL)
    yield


def run(cases, shares: dict, seed: int = 0, seconds: float = SECONDS, told=lambda kind, case, answer: None) -> dict:
    """{kind: Tally} of (kind, number) pairs, in a folder of work that is removed at the end.

    Each worker first reads the good files of every kind: a fault there is of this program or of the readers, and ends
    the run by RuntimeError.
    """
    tallies = {kind: Tally() for kind in shares}
    with tempfile.TemporaryDirectory(prefix="mxgan-fuzz-") as folder:
        work, worker = Path(folder), None
        with good_folder(work):
            for kind, case in cases:
                if worker is None:
                    worker = _warm(work, shares, seed)
                answer = worker.ask(seconds, kind=kind, case=case, seed=seed)
                tallies[kind].count(case, answer)
                told(kind, case, answer)
                if not worker.alive:
                    worker.close()
                    worker = None
            if worker:
                worker.close()
    return tallies


def _warm(work: Path, shares: dict, seed: int) -> Worker:
    worker = Worker(work)
    for kind in shares:
        answer = worker.ask(120.0, kind=kind, case=-1, seed=seed)
        if answer["outcome"] != "loaded":
            raise RuntimeError(f"the good files of {kind!r} are refused: {answer['message']}\n{answer['trace']}")
    return worker


def table(tallies: dict) -> str:
    """Kinds, cases, loaded, refused with the most frequent messages, faults; then each fault."""
    lines = [f"{'kind':<12}{'cases':>6}{'loaded':>8}{'refused':>9}{'faults':>8}{'seconds':>9}{'peak MB':>9}"]
    for kind, tally in tallies.items():
        refused, peak = sum(tally.refusals.values()), tally.peak / 2**20
        counts = f"{tally.cases:>6}{tally.loaded:>8}{refused:>9}{len(tally.faults):>8}"
        lines.append(f"{kind:<12}{counts}{tally.seconds:>9.1f}{peak:>9.0f}")
        lines += [f"{count:>18} × {message}" for message, count in tally.refusals.most_common(3)]
    for kind, tally in tallies.items():
        lines += [
            f"FAULT --kind {kind} --case {case}: {answer['message']:.200} ({answer['how']})"
            for case, answer in tally.faults
        ]
    return "\n".join(lines)
