import numpy as np
import pytest

from mxgan.data import labelled_subset
from mxgan.data.digits import open_digits
from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError

LABELS = np.repeat([2, 0, 1], [5, 4, 6])
IMAGES = np.random.default_rng(0).integers(0, 256, (15, 8, 8)).astype(np.uint8)


def make(labels=LABELS, **settings):
    return ImageArrayIter(IMAGES, labels, **{"batch_size": 4, "image_size": 16, "channels": 1, **settings})


def rows(subset, images=IMAGES):
    """The position of each image of a subset among all images."""
    return [int(np.flatnonzero((images == image).all(axis=(1, 2)))[0]) for image in subset.images]


def test_so_many_of_each_class_each_once_and_with_its_label():
    subset = labelled_subset(make(), 3, seed=1)
    chosen = rows(subset)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 9
    assert np.array_equal(subset.labels, LABELS[chosen])
    assert np.bincount(subset.labels).tolist() == [3, 3, 3]


def test_the_choice_is_a_function_of_the_seed():
    data = make()
    first = rows(labelled_subset(data, 2, seed=1))
    data.next()
    assert rows(labelled_subset(data, 2, seed=1, batch_size=7)) == first
    assert data.position == (0, 1)
    choices = {tuple(rows(labelled_subset(data, 2, seed=seed))) for seed in range(40)}
    assert len(choices) > 20
    assert {row for choice in choices for row in choice} == set(range(15)), "every image may be chosen"


def test_everything_else_is_as_in_the_data():
    data = make(seed=5, name="mine", class_names=["a", "b", "c"])
    subset = labelled_subset(data, 2, seed=1)
    assert subset.provide_data == data.provide_data
    assert (subset.seed, subset.name, subset.class_names, subset.num_classes) == (5, "mine", ("a", "b", "c"), 3)
    assert subset.describe() == "mine: 6 images, given as 16x16 grey (2 of each of 3 classes)"
    assert labelled_subset(data, 2, seed=1, batch_size=3).next().data[0].shape == (3, 1, 16, 16)
    endless = labelled_subset(data, 2, seed=1, batch_size=9, sampling="replacement", epoch_batches=11)
    assert [batch.pad for batch in endless] == [0] * 11
    assert labelled_subset(make(sampling="replacement", epoch_batches=3), 2, seed=1).batches_per_epoch == 3


def test_a_batch_may_be_larger_than_the_subset():
    subset = labelled_subset(make(batch_size=8, last_batch="discard"), 1, seed=1)
    batch = subset.next()
    assert batch.pad == 5
    assert np.array_equal(batch.index[:3], batch.index[3:6])


def test_what_is_copied_is_not_the_caller_s():
    images = IMAGES.copy()
    subset = labelled_subset(ImageArrayIter(images, LABELS, batch_size=4), 2, seed=1)
    images[:] = 0
    assert subset.images.any()


def test_a_hundred_labels_of_the_real_digits():
    subset = labelled_subset(open_digits(batch_size=50, split="train"), 10, seed=0)
    assert np.bincount(subset.labels).tolist() == [10] * 10
    assert subset.batches_per_epoch == 2


@pytest.mark.parametrize(
    "data, per_class, message",
    [
        (make(), 5, "per_class is 5, but images has only 4 images of class 0; give at most that"),
        (make(class_names=["a", "b", "c", "d"]), 1, r"images has only 0 images of class 3 \('d'\)"),
        (make(), 0, "per_class is 0; give a whole number from 1"),
        (make(labels=None), 1, r"images has no class labels \(whole numbers from 0\); give a data set that has"),
        (make(labels=LABELS + 0.5), 1, "images has no class labels"),
    ],
)
def test_what_cannot_be_chosen(data, per_class, message):
    with pytest.raises(ArgumentError, match=message):
        labelled_subset(data, per_class, seed=0)
