"""`Drawing`: what samplers of every origin share, the draw of latents and classes."""

from __future__ import annotations

import logging
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError, listed
from mxgan.runtime.draws import draw_latents, truncated

__all__ = ["Drawing"]

logger = logging.getLogger(__name__)

ROUNDING = 1e-3  # that images may lie outside of [-1, 1]


class Drawing:
    """Images from seeds, by the `sample(latents, classes)` of a subclass.

    Attributes
    ----------
    latent_shape : shape of one latent; None if the generator takes none.
    image_shape : shape of one image, (C, H, W).
    classes, class_names : the number of classes and their names; 0 and () if the generator is not conditional.
    distribution : of the latents: "normal", or "uniform" on [-1, 1].
    ranged : whether the range of the images is known to be [-1, 1].
    """

    latent_shape: Optional[tuple]
    image_shape: tuple
    distribution: str
    classes = 0
    class_names: tuple = ()
    ranged = True

    def latents(self, count: int, seed: int, stream: str = "samples") -> np.ndarray:
        """(count, *latent_shape) of this sampler's distribution; seed and stream decide latent i, whatever `count` is.

        Raises ArgumentError for a generator that takes no latents.
        """
        if self.latent_shape is None:
            raise ArgumentError("this generator takes no latents; call sample(None, conditions={…}).")
        return draw_latents((count, *self.latent_shape), seed, 0, stream, self.distribution)

    def draw(self, num: int, seed: int = 0, only: Optional[int] = None, psi: float = 1.0) -> np.ndarray:
        """`num` images from latents of the sampler's distribution; the seed decides image i, whatever `num` is.

        A conditional generator draws image i of the class i mod K, or all images of the class `only`. `psi` below 1
        truncates the latents: see `truncated`. For a generator with conditions, call `sample`.
        """
        if num < 1:
            raise ArgumentError(f"the number of samples is {num}; give at least 1.")
        latents = truncated(self.latents(num, seed), psi)
        if only is not None and not 0 <= only < self.classes:
            known = f"0 to {self.classes - 1}" if self.classes else "none: this generator is not conditional"
            known += f", which are {listed(self.class_names)}" if self.class_names else ""
            raise ArgumentError(f"class {only} is not one of this generator's ({known}).")
        images = self.sample(latents, self.classes_of(num, only))
        if images.min() < -1 - ROUNDING or images.max() > 1 + ROUNDING:
            logger.warning(
                "The images reach from %.4g to %.4g; in pictures, what lies outside of -1 to 1 is cut off.",
                images.min(),
                images.max(),
            )
        elif not self.ranged and images.min() >= 0:
            logger.warning(
                "No value of the images is below 0: if the generator's images reach from 0 to 1, they are drawn too "
                "bright; black is -1 here. Convert them in Python, 2 * images - 1."
            )
        return images

    def classes_of(self, num: int, only: Optional[int] = None) -> Optional[np.ndarray]:
        """The classes (N,) of the images that `draw` returns; None if the generator is not conditional."""
        if not self.classes:
            return None
        return np.arange(num) % self.classes if only is None else np.full(num, only)

    def check_classes(self, classes: Optional[np.ndarray], count: int) -> None:
        """Raise ArgumentError if the classes are not (count,) whole numbers of this generator's."""
        if not self.classes:
            if classes is not None:
                raise ArgumentError("this generator takes no classes; leave them out.")
            return
        allowed = f"{count} whole numbers from 0 to {self.classes - 1}, one for each image"
        if classes is None:
            raise ArgumentError(f"this generator is conditional; give classes: {allowed}.")
        whole = np.issubdtype(classes.dtype, np.integer)
        if classes.shape != (count,) or not whole or classes.min() < 0 or classes.max() >= self.classes:
            raise ArgumentError(f"classes are {classes.dtype} {classes.shape} {classes.ravel()[:4]}…; give {allowed}.")
