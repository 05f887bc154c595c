"""The fault test: trainings of two and three ranks, each with one fault, end in 30 s, say why, and carry on.

::

    python -m tests.faults [--faults 60] [--seed 0] [--steps 80] [--through mpirun|launch|both] [--only KIND]

Faults are drawn from the seed: a rank is killed (at its start, in training, in a save), stopped, raises an exception,
has NaN, keeps Python's lock; rank 0 has a full disk; a rank has other data, other code, another setting (seed,
--sync-batch-norm, --batch-size); the launcher gets SIGINT or SIGTERM; and a rank that is slow for some seconds, which
is no fault. After each the job must end within 30 s, with the exit code of this fault (one that `mxgan launch` starts
again has none), with one line that says which rank and why; no process may be left; `mxgan launch` must have saved on a
signal. The newest checkpoint must be whole, and the run, started again, must end in the bits of an undisturbed run of
as many ranks. Ends with 1 where one did not.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, Optional

import click

from mxgan.errors import MXGANError
from mxgan.training.checkpoint import read_state
from tests.fault_kinds import REFUSED, ROUND, TO_LAUNCHER, Fault, codes_of, draw_faults, judged, stopped_at
from tests.rank_jobs import RankJob, alike, fill, room, unlike, without_banners
from tests.tiny_run import PATIENCE, ROOT, checkpoint_faults, contents, differences, tiny_flags

LIMIT = 30.0  # seconds from a fault to the end of the job
EVERY = {"log_every": 5, "sample_every": 40, "checkpoint_every": 5, "keep": 3, "batch_size": 12}
SAVE_SECONDS = 0.01  # of the network here, about
WAITS_AT_END = "it waits for the other ranks to end"
BEGIN = "20"  # seconds for which a rank may wait for one that is stopped before it has begun
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
INSIDE = {"raise": "raise", "nan": "nan", "hold": "hold", "slow": "sleep", "disk": "disk"}  # kind → that of rank_fault/


class Outcome(NamedTuple):
    """What came of one: seconds to the job's end, problems, lines said besides, and whether bits were compared."""

    fault: Fault
    seconds: Optional[float]
    problems: list
    besides: list
    is_compared: bool


class Missed(Exception):
    """The training ended before the moment of its fault."""


