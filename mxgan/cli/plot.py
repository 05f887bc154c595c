"""The command `mxgan plot`: the curves of runs as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import debug_option, overwrite_option
from mxgan.cli.streams import say, warn
from mxgan.cli.terminal import readable_errors
from mxgan.errors import ArgumentError, RunFolderError

__all__ = ["plot"]


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@click.option("--output", "-o", type=click.Path(), default="losses.png", show_default=True,
              help="FILE.png, .svg or .pdf.")  # fmt: skip
@click.option("--charts", metavar="NAME,...", help="Only these, as losses,accuracy; without it: all that have values.")
@click.option("--smooth", type=click.IntRange(1, 100_000), default=1, show_default=True,
              help="Number of neighbouring values of which a curve is the mean.")  # fmt: skip
@overwrite_option
@debug_option
def plot(runs: tuple, output: str, charts: Optional[str], smooth: int, overwrite: bool, debug: bool) -> None:
    """Draw the curves of RUN's history and scores: losses, accuracy, D's outputs, speed and what else there is.

    Vertical lines mark a resume, a rollback, a diagnosis and a change of settings. Several runs are laid over each
    other.
    """
    with readable_errors(debug):
        from mxgan.cli.outputs import check_ending, check_new_file
        from mxgan.pictures.figures import FIGURES
        from mxgan.pictures.report.plots import charts_figure
        from mxgan.runs.view import run_view
        from mxgan.runtime.files import write_whole

        target = Path(output)
        check_ending("--output", output, FIGURES)
        check_new_file(target, overwrite)
        names = None if charts is None else [name.strip() for name in charts.split(",")]
        if names is not None and not all(names):
            raise ArgumentError(f"--charts {charts!r}: give names of charts with commas between, as losses,accuracy.")
        for run in runs:
            if not Path(run).is_dir():
                raise RunFolderError(f"{run} is not a folder; give the folder of a run, such as runs/NAME.")
        views = [run_view(run, pictures=False) for run in runs]
        for run, view in zip(runs, views):
            for problem in view["problems"]:
                warn(f"{run}: {problem}")
        write_whole(target, charts_figure(views, names, smooth, FIGURES[target.suffix]))
        say(f"written: {target}")
