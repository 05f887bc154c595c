"""Small programs in place of a training, and the machinery of mxgan launch on them.

python -m tests.stand_ins launch RANKS RESTARTS RUN WHAT [WORDS]...   as mxgan launch does; RUN may be -
python -m tests.stand_ins rank WHAT [WORDS]...                        one rank

STAND_IN_PATIENCE in the environment is job.PATIENCE, in seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from mxgan.runs.launching.options import RESTARTED, Options
from mxgan.runtime.signals import FORWARDED

__all__: list = []

RANK = int(os.environ.get("PMIX_RANK", 0))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def both(code: str) -> None:
    """End with this code."""
    sys.exit(int(code))


def second_kills_itself(name: str) -> None:
    """Rank 1 is killed; the others sleep."""
    say("begins")
    if RANK == 1:
        os.kill(os.getpid(), signal.Signals[name])
    time.sleep(60)


def second_ends(code: str) -> None:
    if RANK == 1:
        sys.exit(int(code))
    time.sleep(60)


def stopped() -> None:
    """As a training whose rank, and not its launcher, has got a signal."""
    say("Stopped by SIGTERM after step 9, and saved. Continue with:")
    time.sleep(0.5)
    sys.exit(143)


def second_ends_never() -> None:
    """No rank handles a signal."""
    say("begins")
    time.sleep(60)


def error(text: str) -> None:
    """Every rank tells the same error."""
    warn(f"Error: {text}")
    sys.exit(1)


def aborts(code: str) -> None:
    """Rank 1 calls MPI_Abort."""
    from mpi4py import MPI

    MPI.COMM_WORLD.Barrier()
    if MPI.COMM_WORLD.rank == 1:
        MPI.COMM_WORLD.Abort(int(code))
    time.sleep(60)


def lines(count: str) -> None:
    """Rank 0 writes many lines, both write what is no text."""
    for number in range(int(count) if RANK == 0 else 0):
        sys.stdout.write(f"line {number}\n")
    sys.stdout.flush()
    os.write(1, f"rank {RANK}: ".encode() + b"\xff\xfe\x00 \r|\n")
    os.write(2, b"-" * 74 + b"\na table of a rank\n" + b"-" * 74 + b"\nlast \xff")
    say(f"stdin: {sys.stdin.read()!r}")


def training(seconds: str) -> None:
    """As a training does: it ends after a step on a signal, with its exit code."""
    told = []
    for number in FORWARDED:
        signal.signal(number, lambda number, frame: told.append(FORWARDED[number]))
    say(f"pid {os.getpid()}")
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until and not told:
        time.sleep(0.05)
    if told:
        warn("Ending after this step, to save.")
        say(f"rank {RANK}: saved; stopped by {told[0].name}")
        time.sleep(0.5)  # the first rank that ends with an error ends the others
        sys.exit(128 + told[0])


def deaf(seconds: str, run: str = "") -> None:
    """No signal but SIGKILL ends it; with a run folder it is a training that is busy for so long."""
    for number in (*FORWARDED, *FORWARDED.values()):
        signal.signal(number, signal.SIG_IGN)
    say(f"run folder: {run}; from step 0 to 9" if run else f"pid {os.getpid()}")
    time.sleep(float(seconds))
    say("saved")


def floods() -> None:
    """Writes without end, and no signal but SIGKILL ends it."""
    for number in (*FORWARDED, *FORWARDED.values()):
        signal.signal(number, signal.SIG_IGN)
    while True:
        say("line " * 100)


def refused() -> None:
    """As a training before it has told its run folder."""
    say("flags: " + " ".join(sys.argv[3:]))
    error("RUN exists and is not empty")


def fails_until(times: str, saving: str) -> None:
    """Rank 0 saves a checkpoint of each start, if it is to; rank 1 fails at the first starts."""
    run = Path(sys.argv[-1])

    def starts(rank: int) -> int:
        path = run / f"starts-{rank}"
        return len(path.read_text().splitlines()) if path.exists() else 0

    if RANK == 0:
        step = len(list(run.glob("checkpoints/*"))) if saving == "saves" else 0
        (run / "checkpoints" / f"{step:06d}").mkdir(parents=True, exist_ok=True)
        (run / "config.json").touch()
        say(f"run folder: {run}; from step {step} to 9")
    with (run / f"starts-{RANK}").open("a") as stream:
        stream.write(" ".join([*sys.argv[5:-1], os.environ.get(RESTARTED, "first")]) + "\n")
    while RANK == 1 and starts(0) < starts(1):
        time.sleep(0.01)  # rank 0 saves first
    if RANK == 1 and starts(1) <= int(times):
        os.kill(os.getpid(), signal.SIGKILL)


def launch(ranks: str, restarts: str, run: str, *words: str) -> None:
    """The machinery of mxgan launch, on ranks of this program."""
    from mxgan.cli import launch as command
    from mxgan.cli.streams import leave
    from mxgan.runs.launching import job
    from mxgan.runs.launching.mpirun import find_mpirun, mpirun_command

    job.PATIENCE = float(os.environ.get("STAND_IN_PATIENCE", job.PATIENCE))
    run = None if run == "-" else run
    options = Options(int(ranks), [], restarts=int(restarts))
    program = [sys.executable, "-m", "tests.stand_ins", "rank", *words]

    def command_of(flags: list, environment: dict) -> list:
        return mpirun_command(find_mpirun(options), options, [*program, *flags, *([run] if run else [])], environment)

    leave(command._run(options, run, command_of, debug=False))


if __name__ == "__main__":
    if sys.argv[1] == "launch":
        launch(*sys.argv[2:])
    else:
        what, words = globals()[sys.argv[2]], sys.argv[3:]
        what(*words[: what.__code__.co_argcount])