class Faults:
    """Trainings with a fault each, against undisturbed ones of as many ranks; all in `folder`."""

    def __init__(self, folder: Path, steps: int) -> None:
        self._folder, self._steps = folder, steps
        self._flags = tiny_flags(steps, **EVERY)
        self._whole: dict = {}  # number of ranks → (contents, seconds to the first step, from there to the end)

    def run(self, number: int, fault: Fault) -> Outcome:
        """Begin a training, have the fault, look at what is left, and let the run go on to its end."""
        if fault.kind not in REFUSED:
            self._undisturbed(fault.ranks)
        for again in range(6):
            place = self._folder / f"{number:02d}-{again}"
            place.mkdir(parents=True)
            try:
                with room(place, fault.kind == "disk") as (there, is_small):
                    when = "step" if fault.kind == "disk" and not is_small else fault.when
                    return self._outcome(there, fault._replace(when=when, fraction=fault.fraction / 2**again))
            except Missed:
                continue
        return Outcome(fault, None, ["each training ended before the fault"], [], False)

    def _undisturbed(self, ranks: int) -> tuple:
        if ranks not in self._whole:
            folder, began = self._folder / f"undisturbed-{ranks}" / "run", time.time()
            folder.parent.mkdir(parents=True)
            job = RankJob(folder, alike(ranks, self._flags))
            job.wait_until(job.trains)
            first = time.time()
            if job.finish() != 0:
                raise RuntimeError(f"the undisturbed run failed: {job.output()} {job.errors()}")
            self._whole[ranks] = contents(folder), first - began, time.time() - first
        return self._whole[ranks]

    def _outcome(self, place: Path, fault: Fault) -> Outcome:
        folder, marker = place / "run", place / "marker"
        groups = unlike(place, fault.kind, self._flags) if fault.kind in REFUSED else alike(fault.ranks, self._flags)
        job = RankJob(folder, groups, 1 if fault.by_launch else None, **self._variables(fault, marker))
        try:
            struck = self._strike(job, fault, marker)
            if fault.kind == "slow":
                problems = self._end(job, fault.ranks)
                return Outcome(fault, None, problems, without_banners(job.errors()), True)
            seconds, problems = self._ended(job, fault, struck)
        finally:
            job.kill()
        told, besides = judged(job.errors(), fault)
        outcome = Outcome(fault, seconds, problems + told, besides, False)
        return self._refused(job, outcome) if fault.kind in REFUSED else self._continued(job, outcome)

    def _variables(self, fault: Fault, marker: Path) -> dict:
        """The environment that has the fault happen inside a rank, or that makes it one in time."""
        if fault.when == "startup":
            return {"MXGAN_RANK_BEGIN": BEGIN}
        if fault.when != "step":
            return {}
        told = {"kind": INSIDE[fault.kind], "rank": fault.rank, "step": int(fault.fraction * (self._steps - 1))}
        text = json.dumps({**told, "seconds": fault.seconds, "marker": str(marker)})
        return {"MXGAN_TEST_FAULT": text, "PYTHONPATH": f"{ROOT / 'tests' / 'rank_fault'}:{ROOT}"}

    def _strike(self, job: RankJob, fault: Fault, marker: Path) -> tuple:
        """Wait for the moment and have the fault; (its time, the processes that must end)."""
        if fault.when == "start":
            now = time.time()
            self._await_ranks(job, fault)
            return now, _ending(job, fault)
        if fault.when == "step":
            _need(job.wait_until(marker.exists))
            return marker.stat().st_mtime, _ending(job, fault)
        self._await(job, fault)
        processes, now = _ending(job, fault), time.time()
        if fault.kind == "disk":
            fill(job.folder.parent / "filler", job, now + LIMIT)
        else:
            chosen = job.process.pid if fault.kind in TO_LAUNCHER else job.ranks().get(fault.rank)
            _need(chosen is not None and job.process.poll() is None)
            os.kill(chosen, SIGNALS[fault.kind])
        return now, processes

    def _await(self, job: RankJob, fault: Fault) -> None:
        """Wait for the moment of a fault from outside."""
        _, startup, training = self._undisturbed(fault.ranks)
        self._await_ranks(job, fault)
        if fault.when == "startup":
            _need(job.sleep(fault.fraction * startup))
            return
        _need(job.wait_until(job.trains) and job.sleep(fault.fraction * training * 0.7))
        _need(fault.when != "save" or (job.wait_until(job.saves) and job.sleep(fault.fraction * SAVE_SECONDS)))

    def _await_ranks(self, job: RankJob, fault: Fault) -> None:
        def begun() -> bool:
            return len(job.ranks()) == fault.ranks

        _need(job.wait_until(begun))

    def _ended(self, job: RankJob, fault: Fault, struck: tuple) -> tuple:
        """(seconds from the fault to the end of the job's processes or None, problems)."""
        moment, processes = struck
        ended = job.gone_after(processes, moment + LIMIT)
        if ended is None:
            return None, [f"{len(processes & job.members())} of {len(processes)} processes are there after {LIMIT:g} s"]
        _need(fault.kind != "stop" or WAITS_AT_END not in job.errors())  # said when all ranks have trained to the end
        if fault.restarts:
            return ended - moment, self._end(job, fault.ranks)
        code, left = job.process.wait(PATIENCE), job.members()
        if fault.kind == "disk" and code == 0:  # full only after the last save, if the run is whole
            _need(bool(self._end(job, fault.ranks)))
        problems = [f"its exit code is {code}, and not of {codes_of(fault)}"] * (code not in codes_of(fault))
        problems += [f"{len(left)} other processes are left"] * bool(left)
        return ended - moment, problems + (_unsaved(job, fault) if fault.kind in TO_LAUNCHER else [])

    def _refused(self, job: RankJob, outcome: Outcome) -> Outcome:
        begun = job.trains() or job.folder.exists()
        return outcome._replace(problems=outcome.problems + ["it was not refused before the first step"] * begun)

    def _continued(self, job: RankJob, outcome: Outcome) -> Outcome:
        """Look at what is left; then start the run again, unless it was, until its end."""
        fault, problems, folder = outcome.fault, outcome.problems + broken(job.folder), job.folder
        (folder.parent / "filler").unlink(missing_ok=True)
        if not fault.restarts:
            again = RankJob(folder, alike(fault.ranks, self._flags))
            try:
                problems += self._end(again, fault.ranks)
            finally:
                again.kill()
        return outcome._replace(problems=problems, is_compared=True)

    def _end(self, job: RankJob, ranks: int) -> list:
        """Problems of a job that must end well, in the bits of the undisturbed run."""
        if job.finish() != 0:
            return [f"it ended with {job.process.returncode}: {job.output()[-300:]} {job.errors()[-2000:]}"]
        found, whole = contents(job.folder), self._undisturbed(ranks)[0]
        # A training that ends early after a signal leaves pictures of its last step.
        unequal = [name for name in differences(found, whole) if name in whole or not name.endswith(".png")]
        return [f"{name} is not that of the undisturbed run" for name in unequal]


