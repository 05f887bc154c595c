import numpy as np
import pytest

from mxgan.data import ImageArrayIter
from mxgan.data.classes import MOST_CLASSES, classes_of
from mxgan.errors import ShapeError


@pytest.mark.parametrize(
    "labels, names, numbers",
    [
        (np.array([0, 2, 1, 2], np.uint8), (), [0, 2, 1, 2]),
        (np.array([26, 1, 9]), ("1", "9", "26"), [2, 0, 1]),
        (np.array([7, 7]), ("7",), [0, 0]),
        (np.array([0, 0]), (), [0, 0]),
        (np.array([3.0, 12.0, 3.0], np.float32), ("3", "12"), [0, 1, 0]),
        (np.array([True, False]), (), [1, 0]),
        (np.array([True, True]), ("1",), [0, 0]),
    ],
)
def test_the_labels_that_occur_in_increasing_order(labels, names, numbers):
    found = classes_of(labels)
    assert found.names == names
    assert found.numbers(labels).tolist() == numbers
    if not names:
        assert found.numbers(labels) is labels


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.array([0, -1]),
        np.array([0, 0.5]),
        np.array([0, np.nan]),
        np.array([0, np.inf]),
        np.array(["a", "b"]),
        np.arange(1, MOST_CLASSES + 2),
    ],
    ids=str,
)
def test_what_has_no_classes(labels):
    assert classes_of(labels) is None


def test_a_part_of_the_data_has_the_numbers_of_the_whole():
    whole = classes_of(np.array([5, 1, 3]))
    assert whole.numbers(np.array([5, 1])).tolist() == [2, 0]
    more = whole.and_those_of(classes_of(np.array([9, 3, 2])))
    assert more.names == ("1", "3", "5", "2", "9")
    assert more.numbers(np.array([9, 3, 2])).tolist() == [4, 1, 3]
    with pytest.raises(ShapeError, match="the label 4 is not one of the 3 classes given"):
        whole.numbers(np.array([1, 4]))
    data = ImageArrayIter(np.zeros((2, 8, 8), np.uint8), np.array([5, 1]), batch_size=2, shuffle=False, classes=whole)
    assert (data.num_classes, data.class_names, data.class_counts.tolist()) == (3, ("1", "3", "5"), [1, 0, 1])
    assert data.next().label[0].asnumpy().tolist() == [2, 0]
