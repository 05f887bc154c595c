"""A tiny training of several ranks as a job of its own, with all of its processes, and what it has said."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import numpy as np

from mxgan.runs.launching.job import PLACES
from tests.data.picture_files import chunk
from tests.processes import processes_with, ranks_with
from tests.ranks import mpirun
from tests.tiny_run import ROOT, Training, environment, half_written

__all__ = ["RankJob", "alike", "errors_in", "fill", "room", "unlike", "without_banners"]

TOKEN = "MXGAN_FAULT_JOB"  # in the environment of every process of a job
DASHES = "-" * 20
SMALL_DISK = "32m"
DIFFERENT = {  # flags of rank 0, and of rank 1
    "setting": (["--seed", "1"], ["--seed", "2"]),
    "norm": ([], ["--sync-batch-norm"]),
    "batch": ([], ["--batch-size", "24"]),
}


class RankJob(Training):
    """Ranks of `mxgan train --resume auto` on `folder`, by mpirun, or by `mxgan launch` with restarts.

    Parameters
    ----------
    groups : (number of ranks, their working folder, their flags) of the ranks in their order; mpirun alone takes
        several.
    restarts : of `mxgan launch`; None: by mpirun.
    variables : further environment variables.
    """

    def __init__(self, folder: Path, groups: Sequence[tuple], restarts: Optional[int] = None, **variables: str) -> None:
        self.folder, self.token = folder, secrets.token_hex(8)
        logs = folder.parents[1] if folder.parent.is_mount() else folder.parent  # not on a disk that is to be full
        self._log, self._errors = (logs / f"{self.token}.{kind}.txt" for kind in ("out", "err"))
        self._left_before = half_written(folder)
        common = {"MXGAN_REPORT": "0", "PYTHONUNBUFFERED": "1", TOKEN: self.token, **variables}
        if restarts is None:  # as mxgan launch has it: see own_place
            common[PLACES[1]] = str(logs / f"{self.token}.mpirun")
            Path(common[PLACES[1]]).mkdir()
        command = _by_mpirun(folder, groups) if restarts is None else _by_launch(folder, groups, restarts)
        with self._log.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(**common),
                cwd=groups[0][1],
                start_new_session=True,
            )

    def errors(self) -> str:
        """Its standard error so far."""
        return self._errors.read_text(errors="replace")

    def members(self) -> set:
        """The processes of this job that have not ended."""
        return processes_with(f"{TOKEN}={self.token}")

    def ranks(self) -> dict:
        """{rank: its process}, as far as they have begun."""
        return ranks_with(f"{TOKEN}={self.token}")

    def gone_after(self, processes: set, until: float) -> Optional[float]:
        """The time at which these processes have ended; None if one of them has not, at the time `until`."""
        while time.time() < until:
            if not processes & self.members():
                return time.time()
            time.sleep(0.05)
        return None

    def kill(self) -> None:
        """End whatever is left of it, at once."""
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.kill()
        self.process.wait()


def _training(folder: Path, flags: Sequence[str]) -> list:
    return ["train", *flags, "--run-dir", str(folder), "--resume", "auto"]


def _by_mpirun(folder: Path, groups: Sequence[tuple]) -> list:
    command = [mpirun(), "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    for number, (count, place, flags) in enumerate(groups):
        separator = [":"] if number else []
        program = [sys.executable, "-m", "mxgan", *_training(folder, flags)]
        command += [*separator, "-n", str(count), "--wdir", str(place), *program]
    return command


def _by_launch(folder: Path, groups: Sequence[tuple], restarts: int) -> list:
    [(count, _, flags)] = groups
    own = ["launch", "-n", str(count), "--restarts", str(restarts), "--"]
    return [sys.executable, "-m", "mxgan", *own, *_training(folder, flags)]


def without_banners(errors: str) -> list:
    """The lines of standard error that are no notice of Open MPI, which stand between lines of dashes."""
    found, inside = [], False
    for line in errors.splitlines():
        if line.startswith(DASHES):
            inside = not inside
        elif line.strip(" \0") and not inside:
            found.append(line.lstrip(" \0"))  # mpirun ends a notice with a zero
    return found


def errors_in(errors: str) -> list:
    """The lines of standard error that tell an error."""
    return [line for line in without_banners(errors) if line.startswith(("Error", "Traceback"))]


def alike(ranks: int, flags: Sequence[str]) -> list:
    """The groups of a `RankJob` whose ranks are alike."""
    return [(ranks, ROOT, flags)]


def unlike(folder: Path, what: str, flags: Sequence[str]) -> list:
    """The groups of a `RankJob` of two ranks that differ in "data", "code", or the flags of DIFFERENT."""
    if what in DIFFERENT:
        return [(1, ROOT, [*flags, *others]) for others in DIFFERENT[what]]
    places = [folder / name for name in "ab"]
    for number, place in enumerate(places):
        place.mkdir()
        if what == "data":
            write_pictures(place / "pictures", 24 + number)
            (place / "mxgan").symlink_to(ROOT / "mxgan")
        else:
            shutil.copytree(ROOT / "mxgan", place / "mxgan", ignore=shutil.ignore_patterns("__pycache__"))
    if what == "data":
        flags = [*flags, "--dataset", "folder", "--data-dir", "pictures"]
    else:
        with (places[1] / "mxgan" / "training" / "step.py").open("a", encoding="utf-8") as file:
            file.write("\n# another line\n")
    return [(1, place, flags) for place in places]


def write_pictures(folder: Path, seed: int, count: int = 24, size: int = 16) -> None:
    """So many PNG files of noise."""
    folder.mkdir()
    draw = np.random.default_rng(seed)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
    for number in range(count):
        rows = draw.integers(256, size=(size, 3 * size), dtype=np.uint8)
        pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
        (folder / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b""))


@contextmanager
def room(place: Path, is_small: bool) -> Iterator[tuple]:
    """(the folder for a run, whether it is a small disk of its own): that is mounted where this process may mount."""
    disk = place / "disk"
    mounted = False
    if is_small:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(disk)]
        mounted = shutil.which("mount") is not None and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield (disk, True) if mounted else (place, False)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(file: Path, job: RankJob, until: float) -> None:
    """Keep the disk of this file full, whatever a job deletes there, until the job has ended or it is so late."""
    size = 1 << 20
    with file.open("wb", buffering=0) as filler:
        while job.process.poll() is None and time.time() < until:
            try:
                filler.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size = 1 << 12
                time.sleep(0.001)
