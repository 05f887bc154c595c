"""The command `mxgan project`: images in; pairs, latents and errors out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.films import SHEET, output_option
from mxgan.cli.flags import background_option, debug_option, overwrite_option
from mxgan.cli.sample import classes_of, generator_options, opened, seed_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import ArgumentError, counted

__all__ = ["project"]

PAIRS_IN_A_ROW = 4
LATENT_FILES = (".npy", ".npz")


@click.command()
@click.argument("source", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--by", type=click.Choice(["pixels", "features"]), default="pixels", show_default=True,
              help="What is compared: the pixels, or what D sees before its last layer.")  # fmt: skip
@click.option("--class", "classes", metavar="A,...", help="For a conditional generator: the class of every image, or "
              "one for each, by number or name.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 100_000), default=200, show_default=True,
              help="Steps of the search from each start.")  # fmt: skip
@click.option("--starts", type=click.IntRange(1, 1000), default=4, show_default=True, help="Starts of the search.")
@background_option
@seed_option
@generator_options
@output_option("projection.png", "FILE.png: each image with its projection at its right.")
@click.option("--latents", "kept", type=click.Path(), metavar="FILE",
              help="Also write the latents: FILE.npy, or FILE.npz with errors and baseline.")  # fmt: skip
@overwrite_option
@debug_option
def project(
    source: str, images: tuple, output: str, kept: Optional[str], overwrite: bool, debug: bool, **settings
) -> None:
    """Find the latents from which the generator makes the IMAGES, or what is nearest to them.

    SOURCE is a run folder, a folder of `mxgan export`, or a .params file. The error of an image is the mean squared
    difference of its pixels, which reach from -1 to 1. Beside it stands that of the nearest of 1,000 random latents.
    """
    with readable_errors(debug):
        show_log(err=True)
        _check_outputs(output, kept, overwrite)
        given, found = _projected(source, images, **settings)
        _write_pairs(Path(output), given, found)
        if kept is not None:
            _write_latents(Path(kept), found)
        _report(images, found, output)


def _check_outputs(output: str, kept: Optional[str], overwrite: bool) -> None:
    """Raise an error if the results could not be written; called before the search."""
    from mxgan.cli.outputs import check_ending, check_new_file

    for name, given, endings in (("--output", output, (SHEET,)), ("--latents", kept, LATENT_FILES)):
        if given is not None:
            check_ending(name, given, endings)
            check_new_file(Path(given), overwrite)


def _projected(source: str, paths: tuple, *, by, classes, steps, starts, background, seed, **of_generator) -> tuple:
    """(the images (N, C, H, W), their Projection)."""
    from mxgan.pictures.latents.projection import Search
    from mxgan.pictures.latents.projection import project as projected

    sampler = opened(source, **of_generator)
    labels = _labels(sampler, classes, len(paths))
    images = _opened_images(paths, source, sampler, background)
    features = None
    if by == "features":
        from mxgan.runs.discriminator import features_of_run

        features = features_of_run(source, of_generator["checkpoint"])
    return images, projected(sampler, images, labels, features, Search(starts=starts, steps=steps, seed=seed))


def _labels(sampler, text: Optional[str], count: int) -> Optional[list]:
    """The `count` classes of images, of a conditional generator; None for others."""
    found = classes_of(sampler, text)
    if sampler.classes and len(found) not in (1, count):
        raise ArgumentError(
            f"this generator is conditional, and --class gives {len(found)} classes for {count} images. Give one for "
            "all of them, or one for each."
        )
    return (found * count)[:count] if found else None


def _opened_images(paths: Sequence[str], source: str, sampler, background: Optional[str]):
    """The images in files, an array (N, C, H, W), of the size of the sampler's images, in [-1, 1].

    Without a `background`, transparent parts have that of the run, if `source` is a run.
    """
    import numpy as np

    from mxgan.data.background import parse_background
    from mxgan.data.single_images import read_image
    from mxgan.runs.config import recorded_config
    from mxgan.training.run_folder import RunFolder

    if background is None and (Path(source) / "config.json").is_file():
        background = recorded_config(RunFolder.open(source)).background
    colour = parse_background(background)
    return np.stack([read_image(Path(path), sampler.image_shape, colour) for path in paths])


def _write_pairs(target: Path, images, found) -> None:
    """Write a grid of pairs, each image with what the generator makes of its latent at its right."""
    import numpy as np

    from mxgan.pictures.grid import save_grid

    pairs = np.stack([images, found.images], axis=1)
    save_grid(target, pairs.reshape(-1, *images.shape[1:]), 2 * min(PAIRS_IN_A_ROW, len(images)))


def _write_latents(target: Path, found) -> None:
    """Write the latents (N, *shape) as .npy, or as .npz with `errors` and `baseline`."""
    import numpy as np

    from mxgan.runtime.files import write_whole

    content = io.BytesIO()
    if target.suffix == ".npy":
        np.save(content, found.latents)
    else:
        np.savez_compressed(content, latents=found.latents, errors=found.errors, baseline=found.baseline)
    write_whole(target, content.getvalue())


def _report(paths: Sequence[str], found, output: str) -> None:
    """Print the error of each image, their mean, and where the pairs are."""
    rows = [(f"{path}: ", *row) for path, *row in zip(paths, found.errors, found.baseline)]
    if len(paths) > 1:
        rows.append(("mean: ", found.errors.mean(), found.baseline.mean()))
    for name, error, baseline in rows:
        say(f"{name}error {error:.4f}; the nearest of the random latents {baseline:.4f}")
    say(f"{counted(len(paths), 'pair')} of image and projection: {output}")
