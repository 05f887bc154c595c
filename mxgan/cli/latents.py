"""Commands that move in the latent space: `mxgan interpolate`, `walk`, `project`; and `mxgan film` of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

import click
import numpy as np

from mxgan.cli.flags import background_option, overwrite_option
from mxgan.cli.sample import debug_option, generator_options, opened, psi_option, seed_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import ArgumentError, lookup

__all__ = ["film", "interpolate", "project", "walk"]

SHEET = ".png"
FRAMES = {SHEET: 8, "film": 30}  # of a leg
GAP_OF_SHEETS = 12  # black rows between the sheets of two directions

_count = click.IntRange(1, 10_000)
num_option = click.option("--num", type=_count, default=16, show_default=True, help="Images side by side.")
frames_option = click.option("--frames", type=_count, help="Of each leg; without it, 30, or 8 columns of a .png.")
fps_option = click.option("--fps", type=float, default=20.0, show_default=True, help="Frames a second of a film.")


def _output_option(default: str, what: str):
    return click.option("--output", type=click.Path(), default=default, show_default=True, help=what)


@click.command()
@click.argument("source", type=click.Path())
@click.option("--seeds", metavar="N,N,...", help="Of the latents, as of `mxgan sample --seed`.  [default: 0,1,2]")
@click.option("--class", "classes", metavar="A,B", help="For a conditional generator: the classes to go through, by "
              "number or name; one stays. Without it, image i has the class i mod K.")  # fmt: skip
@click.option("--loop/--no-loop", default=True, show_default=True, help="Whether the path ends where it began.")
@num_option
@frames_option
@fps_option
@psi_option
@generator_options
@_output_option("interpolation.gif", "FILE.gif, .webp or .mp4: a film; FILE.png: a row for each image.")
@overwrite_option
@debug_option
def interpolate(
    source: str,
    seeds: Optional[str],
    classes: Optional[str],
    loop: bool,
    num: int,
    frames: Optional[int],
    fps: float,
    psi: float,
    output: str,
    overwrite: bool,
    debug: bool,
    **of_generator,
) -> None:
    """Draw the images on a path from latent to latent, and from class to class.

    SOURCE is a run folder or a .params file. Image i goes from image i of `mxgan sample --seed` of the first seed to
    that of the second, and so on, and back. Normal latents move on a sphere, uniform ones straight.
    """
    with readable_errors(debug):
        from mxgan.pictures.latents.drawing import frames_of
        from mxgan.pictures.latents.parts import mixing
        from mxgan.pictures.latents.paths import class_mixtures, interpolation
        from mxgan.runtime.draws import check_psi, truncated

        show_log(err=True)
        target = _target(output, overwrite, fps)
        check_psi(psi)
        numbers = [0, 1, 2] if seeds is None else _seeds(seeds)
        sampler = opened(source, **of_generator)
        chosen = _classes(sampler, classes)
        keys = max(len(numbers), len(chosen))
        if keys < 2:
            raise ArgumentError(f"--seeds {seeds}: give at least two seeds, or two classes, as --seeds 1,2.")
        steps = frames or FRAMES[SHEET if target.suffix == SHEET else "film"]
        ends = np.stack([truncated(sampler.latents(num, seed), psi) for seed in np.resize(numbers, keys)])  # (K, N, …)
        paths = [interpolation(ends[:, i], steps, loop, sampler.distribution) for i in range(num)]
        mixtures = class_mixtures(np.resize(chosen, keys), sampler.classes, steps, loop) if chosen else None
        of_each = None if chosen else sampler.classes_of(num)
        drawn = frames_of(
            mixing(sampler) if chosen else sampler,
            np.stack(paths, axis=1),
            of_each,
            mixtures,  # (F, N, …)
        )
        _write(target, drawn, len(paths[0]), fps)


@click.command()
@click.argument("source", type=click.Path())
@click.option("--directions", "count", type=_count, default=4, show_default=True, help="Number of directions.")
@click.option("--amount", type=float, default=3.0, show_default=True, help="How far to go, to both sides; 1 is a "
              "standard deviation of a normal latent.")  # fmt: skip
@click.option("--num", type=_count, default=6, show_default=True, help="Number of latents, the rows of a sheet.")
@click.option("--class", "classes", metavar="A", help="For a conditional generator: the class, by number or name. "
              "Without it, image i has the class i mod K.")  # fmt: skip
@click.option("--frames", type=_count, help="Of a film, 60 without it; of a .png: columns, 9 without it.")
@fps_option
@seed_option
@psi_option
@generator_options
@_output_option("walk.png", "FILE.png: a sheet for each direction; FILE.gif, .webp or .mp4: a column for each.")
@overwrite_option
@debug_option
def walk(
    source: str,
    count: int,
    amount: float,
    num: int,
    classes: Optional[str],
    frames: Optional[int],
    fps: float,
    seed: int,
    psi: float,
    output: str,
    overwrite: bool,
    debug: bool,
    **of_generator,
) -> None:
    """Draw images along the directions that the generator's first layer answers to most (SeFa).

    SOURCE is a run folder or a .params file. Each row begins from one latent, which stands in the middle column.
    """
    with readable_errors(debug):
        from mxgan.pictures.latents.directions import along, directions, first_matrix
        from mxgan.pictures.latents.drawing import frames_of
        from mxgan.pictures.latents.paths import swings
        from mxgan.runtime.draws import check_psi, truncated

        show_log(err=True)
        target = _target(output, overwrite, fps)
        check_psi(psi)
        if not 0 < amount < math.inf:
            raise ArgumentError(f"--amount {amount}: give a number above 0.")
        sampler = opened(source, **of_generator)
        chosen = _classes(sampler, classes, most=1)
        found = directions(first_matrix(sampler), count)
        latents, of_each = truncated(sampler.latents(num, seed), psi), sampler.classes_of(num, *chosen)
        if target.suffix == SHEET:
            amounts = np.linspace(-amount, amount, frames or 9)
            moved = np.stack([along(latents, each, amounts) for each in found])  # (K, N, A, …)
            repeated = None if of_each is None else np.repeat(of_each, len(amounts))
            drawn = frames_of(sampler, moved.reshape(count, -1, *sampler.latent_shape), repeated)
            _write_sheets(target, drawn, count, len(amounts))
            return
        amounts = swings(amount, frames or 60)
        moved = np.stack([along(latents, each, amounts) for each in found], axis=1)  # (N, K, A, …)
        repeated = None if of_each is None else np.repeat(of_each, count)
        by_frame = np.moveaxis(moved, 2, 0).reshape(len(amounts), -1, *sampler.latent_shape)
        _write(target, frames_of(sampler, by_frame, repeated), len(amounts), fps, columns=count)


@click.command()
@click.argument("source", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--by", type=click.Choice(["pixels", "features"]), default="pixels", show_default=True,
              help="What is compared: the pixels, or what D sees before its last layer.")  # fmt: skip
@click.option("--class", "classes", metavar="A,...", help="For a conditional generator: the class of every image, or "
              "one for each, by number or name.")  # fmt: skip
@click.option("--steps", type=_count, default=200, show_default=True, help="Steps of the search from each start.")
@click.option("--starts", type=click.IntRange(1, 1000), default=4, show_default=True, help="Starts of the search.")
@background_option
@seed_option
@generator_options
@_output_option("projection.png", "FILE.png: each image with its projection at its right.")
@click.option("--latents", "kept", type=click.Path(), metavar="FILE",
              help="Also write the latents: FILE.npy, or FILE.npz with errors and baseline.")  # fmt: skip
@overwrite_option
@debug_option
def project(
    source: str,
    images: tuple,
    by: str,
    classes: Optional[str],
    steps: int,
    starts: int,
    background: Optional[str],
    seed: int,
    output: str,
    kept: Optional[str],
    overwrite: bool,
    debug: bool,
    **of_generator,
) -> None:
    """Find the latents from which the generator makes the IMAGES, or what is nearest to them.

    SOURCE is a run folder or a .params file. The error of an image is the mean squared difference of its pixels, from
    -1 to 1. Beside it stands that of the nearest of 1,000 random latents.
    """
    with readable_errors(debug):
        from mxgan.cli.projections import check_latents, opened_images, report_projection, write_latents, write_pairs
        from mxgan.pictures.latents.projection import Search
        from mxgan.pictures.latents.projection import project as projected

        show_log(err=True)
        target = _target(output, overwrite, endings=(SHEET,))
        check_latents(kept, overwrite)
        sampler = opened(source, batch_size=min(64, len(images) * starts), **of_generator)
        features = None
        if by == "features":
            from mxgan.runs.discriminator import features_of_run

            features = features_of_run(source, of_generator["checkpoint"])
        labels = _labels(sampler, classes, len(images))
        given = opened_images(images, source, sampler, background)
        found = projected(sampler, given, labels, features, Search(starts=starts, steps=steps, seed=seed))
        write_pairs(target, given, found)
        write_latents(kept, found)
        report_projection(images, found, target)


@click.command()
@click.argument("run", type=click.Path())
@click.option("--picture", metavar="NAME", default="gout", show_default=True, help="Which pictures of RUN/samples.")
@click.option("--fps", type=float, default=8.0, show_default=True, help="Frames a second.")
@_output_option("training.mp4", "FILE.mp4, .gif or .webp.")
@overwrite_option
@debug_option
def film(run: str, picture: str, fps: float, output: str, overwrite: bool, debug: bool) -> None:
    """Make a film of a training: the pictures of RUN/samples in the order of steps, each with its step under it."""
    with readable_errors(debug):
        from mxgan.pictures.films import save_film
        from mxgan.pictures.training_film import film_of_training

        show_log(err=True)
        target = _target(output, overwrite, fps, endings=())
        count, frames = film_of_training(run, picture)
        save_film(target, frames, count, fps)
        say(f"{count} frames: {target}")


def _target(output: str, overwrite: bool, fps: float = 1.0, endings: tuple = (SHEET,)) -> Path:
    """The path of a film or picture, checked before any work is done."""
    from mxgan.cli.outputs import check_new_file
    from mxgan.pictures.films import check_film

    target = Path(output)
    if target.suffix not in endings:
        check_film(target, fps)
    check_new_file(target, overwrite)
    return target


def _seeds(text: str) -> list:
    """The seeds of --seeds; ArgumentError for anything but whole numbers."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) < 2**31 for part in parts):
        raise ArgumentError(f"--seeds {text!r}: give whole numbers from 0 to 2**31 - 1, as 1,2,3.")
    return [int(part) for part in parts]


