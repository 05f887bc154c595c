"""The command `mxgan run`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.streams import warn
from mxgan.cli.terminal import readable_errors
from mxgan.errors import exit_code_after

__all__ = ["run"]


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--python2", is_flag=True, help="Translate SCRIPT and its own modules from Python 2, in memory.")
@click.option("--show", is_flag=True, help="With --python2: print what is translated.")
@click.option("--gpu", "keep_gpu", is_flag=True, help="Keep mx.gpu() as it is; else it is the CPU if there is no GPU.")
@click.option("--data-dir", type=click.Path(), help="Folder of MNIST's files; else found, or downloaded once.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="End after N updates of the first Module.")
@click.option("--run-dir", type=click.Path(), help="A new folder for a log and the pictures.")
@click.option("--cwd", type=click.Path(), metavar="DIR", help="The folder to run in; else the program's own.")
@click.option("--debug", is_flag=True, help="Show tracebacks of mxgan itself.")
def run(
    script: str,
    arguments: tuple,
    python2: bool,
    show: bool,
    keep_gpu: bool,
    data_dir: Optional[str],
    steps: Optional[int],
    run_dir: Optional[str],
    cwd: Optional[str],
    debug: bool,
) -> None:
    """Run an old MXNet program as it is.

    SCRIPT runs in its own folder, with ARGUMENTS as its command line. Flags of mxgan come before SCRIPT. MXNet imports
    on today's NumPy, mx.gpu() is the CPU if there is no GPU, MNIST is served where its old sources are gone, and
    windows become PNG files where there is no display. Each change is listed at the end.
    """
    with readable_errors(debug, heeded=()):  # the program and its workers have the signals as they are
        from mxgan.legacy import Settings, run_script

        settings = Settings(
            Path(script),
            arguments,
            keep_gpu,
            data_dir and str(Path(data_dir).absolute()),
            python2,
            show,
            steps,
            run_dir and Path(run_dir),
            cwd and Path(cwd),
        )
        try:
            code = run_script(settings, warn)
        except KeyboardInterrupt:
            warn("mxgan run: interrupted before the program began.")
            code = exit_code_after(signal.SIGINT)
    sys.exit(code)
