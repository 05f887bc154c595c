"""`python -m benchmarks.results.peer`: PyTorch's DCGAN example for a time, in several parts if need be.

Written after the published settings of examples/dcgan of PyTorch: 64×64, latents of 100 normal numbers, widths 64,
weights from N(0, 0.02) and BatchNorm's gammas from N(1, 0.02), Adam (2e-4, 0.5, 0.999), batches of 64, binary
cross-entropy of a sigmoid, D on real and on fake images and then G in each step, every image once in an epoch and the
last batch smaller. The images are resized and cut as there, but once and before the clock starts: its data loader
decodes them anew in each epoch. The clock runs as in budget.py: batches, steps, saving.
"""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import click
import numpy as np

from benchmarks.results.clocks import CLOCKS
from benchmarks.results.photographs import cropped
from benchmarks.theirs import adams, networks
from mxgan.runtime.files import write_whole

__all__ = ["STATISTICS", "Peer", "main", "sampled", "trained"]

SIZE, LATENTS, BATCH = 64, 100, 64
STATE, SAMPLES = "state.pt", "samples.npz"
SAVE_EVERY = 300.0  # seconds
STATISTICS = ("moving", "batch")  # of G's BatchNorm when it is sampled


class Peer:
    """The example's training on images (N, C, S, S) uint8, S a power of two.

    The seed, the step and the saved state decide every draw.

    Attributes
    ----------
    step, epoch : the number of steps done, and of whole epochs. seconds : their time.
    """

    def __init__(self, images: np.ndarray, seed: int = 0, width: int = 64) -> None:
        import torch

        self._torch, self._images, self._seed = torch, torch.from_numpy(images), seed
        torch.manual_seed(seed)
        self.generator, self.discriminator = networks(images.shape[1], width, images.shape[2])
        self.generator.apply(_initialised)
        self.discriminator.apply(_initialised)
        self._adams = adams((self.discriminator, self.generator), 2e-4, (0.5, 0.999), fused=False)
        self._loss, self._order = torch.nn.BCELoss(), None
        self.step = self.epoch = self._batch = 0
        self.seconds = 0.0

    @property
    def seen(self) -> int:
        """The number of real images so far."""
        return self.epoch * len(self._images) + self._batch * BATCH

    def train(
        self,
        seconds: float,
        save,
        most_steps: Optional[int] = None,
        save_every: float = SAVE_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Steps until they have taken `seconds` of `clock` in all, or are `most_steps`; `save(state)` at times."""
        since, saved = clock() - self.seconds, time.monotonic()
        while self.seconds < seconds and (most_steps is None or self.step < most_steps):
            self._train_step(self._next_batch())
            self.step += 1
            self.seconds = clock() - since
            if time.monotonic() - saved >= save_every:
                save(self.state())
                saved = time.monotonic()
        save(self.state())

    def _next_batch(self):
        torch = self._torch
        if self._order is None:
            drawn = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
            self._order = torch.randperm(len(self._images), generator=drawn)
        rows = self._order[self._batch * BATCH : (self._batch + 1) * BATCH]
        self._batch += 1
        if self._batch * BATCH >= len(self._images):
            self.epoch, self._batch, self._order = self.epoch + 1, 0, None
        return self._images[rows].float().div_(127.5).sub_(1)

    def _train_step(self, real) -> None:
        torch, (of_discriminator, of_generator) = self._torch, self._adams
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.discriminator.zero_grad()
        self._error(real, ones).backward()
        fake = self.generator(torch.randn(len(real), LATENTS, 1, 1))
        self._error(fake.detach(), zeros).backward()
        of_discriminator.step()
        self.generator.zero_grad()
        self._error(fake, ones).backward()
        of_generator.step()

    def _error(self, images, labels):
        return self._loss(self._torch.sigmoid(self.discriminator(images)), labels)

    def state(self) -> dict:
        """All that decides how it goes on."""
        parts = (self.generator, self.discriminator, *self._adams)
        return {
            "parts": [part.state_dict() for part in parts],
            "draws": self._torch.get_rng_state(),
            "counts": [self.step, self.epoch, self._batch],
            "seconds": self.seconds,
            "seed": self._seed,
        }

    def restore(self, state: dict) -> None:
        """Go on from a state of `state`."""
        for part, values in zip((self.generator, self.discriminator, *self._adams), state["parts"]):
            part.load_state_dict(values)
        self._torch.set_rng_state(state["draws"])
        self.step, self.epoch, self._batch = state["counts"]
        self.seconds, self._seed, self._order = state["seconds"], state["seed"], None


def _initialised(layer) -> None:
    """The example's weights_init."""
    from torch import nn

    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def sampled(generator, count: int, seed: int, statistics: str) -> np.ndarray:
    """`count` images (N, C, S, S) uint8 of a generator, in batches of 64; the generator itself stays as it is.

    `statistics` of BatchNorm: "moving", as `eval()` has it, or "batch", as the example draws its own pictures.
    """
    import torch

    used, made = copy.deepcopy(generator).train(statistics == "batch"), []
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(-(-count // BATCH)):
            images = used(torch.randn(BATCH, LATENTS, 1, 1, generator=drawn))
            made.append(images.add(1).mul(127.5).round().clamp(0, 255).byte().numpy())
    return np.concatenate(made)[:count]


def trained(
    images: np.ndarray,
    folder: Path,
    seconds: float,
    samples: int,
    seed: int = 0,
    width: int = 64,
    clock: Callable[[], float] = time.monotonic,
) -> dict:
    """Train, or go on with, the peer in `folder` until its steps have taken `seconds`; then draw samples.npz.

    Returns
    -------
    {"seconds", "steps", "images", "finished"}, also written to FOLDER.time.json.
    """
    import torch

    peer, saved = Peer(images, seed, width), folder / STATE
    folder.mkdir(parents=True, exist_ok=True)
    if saved.exists():
        peer.restore(torch.load(saved, weights_only=True))
    if peer.seconds < seconds:
        peer.train(seconds, lambda state: write_whole(saved, _bytes_of(state)), clock=clock)
    drawn = {kind: sampled(peer.generator, samples, seed, kind) for kind in STATISTICS}
    packed = io.BytesIO()
    np.savez(packed, **drawn)
    write_whole(folder / SAMPLES, packed.getvalue())
    found = {"seconds": peer.seconds, "steps": peer.step, "images": peer.seen, "finished": True}
    write_whole(folder.with_name(f"{folder.name}.time.json"), json.dumps(found) + "\n")
    return found


def _bytes_of(state: dict) -> bytes:
    import torch

    packed = io.BytesIO()
    torch.save(state, packed)
    return packed.getvalue()


@click.command(help=__doc__)
@click.option("--archive", type=click.Path(path_type=Path), help="Zip archive of the photographs.")
@click.option("--images", type=click.Path(path_type=Path), help="Or a .npy file of images, (N, C, S, S) uint8.")
@click.option("--run-dir", required=True, type=click.Path(path_type=Path), help="Folder of its state and samples.")
@click.option("--seconds", required=True, type=click.FloatRange(0, min_open=True), help="The time of all its steps.")
@click.option("--samples", default=10_000, type=click.IntRange(1), show_default=True)
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
@click.option("--width", default=64, type=click.IntRange(1), show_default=True, help="ngf and ndf.")
@click.option("--clock", type=click.Choice([*CLOCKS]), default="wall", show_default=True, help="Whose time.")
def main(archive, images, run_dir: Path, seconds: float, samples: int, seed: int, width: int, clock: str) -> None:
    """Train the peer and draw its samples."""
    if (archive is None) == (images is None):
        raise click.UsageError("give the images by --archive or by --images, one of them.")
    arrays = cropped(archive, SIZE) if images is None else np.load(images)
    click.echo(json.dumps(trained(arrays, run_dir, seconds, samples, seed, width, CLOCKS[clock]())))


if __name__ == "__main__":
    main()
