"""Real images for the tests of metrics."""

from __future__ import annotations

import numpy as np
import pytest

import mxgan


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """300 grey digits (300, 1, 32, 32) in [-1, 1], in an order of chance."""
    data = mxgan.open_dataset("digits", batch_size=300, image_size=32, channels=1, seed=1)
    images = next(data).data[0].asnumpy()
    images.flags.writeable = False  # no metric writes to what it is given
    return images
