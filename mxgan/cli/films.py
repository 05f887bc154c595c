"""The command `mxgan film`, and what all commands that write films share."""

from __future__ import annotations

from pathlib import Path

import click

from mxgan.cli.flags import debug_option, overwrite_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import counted

__all__ = ["SHEET", "film", "film_target", "fps_option", "output_option", "say_written"]

SHEET = ".png"


def fps_option(default: float):
    """The flag --fps with its default."""
    return click.option("--fps", type=float, default=default, show_default=True, help="Frames a second of a film.")


def output_option(default: str, what: str):
    """The flag --output of one file."""
    return click.option("--output", type=click.Path(), default=default, show_default=True, help=what)


def film_target(output: str, overwrite: bool, fps: float, others: tuple = ()) -> Path:
    """The path of a film, or of a picture with one of the other endings, checked before any work is done."""
    from mxgan.cli.outputs import check_ending, check_new_file
    from mxgan.pictures.films import FILMS, check_film

    target = Path(output)
    check_ending("--output", output, (*FILMS, *others))
    if target.suffix in FILMS:
        check_film(target, fps)
    check_new_file(target, overwrite)
    return target


def say_written(count: int, noun: str, target: Path) -> None:
    """Print how many frames, or other parts, were written, and where."""
    say(f"{counted(count, noun)}: {target}")


@click.command()
@click.argument("run", type=click.Path())
@click.option("--picture", metavar="NAME", default="gout", show_default=True, help="Which pictures of RUN/samples.")
@fps_option(8.0)
@output_option("training.mp4", "FILE.mp4, .gif or .webp.")
@overwrite_option
@debug_option
def film(run: str, picture: str, fps: float, output: str, overwrite: bool, debug: bool) -> None:
    """Make a film of a training: the pictures of RUN/samples in the order of steps, each with its step under it."""
    with readable_errors(debug):
        from mxgan.pictures.films import save_film
        from mxgan.pictures.training_film import film_of_training

        show_log(err=True)
        target = film_target(output, overwrite, fps)
        count, frames = film_of_training(run, picture)
        save_film(target, frames, count, fps)
        say_written(count, "frame", target)
