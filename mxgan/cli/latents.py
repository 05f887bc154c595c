"""The commands `mxgan interpolate` and `mxgan walk`: ways through the latent space as films and sheets."""

from __future__ import annotations

import math
from collections.abc import Iterable

import click

from mxgan.cli.films import SHEET, film_target, fps_option, output_option, say_written
from mxgan.cli.flags import overwrite_option
from mxgan.cli.sample import classes_of, debug_option, generator_options, opened, psi_option, seed_option
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import ArgumentError

__all__ = ["interpolate", "walk"]

MOST = 10_000  # frames, images, directions
LEG_OF_FILM, LEG_OF_SHEET = 30, 8  # frames from latent to latent
SWING, COLUMNS = 60, 9  # frames of a walk, and columns of its sheet
GAP_OF_SHEETS = 12  # black rows between the sheets of two directions

_count = click.IntRange(1, MOST)


@click.command()
@click.argument("source", type=click.Path())
@click.option("--seeds", metavar="N,N,...", default="0,1,2", show_default=True,
              help="Of the latents, as of `mxgan sample --seed`.")  # fmt: skip
@click.option("--class", "classes", metavar="A,B", help="For a conditional generator: the classes to go through, by "
              "number or name; one stays. Without it, image i has the class i mod K.")  # fmt: skip
@click.option("--loop/--no-loop", default=True, show_default=True, help="Whether the path ends where it began.")
@click.option("--num", type=_count, default=16, show_default=True, help="Number of images side by side.")
@click.option("--frames", type=_count,
              help=f"Of each leg; without it, {LEG_OF_FILM}, or {LEG_OF_SHEET} columns of a .png.")  # fmt: skip
@fps_option(20.0)
@psi_option
@generator_options
@output_option("interpolation.gif", "FILE.gif, .webp or .mp4: a film; FILE.png: a row for each image.")
@overwrite_option
@debug_option
def interpolate(source: str, output: str, overwrite: bool, fps: float, debug: bool, **settings) -> None:
    """Draw the images on a path from latent to latent, and from class to class.

    SOURCE is a run folder, a folder of `mxgan export`, or a .params file. Image i goes from image i of `mxgan sample
    --seed` of the first seed to that of the second, and so on, and back. Normal latents move on a sphere, uniform ones
    straight.
    """
    with readable_errors(debug):
        show_log(err=True)
        target = film_target(output, overwrite, fps, (SHEET,))
        _interpolate(source, target, fps, **settings)


def _interpolate(source, target, fps: float, *, seeds, classes, loop, num, frames, psi, **of_generator) -> None:
    import numpy as np

    from mxgan.pictures.films import save_film
    from mxgan.pictures.grid import image_grid, save_grid
    from mxgan.pictures.latents.drawing import interpolated, together
    from mxgan.runtime.draws import check_psi, truncated

    numbers, psi = _seeds(seeds), check_psi(psi)
    sampler = opened(source, **of_generator)
    chosen = classes_of(sampler, classes)
    keys = max(len(numbers), len(chosen))
    if keys < 2:
        raise ArgumentError(f"--seeds {seeds}: give at least two seeds, or two classes, as --seeds 1,2.")
    ends = np.stack([truncated(sampler.latents(num, seed), psi) for seed in np.resize(numbers, keys)])  # (K, N, …)
    leg = frames or (LEG_OF_SHEET if target.suffix == SHEET else LEG_OF_FILM)
    found = interpolated(sampler, ends, np.resize(chosen, keys) if chosen else (), leg, loop)
    if target.suffix == SHEET:
        rows = np.swapaxes(together(found), 0, 1)  # (N, F, C, H, W)
        save_grid(target, rows.reshape(-1, *rows.shape[2:]), found.count)
    else:
        save_film(target, map(image_grid, found.images), found.count, fps)
    say_written(found.count, "frame", target)


@click.command()
@click.argument("source", type=click.Path())
@click.option("--directions", "count", type=_count, default=4, show_default=True, help="Number of directions.")
@click.option("--amount", type=float, default=3.0, show_default=True, help="How far to go, to both sides; 1 is a "
              "standard deviation of a normal latent.")  # fmt: skip
@click.option("--num", type=_count, default=6, show_default=True, help="Number of latents, the rows of a sheet.")
@click.option("--class", "classes", metavar="A", help="For a conditional generator: the class, by number or name. "
              "Without it, image i has the class i mod K.")  # fmt: skip
@click.option("--frames", type=click.IntRange(2, MOST),
              help=f"Of a film, {SWING} without it; of a .png: columns, {COLUMNS} without it.")  # fmt: skip
@fps_option(20.0)
@seed_option
@psi_option
@generator_options
@output_option("walk.png", "FILE.png: a sheet for each direction; FILE.gif, .webp or .mp4: a column for each.")
@overwrite_option
@debug_option
def walk(source: str, output: str, overwrite: bool, fps: float, debug: bool, **settings) -> None:
    """Draw images along the directions that the generator's first layer answers to most (SeFa).

    SOURCE is a run folder, a folder of `mxgan export`, or a .params file. Each row of a sheet goes through one latent,
    in its middle.
    """
    with readable_errors(debug):
        show_log(err=True)
        target = film_target(output, overwrite, fps, (SHEET,))
        _walk(source, target, fps, **settings)


def _walk(source, target, fps: float, *, count, amount, num, classes, frames, seed, psi, **of_generator) -> None:
    import numpy as np

    from mxgan.pictures.films import save_film
    from mxgan.pictures.grid import image_grid
    from mxgan.pictures.latents.drawing import together, walked_film, walked_sheets
    from mxgan.runtime.draws import check_psi, truncated

    check_psi(psi)
    if not 0 < amount < math.inf:
        raise ArgumentError(f"--amount {amount}: give a number above 0.")
    sampler = opened(source, **of_generator)
    chosen = classes_of(sampler, classes, most=1)
    latents, labels = truncated(sampler.latents(num, seed), psi), sampler.classes_of(num, *chosen)
    if target.suffix == SHEET:
        columns = frames or COLUMNS
        sheets = walked_sheets(sampler, latents, labels, count, np.linspace(-amount, amount, columns))
        _save_sheets(target, together(sheets), columns)
        say_written(count, "direction", target)
        return
    found = walked_film(sampler, latents, labels, count, amount, frames or SWING)
    save_film(target, (image_grid(images, count) for images in found.images), found.count, fps)
    say_written(found.count, "frame", target)


def _save_sheets(target, sheets: Iterable, columns: int) -> None:
    """Write the sheets of the directions below each other, each with its number."""
    from mxgan.pictures.films import captioned, stacked
    from mxgan.pictures.grid import image_grid, save_png

    named = [captioned(image_grid(images, columns), f"direction {i}") for i, images in enumerate(sheets, start=1)]
    save_png(target, stacked(named, GAP_OF_SHEETS))


def _seeds(text: str) -> list:
    """The seeds of --seeds; ArgumentError for anything but whole numbers."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 11 and int(part) < 2**31 for part in parts):
        raise ArgumentError(f"--seeds {text!r}: give whole numbers from 0 to 2**31 - 1, as 1,2,3.")
    return [int(part) for part in parts]
