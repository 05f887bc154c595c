"""What `mxgan project` reads and writes: images in, pairs, latents and errors out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from mxgan.cli.outputs import check_new_file
from mxgan.cli.streams import say
from mxgan.errors import ArgumentError

__all__ = ["check_latents", "opened_images", "report_projection", "write_latents", "write_pairs"]

PAIRS_IN_A_ROW = 4
LATENT_FILES = (".npy", ".npz")


def check_latents(kept: Optional[str], overwrite: bool) -> None:
    """Raise an error if the latents could not be written there; called before the search."""
    if kept is None:
        return
    if Path(kept).suffix not in LATENT_FILES:
        raise ArgumentError(f"--latents {kept}: give a name that ends in .npy or .npz.")
    check_new_file(Path(kept), overwrite)


def opened_images(paths: Sequence[str], source: str, sampler, background: Optional[str]) -> np.ndarray:
    """The images in files (N, C, H, W), of the size of the sampler's images, in [-1, 1].

    Without a `background`, transparent parts have that of the run, if `source` is a run.
    """
    from mxgan.data.background import parse_background
    from mxgan.data.single_images import read_image
    from mxgan.runs.config import recorded_config
    from mxgan.training.run_folder import RunFolder

    if background is None and Path(source).is_dir():
        background = recorded_config(RunFolder.open(source)).background
    colour = parse_background(background)
    shape = sampler.sample(sampler.latents(1, 0), sampler.classes_of(1)).shape[1:]
    return np.stack([read_image(Path(path), shape, colour) for path in paths])


def write_pairs(target: Path, images: np.ndarray, found) -> None:
    """Write a grid of pairs, each image with what the generator makes of its latent at its right."""
    from mxgan.pictures.grid import save_grid

    pairs = np.stack([images, found.images], axis=1)
    save_grid(target, pairs.reshape(-1, *images.shape[1:]), 2 * min(PAIRS_IN_A_ROW, len(images)))


def write_latents(kept: Optional[str], found) -> None:
    """Write the latents (N, *shape) as .npy, or as .npz with `errors` and `baseline`; nothing for None."""
    from mxgan.runtime.files import write_whole

    if kept is None:
        return
    content = io.BytesIO()
    if Path(kept).suffix == ".npy":
        np.save(content, found.latents)
    else:
        np.savez_compressed(content, latents=found.latents, errors=found.errors, baseline=found.baseline)
    write_whole(Path(kept), content.getvalue())


def report_projection(paths: Sequence[str], found, target: Path) -> None:
    """Print the error of each image, their mean, and where the pairs are."""
    for path, error, baseline in zip(paths, found.errors, found.baseline):
        say(f"{path}: error {error:.4f}; the nearest of the random latents {baseline:.4f}")
    if len(paths) > 1:
        say(f"mean: error {found.errors.mean():.4f}; the nearest of the random latents {found.baseline.mean():.4f}")
    say(f"{len(paths)} pairs, image and projection: {target}")
