"""`ImageRows`: some of the images of an array, without a copy."""

from __future__ import annotations

import numpy as np

__all__ = ["ImageRows"]


class ImageRows:
    """Rows of an array of images, which are read from it when they are asked for."""

    def __init__(self, images: np.ndarray, rows: np.ndarray) -> None:
        self._images, self._rows = images, rows
        self.shape, self.dtype = (len(rows), *images.shape[1:]), images.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, places) -> np.ndarray:
        return self._images[self._rows[places]]