def _need(happened: bool) -> None:
    if not happened:
        raise Missed


def _ending(job: RankJob, fault: Fault) -> set:
    """The processes of the job that must end: all of them, or all but the launcher that starts it again."""
    return job.members() - ({job.process.pid} if fault.restarts else set())


def _unsaved(job: RankJob, fault: Fault) -> list:
    """What is wrong with the save of a training whose launcher got a signal; mpirun itself ends its ranks unsaved."""
    step, (newest, _) = stopped_at(job.output(), fault), checkpoint_faults(job.folder)
    if not fault.by_launch or (step is not None and step == newest):
        return []
    return [f"it saved after step {step} by its own words, and its newest checkpoint is of step {newest}"]


def broken(folder: Path) -> list:
    """What is wrong with the checkpoints of a run: by their sums, and by mxgan's own reading of the newest."""
    newest, faults = checkpoint_faults(folder)
    if newest is not None:
        try:
            read_state(folder / "checkpoints" / f"{newest:06d}")
        except MXGANError as error:
            faults.append(str(error))
    return faults


@click.command(help=__doc__.partition("\n")[0])
@click.option("--faults", type=click.IntRange(1), default=60, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides kinds, ranks and moments.")
@click.option("--steps", type=click.IntRange(40), default=80, show_default=True, help="Length of each run.")
@click.option("--through", type=click.Choice(["mpirun", "launch", "both"]), default="both", show_default=True)
@click.option("--only", type=click.Choice(sorted({kind for kind, _ in ROUND})), help="Faults of this kind alone.")
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for the runs, which stay.")
def main(faults: int, seed: int, steps: int, through: str, only: Optional[str], keep: Optional[Path]) -> None:
    began, outcomes = time.monotonic(), []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs would ignore, if a shell has begun this by &
    with tempfile.TemporaryDirectory() as scratch:
        test = Faults(keep or Path(scratch), steps)
        for number, fault in enumerate(draw_faults(faults, seed, through, only), 1):
            outcomes.append(test.run(number, fault))
            show(number, outcomes[-1])
    show_table(outcomes)
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    click.echo(f"{len(outcomes)} faults, {failed} failed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


def show(number: int, outcome: Outcome) -> None:
    """One line of a fault, and its problems."""
    seconds = "" if outcome.seconds is None else f": the job ended after {outcome.seconds:.1f} s"
    same = "; the same bits" if outcome.is_compared and not outcome.problems else ""
    click.echo(f"{number:3d} {outcome.fault}{seconds}{same}")
    for line in outcome.besides:
        click.echo(f"      said besides: {line}")
    for problem in outcome.problems:
        click.echo(f"      PROBLEM: {problem}")


def show_table(outcomes: Sequence[Outcome]) -> None:
    """Faults, seconds, restarts and failures by kind."""
    click.echo(f"{'kind':10} {'faults':>6} {'seconds: median':>15} {'longest':>7} {'the same bits':>13} {'failed':>6}")
    for kind in dict.fromkeys(kind for kind, _ in ROUND):
        found = [outcome for outcome in outcomes if outcome.fault.kind == kind]
        seconds = [outcome.seconds for outcome in found if outcome.seconds is not None]
        times = f"{median(seconds):15.1f} {max(seconds):7.1f}" if seconds else f"{'–':>15} {'–':>7}"
        same = sum(outcome.is_compared and not outcome.problems for outcome in found)
        if found:
            click.echo(f"{kind:10} {len(found):6d} {times} {same:13d} {sum(bool(o.problems) for o in found):6d}")


if __name__ == "__main__":
    main()
