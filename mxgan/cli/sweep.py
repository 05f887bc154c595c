"""The command `mxgan sweep`: many runs over lists of settings."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import debug_option
from mxgan.cli.own_files import check_ours
from mxgan.cli.runs import runs_table
from mxgan.cli.streams import say, warn
from mxgan.cli.terminal import readable_errors, show_log, stop_on_signals
from mxgan.errors import ArgumentError, OutputError, counted, exit_code_after
from mxgan.training.run_folder import is_run

__all__ = ["sweep"]

logger = logging.getLogger(__name__)
REPORT = "report.html"
REPORT_MARK = 'name="generator" content="mxgan '  # in every page; see pictures/report/templates/layout.html
UNSAVED = "what the runs have not saved is lost; the same command goes on with them"


@click.command()
@click.argument("file", type=click.Path())
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Runs at a time.")
@click.option("--run-dir", type=click.Path(), metavar="FOLDER", help="Folder of the runs; without it: runs/ and the "
              "file's name.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check everything, print the runs and stop.")
@debug_option
def sweep(file: str, jobs: int, run_dir: Optional[str], dry_run: bool, debug: bool) -> None:
    """Train a run for each combination of settings in FILE (.yaml, .toml or .json), and compare them at the end.

    FILE has `base`, settings as train --config takes them, `grid`, lists of values by setting, and `runs`, a list of
    settings. The same command continues what was interrupted, skips what is finished, and retries what has failed.
    """
    with readable_errors(debug, lost=UNSAVED):
        _sweep(file, jobs, run_dir, dry_run)


def _sweep(file: str, jobs: int, run_dir: Optional[str], dry_run: bool) -> None:
    from mxgan.runs.sweep import check_data, place_all, read_sweep
    from mxgan.runtime.files import FolderLock

    show_log()
    folder = Path(run_dir or Path("runs") / Path(file).stem)
    if is_run(folder):
        raise ArgumentError(f"{folder} is a run; give a --run-dir for a folder of runs.")
    variants = read_sweep(file)
    if dry_run:
        places = place_all(variants, folder)
        _check_files(places, folder)
        check_data(places)
        say("\n".join(f"{place.path}: {place.state}" for place in places))
        return
    _make(folder)
    lock = FolderLock(folder)
    try:
        places = place_all(variants, folder)
        _check_files(places, folder)
        check_data(places)
        failed, stopping = _train(places, jobs)
    finally:
        lock.release()
    if stopping:
        command = ["mxgan", "sweep", file, *(["--jobs", str(jobs)] if jobs > 1 else [])]
        logger.info("Stopped by %s. Continue with:", stopping)
        logger.info("  %s", shlex.join([*command, *(["--run-dir", run_dir] if run_dir else [])]))
        sys.exit(exit_code_after(signal.Signals.__members__.get(stopping, signal.SIGINT)))
    for name, reason in failed.items():
        warn(f"Failed: {name}: {reason}")
    _compare([place.path for place in places], folder)
    if failed:
        sys.exit(1)


def _settings_file(place) -> Path:
    return place.path.with_name(f"{place.name}.yaml")


def _check_files(places: Sequence, folder: Path) -> None:
    """Raise ArgumentError if a file that a sweep replaces is not one that mxgan has written."""
    from mxgan.runs.config_text import MARK

    check_ours(folder / REPORT, REPORT_MARK, "a report of mxgan")
    for place in places:
        if place.state != "finished":
            check_ours(_settings_file(place), MARK, "a file of settings by mxgan")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}. Give another --run-dir.") from error


def _train(places: Sequence, jobs: int) -> tuple:
    """Train what is not finished; ({name: why} of what failed, the signal that stopped it or None)."""
    from mxgan.runs.config_text import config_text
    from mxgan.runs.jobs import Job, Jobs
    from mxgan.runtime.files import write_whole

    left = [place for place in places if place.state != "finished"]
    done = len(places) - len(left)
    logger.info("%s, of which %d finished already", counted(len(places), "run"), done)
    queue = []
    for place in left:
        settings = _settings_file(place)
        write_whole(settings, config_text(place.variant.config))
        arguments = ["train", "--config", str(settings), "--run-dir", str(place.path), "--resume", "auto"]
        log = place.path.with_name(f"{place.name}.log")
        queue.append(Job(place.name, [*arguments, "--display", "none"], log, place.path))
    most = max(1, min(jobs, len(queue)))
    running = Jobs(queue, most, logger.info, _threads_of_each(most))
    with stop_on_signals(running):
        running.run()
    return running.failed, running.stopping


def _threads_of_each(jobs: int) -> dict:
    """The environment in which `jobs` processes share the CPUs; what the user has set stays."""
    from mxgan.runtime.cpus import threads

    found = threads()
    if jobs == 1:
        return {}
    if found.reason.endswith("is set"):
        logger.info("%d runs at a time, each with %s (%s)", jobs, counted(found.count, "thread"), found.reason)
        return {}
    share = max(1, found.count // jobs)
    words = (jobs, counted(share, "thread"), found.reason)
    logger.info("%d runs at a time, each with %s (OMP_NUM_THREADS; %s)", *words)
    return {"OMP_NUM_THREADS": str(share)}


def _compare(paths: Sequence[Path], folder: Path) -> None:
    """Print how each run ended, and write the report that compares them."""
    from mxgan.runs.final_report import sweep_report
    from mxgan.runs.overview import overview

    there = [path for path in paths if is_run(path)]
    if not there:
        return
    say(runs_table([overview(path) for path in there], folder).text())
    report = sweep_report(there, folder / REPORT)
    if report:
        logger.info("report: %s", report)
