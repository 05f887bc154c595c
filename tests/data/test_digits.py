import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from mxgan.data.digits import load_digits, open_digits
from mxgan.errors import ArgumentError


def test_the_real_digits():
    images, labels = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.uint8
    assert images.min() == 0
    assert images.max() == 255
    assert np.unique(images).tolist() == np.rint(np.arange(17) * 255 / 16).astype(int).tolist()
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("origin", [sklearn.__file__, None, "/elsewhere/sklearn/__init__.py"])
def test_they_are_those_that_scikit_learn_gives(origin, monkeypatch):
    """Read from its file, or, where the file is elsewhere, by its function."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=origin))
    images, labels = load_digits()
    expected = sklearn.datasets.load_digits()
    np.testing.assert_array_equal(images, np.rint(expected.images * (255 / 16)))
    np.testing.assert_array_equal(labels, expected.target)


def test_as_an_iterator():
    digits = open_digits(batch_size=64, image_size=16, channels=1)
    assert digits.batches_per_epoch == 29
    assert digits.next().data[0].shape == (64, 1, 16, 16)
    assert digits.describe() == "digits: 1,797 images, given as 16x16 grey (scikit-learn, 8x8)"
    assert digits.fingerprint["name"] == "digits"
    assert digits.fingerprint["count"] == 1797


def test_takes_no_folder():
    with pytest.raises(
        ArgumentError, match="data_dir is '/there', but the data set 'digits' is embedded; leave it out"
    ):
        open_digits(data_dir="/there", batch_size=4)


def test_splits_are_parts_of_the_fixed_order():
    images, labels = load_digits()
    parts = [load_digits("train"), load_digits("test")]
    assert [len(part) for part, _ in parts] == [1437, 360]
    assert np.array_equal(np.concatenate([part for part, _ in parts]), images)
    assert np.array_equal(np.concatenate([part for _, part in parts]), labels)
    assert np.unique(parts[1][1]).tolist() == list(range(10))
    assert open_digits(batch_size=4).num_images == 1797
    test = open_digits(batch_size=64, split="test", shuffle=False)
    assert test.describe() == "digits: 360 images, given as 64x64 RGB (test, scikit-learn, 8x8)"
    assert sum(test.batch_size - batch.pad for batch in test) == 360
    with pytest.raises(ArgumentError, match="unknown split 'trian'; did you mean 'train'"):
        load_digits("trian")


def test_limit_and_classes():
    digits = open_digits(batch_size=4, limit=5, shuffle=False)
    assert (digits.num_images, digits.num_classes) == (5, 10)
    assert digits.next().label[0].asnumpy().tolist() == [0, 1, 2, 3]