def _classes(sampler, text: Optional[str], most: Optional[int] = None) -> list:
    """The classes of --class, by number or name; [] if it is not given."""
    if text is None:
        return []
    if not sampler.classes:
        raise ArgumentError(f"--class {text}: this generator is not conditional. Leave --class out.")
    numbers = {str(number): number for number in range(sampler.classes)}
    known = {**{name: number for number, name in enumerate(sampler.class_names)}, **numbers}
    found = [lookup("class", part.strip(), known) for part in text.split(",")]
    if most is not None and len(found) > most:
        raise ArgumentError(f"--class {text}: {len(found)} classes, and at most {most} fits here.")
    return found


def _labels(sampler, text: Optional[str], count: int) -> Optional[np.ndarray]:
    """(count,) classes of images, of a conditional generator."""
    found = _classes(sampler, text)
    if sampler.classes and len(found) not in (1, count):
        raise ArgumentError(
            f"this generator is conditional, and --class gives {len(found)} classes for {count} images; give one for "
            "all of them, or one for each."
        )
    return np.resize(found, count) if found else None


def _write(target: Path, frames: Iterable, count: int, fps: float, columns: Optional[int] = None) -> None:
    """Write frames of images (N, C, H, W) as a film, or as a sheet with a column for each frame."""
    from mxgan.pictures.films import save_film
    from mxgan.pictures.grid import image_grid, save_grid

    if target.suffix == SHEET:
        rows = np.stack(list(frames), axis=1)  # (N, F, C, H, W)
        save_grid(target, rows.reshape(-1, *rows.shape[2:]), count)
    else:
        save_film(target, (image_grid(images, columns) for images in frames), count, fps)
    say(f"{count} frames: {target}")


def _write_sheets(target: Path, sheets: Iterable, count: int, columns: int) -> None:
    """Write a sheet of images for each direction, below each other, each with its number."""
    from mxgan.pictures.films import captioned, stacked
    from mxgan.pictures.grid import image_grid, save_png

    named = [captioned(image_grid(images, columns), f"direction {i}") for i, images in enumerate(sheets, start=1)]
    save_png(target, stacked(named, GAP_OF_SHEETS))
    say(f"{count} directions: {target}")
