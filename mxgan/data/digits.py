"""The embedded data set: scikit-learn's handwritten digits, which need no file and no network."""

from __future__ import annotations

import numpy as np

from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError

__all__ = ["load_digits", "open_digits"]


def load_digits() -> tuple:
    """The 1,797 digits of Alpaydin and Kaynak's test set: images uint8 (1797, 8, 8), labels uint8 (1797,).

    The source counts 0 … 16 black pixels in blocks of 4x4; here 16 becomes 255.
    """
    from sklearn.datasets import load_digits as load  # a second of imports, so only where it is wanted

    source = load()
    return np.rint(source.images * (255 / 16)).astype(np.uint8), source.target.astype(np.uint8)


def open_digits(*, data_dir=None, progress=None, **settings) -> ImageArrayIter:
    """The digits as an iterator; `settings` are those of `ImageArrayIter`; there is no progress to show."""
    if data_dir is not None:
        raise ArgumentError(f"data_dir is {str(data_dir)!r}, but the data set 'digits' is embedded; leave it out.")
    images, labels = load_digits()
    return ImageArrayIter(images, labels, name="digits", origin="scikit-learn, 8x8", **settings)
