"""The command `mxgan report`."""

from __future__ import annotations

from typing import Optional

import click

from mxgan.cli.flags import overwrite_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log

__all__ = ["report"]


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="By default RUN/report.html; for several runs report.html in the present folder.",
)
@click.option(
    "--no-nearest",
    is_flag=True,
    help="Do not look for the training images nearest to samples: faster, and the data are not needed.",
)
@overwrite_option
@click.option("--debug", is_flag=True, help="Show tracebacks.")  # fmt: skip
def report(runs: tuple, output: Optional[str], no_nearest: bool, overwrite: bool, debug: bool) -> None:
    """Write one page with curves, pictures, scores and settings of RUN, or one that compares several runs.

    The page is one HTML file that needs no internet. The report.html in a run's own folder is replaced.
    """
    show_log(err=True)
    with readable_errors(debug):
        from mxgan.cli.outputs import check_ending, check_file, make_folder
        from mxgan.runs.report import is_own_report, report_path, run_folders, write_report

        if output:
            check_ending("--output", output, (".html", ".htm"))
        folders = run_folders(runs)
        path = report_path(folders, output)
        if not is_own_report(path, folders):
            check_file(path, overwrite)
            make_folder(path.parent)
        written = write_report(folders, output, nearest=not no_nearest, overwrite=overwrite)
        say(f"written: {written}")
