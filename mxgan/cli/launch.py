"""The command `mxgan launch`: a training by several processes, which share each batch over MPI."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import debug_option, training_options
from mxgan.cli.streams import drop_unread, leave, say, warn
from mxgan.cli.terminal import UNSAVED, readable_errors, stop_on_signals
from mxgan.cli.unknown_flags import TrainingCommand
from mxgan.errors import ArgumentError
from mxgan.runs.launching.options import Options

__all__ = ["launch"]


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- train [FLAGS]...")
@click.option("-n", "--ranks", type=click.IntRange(min=1), required=True, metavar="N", help="Number of processes.")
@click.option(
    "--hosts",
    type=click.Path(),
    metavar="FILE",
    help="Hosts, one a line: HOST slots=N, for N processes at "
    "most. Without slots a host takes as many as it has cores, the first host first.",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Start again, to continue the run, at most N times after a failure. Needs train --run-dir or --resume.",
)
@click.option(
    "--mpirun",
    type=click.Path(),
    metavar="PATH",
    help="Open MPI's mpirun; without it: the one beside this Python, or in PATH.",
)
@click.option(
    "--mpirun-option",
    "mpirun_options",
    multiple=True,
    metavar="TEXT",
    help='Further options of mpirun, such as "--map-by node"; may be repeated.',
)
@click.option("--dry-run", is_flag=True, help="Check everything, print the command of mpirun and stop.")
@debug_option
def launch(dry_run: bool, debug: bool, command: tuple, **given) -> None:
    """Train in N processes (ranks), which share each batch over MPI: mxgan launch -n 2 -- train --batch-size 64

    It is mpirun -n 2 mxgan train … with a check of all flags first, one line for a rank that fails, a training that
    saves and ends on Ctrl-C, and restarts. --batch-size is that of all ranks together.
    """  # fmt: skip
    with readable_errors(debug, lost="nothing has begun"):
        options = Options(flags=_flags_of(command), **given)
        code = _launch(options, dry_run, debug)
    leave(code)


def _flags_of(command: tuple) -> list:
    """The words after `train`; ArgumentError for another command."""
    if not command:
        raise ArgumentError("mxgan launch has no command. Write it after --: mxgan launch -n 2 -- train --steps 100.")
    if command[0] != "train":
        raise ArgumentError(
            f"mxgan launch starts train alone, and the command is {command[0]!r}: no other command shares its work "
            "among ranks. Start a program of your own by mpirun -n 2 python SCRIPT."
        )
    return list(command[1:])


def _launch(options: Options, dry_run: bool, debug: bool) -> int:
    from mxgan.runs.launching.hosts import check_hosts
    from mxgan.runs.launching.mpirun import environment_of_ranks, find_mpirun, further_words, mpirun_command, program
    from mxgan.training.parallel.shares import share_of
    from mxgan.training.run_folder import RunFolder

    mpirun = find_mpirun(options)
    further_words(options)  # an error now, and not after the check of the training
    if options.hosts:
        check_hosts(options.hosts, options.ranks)
    given = _parsed(options.flags)
    run = _run_of(given)
    if options.restarts and not (run or given["resume"]):
        raise ArgumentError(
            f"--restarts {options.restarts} needs the run that a restart continues. Give train a --run-dir DIR, or "
            "--resume."
        )
    configuration = _checked(options.flags)
    if given["dry_run"]:
        say(configuration.rstrip())
        return 0
    share_of(json.loads(configuration)["recipe"]["batch_size"], options.ranks)
    if given["run_dir"] and not given["resume"]:
        RunFolder.refuse_used(Path(given["run_dir"]))  # as train does; and no restart may continue what was there

    def command_of(flags: list, environment: dict) -> list:
        return mpirun_command(mpirun, options, [*program(), "train", *flags], environment)

    if dry_run:
        say(shlex.join(command_of(options.flags, environment_of_ranks(options))))
        return 0
    _warn_of_shared_cores(options)
    return _run(options, run, command_of, debug)


def _parsed(flags: list) -> dict:
    """The flags of the training by their names; click's error for a flag that is not one."""
    train = click.command("train", cls=TrainingCommand)(training_options(lambda **flags: None))
    with click.Context(click.Group("mxgan"), info_name="mxgan") as parent:
        given = train.make_context("train", list(flags), parent=parent).params
    if given["form"] and not given["dry_run"]:
        raise ArgumentError(f"--format {given['form']} is of train --dry-run. Give both, or neither.")
    return given


def _run_of(given: dict) -> Optional[str]:
    """The run folder that the flags name; None if the training chooses it."""
    return given["run_dir"] or (given["resume"] if given["resume"] != "auto" else None)


def _checked(flags: list) -> str:
    """What train --dry-run prints with these flags; if it refuses them, its error is shown and this process ends.

    It is a process of its own, since it loads MXNet, which this one then need not hold as long as the ranks run.
    """
    from mxgan.runs.launching.mpirun import program

    command = [*program(), "train", "--dry-run", *flags]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape")
    if done.returncode != 0:
        warn(done.stderr.rstrip())  # what else it has to say, the ranks will say
        leave(done.returncode if done.returncode > 0 else 128 - done.returncode)
    return done.stdout


def _warn_of_shared_cores(options: Options) -> None:
    from mxgan.runs.launching.mpirun import is_one_machine
    from mxgan.runtime.cpus import usable_cpus

    if is_one_machine(options) and options.ranks > usable_cpus():
        warn(f"{options.ranks} ranks share {usable_cpus()} CPUs: each waits for the others' turns.")


def _run(options: Options, run: Optional[str], command_of: Callable, debug: bool) -> int:
    """Run the job, with its restarts; `command_of` has the command for flags of the training and an environment."""
    from mxgan.runs.launching.job import Job
    from mxgan.runs.launching.mpirun import environment_of_ranks
    from mxgan.runs.launching.restarts import Launch

    out, err = sys.stdout.buffer, sys.stderr.buffer

    def job_of(flags: list, restarts: int) -> Job:
        environment = environment_of_ranks(options, restarts)
        return Job(command_of(flags, environment), environment, out, err, warn)

    launched = Launch(options, run, job_of, warn)
    with readable_errors(debug, heeded=(), lost=UNSAVED), stop_on_signals(launched):
        try:
            return launched.run()
        except KeyboardInterrupt:
            drop_unread()
            raise
