"""How near a trained generator comes to real images: `mxgan project` on many images, as a table.

    python examples/held_out_digits.py RUN [--data-dir MNIST] [--num 100]

RUN is a run on MNIST. Projected are digits of the test set, which the run has not seen, digits of its training set, and
images of the generator itself. The error of an image is the mean squared difference of its pixels, from -1 to 1.
"""

from __future__ import annotations

import click
import numpy as np

import mxgan
from mxgan.pictures.grid import save_grid
from mxgan.pictures.latents.projection import Search, project
from mxgan.runs.discriminator import features_of_run

SHOWN = 10  # columns of the picture


def digits(split: str, data_dir, shape: tuple, count: int) -> np.ndarray:
    """The first images (count, C, H, W) of a split of MNIST, in the file's order."""
    channels, height, width = shape
    settings = {"batch_size": count, "image_size": (height, width), "channels": channels, "shuffle": False}
    return mxgan.open_dataset("mnist", split=split, data_dir=data_dir, **settings).next().data[0].asnumpy()


@click.command(help=__doc__)
@click.argument("run", type=click.Path())
@click.option("--data-dir", type=click.Path(), help="Folder of MNIST.")
@click.option("--num", default=100, show_default=True, help="Images of each kind.")
@click.option("--steps", default=Search().steps, show_default=True)
@click.option("--output", default="held_out.png", show_default=True)
def main(run: str, data_dir, num: int, steps: int, output: str) -> None:
    sampler, features = mxgan.load_sampler(run), features_of_run(run)
    own = sampler.draw(num, seed=1)
    shape = own.shape[1:]
    kinds = {
        "test digits": digits("test", data_dir, shape, num),
        "training digits": digits("train", data_dir, shape, num),
        "the generator's own": own,
    }
    click.echo(f"{'':20}{'nearest of 1,000':>18}{'by features':>14}{'by pixels':>12}")
    for name, images in kinds.items():
        by_features = project(sampler, images, features=features, search=Search(steps=steps))
        by_pixels = project(sampler, images, search=Search(steps=steps))
        errors = [by_pixels.baseline.mean(), by_features.errors.mean(), by_pixels.errors.mean()]
        click.echo(f"{name:20}{errors[0]:18.4f}{errors[1]:14.4f}{errors[2]:12.4f}")
        if images is kinds["test digits"]:
            rows = [images[:SHOWN], by_pixels.images[:SHOWN], by_features.images[:SHOWN]]
            save_grid(output, np.concatenate(rows), SHOWN)
    click.echo(f"test digits, by pixels and by features below: {output}")


if __name__ == "__main__":
    main()
