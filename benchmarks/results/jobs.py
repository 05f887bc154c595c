"""The runs of a plan: their folders, their training in a process of its own, and the time of timed ones."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import click

from benchmarks.machine import LOAD_ALLOWED, busy_cpus, describe
from benchmarks.results.photographs import CHOSEN, few_folders
from benchmarks.results.plans import SUITES, Plan
from mxgan.errors import MXGANError
from mxgan.runs.launching.mpirun import find_mpirun, mpirun_command
from mxgan.runs.launching.options import Options
from mxgan.runtime.cpus import usable_cpus
from mxgan.runtime.files import write_whole

__all__ = ["Job", "Places", "check_ranks", "data_words", "few_of", "few_place", "jobs_of", "ran", "trained"]

ROOT = Path(__file__).resolve().parents[2]
# A timed run is saved every five minutes, and by the clock alone; two checkpoints of the newest are enough.
TIMED = "--checkpoint-every 5min --keep 2 --sample-every 1000 --log-every 100"


class Places(NamedTuple):
    """Where things are: the output folder; the folder of MNIST, None: as `mxgan train` finds it; the archive."""

    output: Path
    mnist: Optional[Path]
    photographs: Optional[Path]


_machine = functools.cache(describe)  # it begins a process of PyTorch


class Job(NamedTuple):
    """One run of a plan.

    Attributes
    ----------
    plan, seed : what is trained. length : in the plan's unit. folder : of the run.
    clock : the key in CLOCKS of its time. ranks : the number of its processes, each on a CPU of its own.
    """

    plan: Plan
    seed: int
    length: float
    folder: Path
    clock: str = "wall"
    ranks: int = 1

    @property
    def time_file(self) -> Path:
        """The file beside the folder that tells whether its training is finished, on which machine, and its time."""
        return self.folder.with_name(f"{self.folder.name}.time.json")


def jobs_of(
    plans: Sequence[Plan],
    places: Places,
    share: float = 1.0,
    seeds: Sequence[int] = (),
    minutes: Optional[float] = None,
    clock: str = "wall",
    ranks: int = 1,
) -> list:
    """The jobs of these plans: `share` of their length, with their own seeds unless some are given.

    `minutes` and `clock` are the time of the timed ones and whose it is; None: that of the plan. `ranks` is the number
    of processes of those that mxgan trains for a time of the wall's clock.

    Raises
    ------
    ClickException : several ranks and another clock, which is that of one process.
    """
    if ranks > 1 and clock != "wall":
        raise click.ClickException(f"--ranks {ranks} and --clock {clock}: give the wall's clock to several ranks.")
    found = []
    for plan in plans:
        length = share * (minutes if plan.is_timed and minutes is not None else plan.length)
        length = length if plan.is_timed else max(1, round(length))
        for seed in dict.fromkeys(seeds or plan.seeds):
            of_cpu = "-cpu" if plan.is_timed and clock == "cpu" else ""
            several = ranks if plan.is_timed and plan.recipe else 1  # the peer has its threads
            of_ranks = f"-{several}ranks" if several > 1 else ""
            folder = places.output / f"{plan.name}-{seed}-{length:g}{plan.unit}{of_cpu}{of_ranks}"
            found.append(Job(plan, seed, length, folder, clock if plan.is_timed else "wall", several))
    return found


def ran(arguments: Sequence, log: Path, threads: Optional[int] = None, module: str = "mxgan", ranks: int = 1) -> None:
    """Run `python -m MODULE …`, its output at the end of a log file; ClickException with the log's path if it fails.

    `threads` bounds the threads of MXNet; None: as it chooses. Several `ranks` are processes of one training.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
    words = [str(each) for each in arguments]
    command = [sys.executable, "-m", module, *words]
    if ranks > 1:
        # A CPU for each: ranks that move between two CPUs were a tenth slower.
        options = Options(ranks, [], mpirun_options=("--bind-to core:overload-allowed",))
        command = mpirun_command(find_mpirun(options), options, command, environment)
    with log.open("a") as stream:
        found = subprocess.run(command, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if found.returncode:
        raise click.ClickException(f"{module} {' '.join(words)} ended with {found.returncode}: see {log}")


def check_ranks(ranks: int) -> None:
    """Raise ClickException, before anything is trained, if several ranks are wanted and cannot be started."""
    try:
        if ranks > 1:
            find_mpirun(Options(ranks, []))
    except MXGANError as error:
        raise click.ClickException(str(error)) from error


def trained(job: Job, places: Places, threads: Optional[int] = None) -> dict:
    """Train a job to its end, or go on with it; the content of its time file: "finished", "machine", "seconds", …"""
    known = json.loads(job.time_file.read_text()) if job.time_file.exists() else {}
    if not known.get("finished"):
        if job.plan.is_timed:
            known = _trained_for_a_time(job, places, threads, known)
        else:
            _train_to_the_end(job, places, threads)
            known = {"finished": True}
        known = {**known, "machine": _machine()}
        write_whole(job.time_file, json.dumps(known) + "\n")
    return known


def _train_to_the_end(job: Job, places: Places, threads: Optional[int]) -> None:
    """`mxgan train … --resume auto`."""
    words = [*_words(job, places), f"--{job.plan.unit}", job.length]
    if job.plan.unit == "steps":
        words += ["--sample-every", max(1, job.length // 10)]
    ran(["train", *words, "--display", "none", "--run-dir", job.folder, "--resume", "auto"], _log(job), threads)


def _trained_for_a_time(job: Job, places: Places, threads: Optional[int], known: dict) -> dict:
    """The program of the budget or of the peer, by the wall's clock alone on the machine; both write the time file."""
    busy = max(busy_cpus(), known.get("busy_cpus", 0.0)) if job.clock == "wall" else None
    if busy is not None and busy > LOAD_ALLOWED:
        click.echo(f"{job.folder.name}: its time is a wall time, and others keep {busy:.2f} CPUs busy.", err=True)
    seconds = ["--run-dir", job.folder, "--seconds", 60 * job.length, "--clock", job.clock]
    if job.plan.recipe is None:
        words = ["--archive", places.photographs, *seconds, "--samples", job.plan.samples, "--seed", job.seed]
        ran([*words, *job.plan.flags.split()], _log(job), threads, "benchmarks.results.peer")
    else:
        words = [*seconds, "--", *_words(job, places), *TIMED.split()]
        ran(words, _log(job), threads, "benchmarks.results.budget", job.ranks)
    found = {**json.loads(job.time_file.read_text()), "threads": threads or usable_cpus(), "ranks": job.ranks}
    return found if busy is None else {**found, "busy_cpus": round(busy, 2)}


def _words(job: Job, places: Places) -> list:
    """The flags of `mxgan train` that say what is trained on what; the plan's own come last and win."""
    return ["--recipe", job.plan.recipe, *data_words(job, places), "--seed", job.seed, *job.plan.flags.split()]


def data_words(job: Job, places: Places) -> list:
    """The flags for the data; the folders of a few photographs are made, if they are missing."""
    if SUITES[job.plan.suite].data == "mnist":
        return ["--dataset", "mnist", *(["--data-dir", places.mnist] if places.mnist else [])]
    return ["--dataset", "folder", "--data-dir", few_of(job, places) / CHOSEN if job.plan.few else places.photographs]


def few_of(job: Job, places: Places) -> Path:
    """The folder with the chosen photographs of a job and the others of their class; made if it is missing."""
    few = job.plan.few
    return few_folders(places.photographs, few.title, few.count, job.seed, few_place(job, places))


def few_place(job: Job, places: Places) -> Path:
    """The path of `few_of`, of which nothing is read: a command on other suites has no archive."""
    return places.output / "photographs" / f"{job.plan.few.title}-{job.plan.few.count}-{job.seed}"


def _log(job: Job) -> Path:
    return job.folder.with_name(f"{job.folder.name}.log")
