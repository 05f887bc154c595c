import numpy as np
import pytest

from mxgan.data.images import ImageArrayIter, content_digest, to_unit_range
from mxgan.errors import ArgumentError, ShapeError
from mxgan.runtime import cv2, mx

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (10, 28, 28)).astype(np.uint8)
RGB = RNG.integers(0, 256, (10, 28, 28, 3)).astype(np.uint8)
LABELS = np.arange(10, dtype=np.uint8)


def make(images=GREY, labels=LABELS, **settings):
    return ImageArrayIter(images, labels, **{"batch_size": 4, "image_size": 32, "channels": 3, "seed": 1, **settings})


def test_is_a_data_iter_that_mxnet_accepts():
    images = make()
    assert isinstance(images, mx.io.DataIter)
    assert images.provide_data == [("data", (4, 3, 32, 32))]
    assert images.provide_label == [("softmax_label", (4,))]
    batches = list(images)
    assert len(batches) == images.batches_per_epoch == 3
    for batch in batches:
        assert batch.data[0].shape == (4, 3, 32, 32)
        assert batch.data[0].dtype == np.float32
    assert len(list(mx.io.ResizeIter(make(), 5))) == 5


def test_every_byte_has_the_original_s_value():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    expected = pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
    assert np.array_equal(to_unit_range(pixels), expected)
    assert expected.min() == -1
    assert expected.max() == 1


def test_pixels_are_resized_as_bytes_and_grey_is_repeated():
    batch = make().next()
    data = batch.data[0].asnumpy()
    for image, row in zip(data, batch.index):
        resized = cv2.resize(GREY[row], (32, 32)).astype(np.float32) / np.float32(127.5) - np.float32(1)
        assert np.array_equal(image, np.stack([resized] * 3))
    assert np.array_equal(batch.label[0].asnumpy(), LABELS[batch.index])


def test_rgb_keeps_its_order():
    red = np.zeros((4, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    data = make(red, None).next().data[0].asnumpy()
    assert (data[:, 0] == 1).all()
    assert (data[:, 1:] == -1).all()


def test_one_channel():
    grey = make(channels=1).next()
    assert grey.data[0].shape == (4, 1, 32, 32)
    assert np.array_equal(grey.data[0].asnumpy()[:, 0], make().next().data[0].asnumpy()[:, 0])
    batch = make(RGB, channels=1, image_size=28).next()
    expected = cv2.cvtColor(RGB[batch.index[0]], cv2.COLOR_RGB2GRAY)
    assert np.array_equal(batch.data[0].asnumpy()[0, 0], to_unit_range(expected))


def test_an_epoch_gives_each_image_once_and_pads_from_its_beginning():
    batches = list(make())
    rows = np.concatenate([batch.index for batch in batches])
    assert sorted(rows[:10]) == list(range(10))
    assert np.array_equal(rows[10:], rows[:2])
    assert [batch.pad for batch in batches] == [0, 0, 2]


def test_discard_leaves_the_last_batch_out():
    images = make(last_batch="discard")
    assert [batch.pad for batch in images] == [0, 0]
    assert images.batches_per_epoch == 2


def test_a_batch_larger_than_the_data_cycles():
    images = make(batch_size=25)
    batch = images.next()
    assert batch.pad == 15
    assert np.array_equal(batch.index[:10], batch.index[10:20])
    assert images.batches_per_epoch == 1
    with pytest.raises(ArgumentError, match="batch_size 25 is more than the number of images, 10,"):
        make(batch_size=25, last_batch="discard")


def pixels(images):
    return images.next().data[0].asnumpy()


def test_position_is_a_function_of_seed_epoch_and_batch():
    images = make()
    images.seek(4, 1)
    wanted = pixels(images)
    assert images.position == (4, 2)
    wandering = make()
    list(wandering)
    wandering.seek(2)
    pixels(wandering)
    wandering.seek(4, 1)
    assert np.array_equal(pixels(wandering), wanted)
    other = make(seed=2)
    other.seek(4, 1)
    assert not np.array_equal(pixels(other), wanted)


def test_reset_goes_back_in_the_same_epoch_and_seek_to_another_order():
    images = make()
    images.seek(3)
    first = pixels(images)
    list(images)
    with pytest.raises(StopIteration):
        images.next()
    images.reset()
    assert np.array_equal(pixels(images), first)
    images.seek(4)
    assert not np.array_equal(pixels(images), first)


def test_no_shuffle_keeps_the_order():
    rows = np.concatenate([batch.index for batch in make(shuffle=False)])
    assert rows.tolist() == [*range(10), 0, 1]


def rows_of(images, epoch=0):
    images.seek(epoch)
    return np.concatenate([batch.index for batch in images])


def test_once_through_all_images_as_the_docstring_says():
    images = make(shuffle=False)
    kept = np.concatenate([batch.label[0].asnumpy()[: images.batch_size - batch.pad] for batch in images])
    assert np.array_equal(kept, LABELS)


def test_replacement_draws_every_row_from_all_images():
    images = make(sampling="replacement", epoch_batches=500, batch_size=40)
    batches = [images.next() for _ in range(3)]
    assert [batch.pad for batch in batches] == [0, 0, 0]
    assert images.batches_per_epoch == 500
    assert np.array_equal(batches[1].label[0].asnumpy(), LABELS[batches[1].index])
    rows = rows_of(images).reshape(500, 40)
    counts = np.bincount(rows.ravel(), minlength=10)
    assert counts.size == 10
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 27.9  # 9 degrees of freedom, one draw in a thousand is beyond
    assert len({tuple(batch) for batch in rows}) == 500
    # rows of one batch are independent of each other: two neighbours are the same in one of ten cases
    assert abs((rows[:, 1:] == rows[:, :-1]).mean() - 0.1) < 0.01


def test_replacement_is_a_function_of_seed_and_epoch_and_seek_is_exact():
    settings = {"sampling": "replacement", "epoch_batches": 7}
    images = make(**settings)
    all_rows = [rows_of(images, epoch) for epoch in (0, 1, 0)]
    assert np.array_equal(all_rows[0], all_rows[2])
    assert not np.array_equal(all_rows[0], all_rows[1])
    assert not np.array_equal(all_rows[0], rows_of(make(**settings, seed=2)))
    other = make(**settings)
    for batch in (5, 0, 3):
        other.seek(1, batch)
        assert np.array_equal(other.next().index, all_rows[1][batch * 4 : batch * 4 + 4])
    assert other.position == (1, 4)
    other.seek(1, 7)
    with pytest.raises(StopIteration):
        other.next()


@pytest.mark.parametrize(
    "settings, batches", [({}, 3), ({"last_batch": "discard"}, 2), ({"batch_size": 25}, 1), ({"epoch_batches": 1}, 1)]
)
def test_an_epoch_with_replacement_has_full_batches(settings, batches):
    images = make(sampling="replacement", **settings)
    assert images.batches_per_epoch == batches
    assert [batch.pad for batch in images] == [0] * batches


def test_limit_takes_the_first_images(caplog):
    images = make(limit=3, shuffle=False, batch_size=2)
    assert images.num_images == 3
    assert rows_of(images).tolist() == [0, 1, 2, 0]
    assert images.num_classes == 10, "the classes of all images"
    assert images.fingerprint == make(GREY[:3], LABELS[:3]).fingerprint
    assert images.images.base is GREY
    assert make(labels=None, limit=3).num_images == 3
    with caplog.at_level("INFO"):
        assert make(limit=11).num_images == 10
    assert "images has 10 images, fewer than the limit of 11: all are used" in caplog.text


@pytest.mark.parametrize(
    "labels, classes",
    [
        (LABELS, 10),
        (np.full(10, 3.0), 4),
        (np.arange(10) % 2 == 1, 2),
        (LABELS + 0.5, None),
        (LABELS.astype(int) - 1, None),
        (np.full(10, np.nan), None),
        (np.array(["a"] * 10), None),
        (None, None),
    ],
)
def test_classes_are_counted_where_labels_are_whole_numbers(labels, classes):
    assert make(labels=labels).num_classes == classes


def test_named_classes_count_even_where_no_image_is_of_one():
    images = make(class_names=[*"abcdefghijkl"])
    assert (images.num_classes, images.class_names) == (12, tuple("abcdefghijkl"))
    with pytest.raises(ShapeError, match="the largest label is 9, but there are 2 class_names"):
        make(class_names=["a", "b"])


def test_a_digest_that_is_known_is_not_worked_out_again():
    assert make(digest="known").fingerprint["sha256"] == "known"
    assert make().fingerprint["sha256"] == content_digest(GREY, LABELS)


def test_the_caller_s_arrays_are_kept_and_not_written_to():
    images, labels = GREY.copy(), LABELS.copy()
    given = make(images, labels)
    batch = given.next()
    batch.data[0][:] = 7
    batch.label[0][:] = 7
    assert given.images is images
    assert np.array_equal(images, GREY)
    assert np.array_equal(labels, LABELS)


def test_a_batch_stays_what_it_was():
    images = make()
    kept = images.next()
    before = kept.data[0].asnumpy()
    list(images)
    assert np.array_equal(kept.data[0].asnumpy(), before)


def test_fingerprint_tells_contents_apart():
    prints = [
        make().fingerprint,
        make(GREY[::-1].copy()).fingerprint,
        make(labels=LABELS[::-1].copy()).fingerprint,
    ]
    assert len({print_["sha256"] for print_ in prints}) == 3
    assert prints[0] == make(seed=9, batch_size=2).fingerprint
    assert prints[0]["count"] == 10
    assert prints[0]["name"] == "images"


def test_describe():
    assert make(name="mine", origin="here").describe() == "mine: 10 images, given as 32x32 RGB (here)"
    assert make(channels=1).describe() == "images: 10 images, given as 32x32 grey"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"batch_size": 0}, "batch_size is 0; give a whole number from 1"),
        ({"batch_size": -3}, "batch_size is -3"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"image_size": 0}, "image_size is 0"),
        ({"image_size": 10**6}, "image_size is 1000000; give a whole number from 1 to 4096"),
        ({"channels": 2}, r"channels is 2; give 1 \(grey\) or 3 \(RGB\)"),
        ({"seed": -1}, "seed is -1"),
        ({"last_batch": "padd"}, "unknown last_batch 'padd'; did you mean 'pad'"),
        (
            {"sampling": "replace"},
            r"unknown sampling 'replace'; did you mean 'replacement'\? Known: shuffle, replacement",
        ),
        ({"epoch_batches": 5}, "epoch_batches is 5, but with sampling 'shuffle' an epoch gives each image once; leave"),
        ({"epoch_batches": 0, "sampling": "replacement"}, "epoch_batches is 0; give a whole number from 1 to 100000"),
        ({"shuffle": False, "sampling": "replacement"}, "shuffle is False, but sampling 'replacement' has no order"),
        ({"limit": 0}, "limit is 0; give a whole number from 1"),
    ],
)
def test_arguments_out_of_range(settings, message):
    with pytest.raises(ArgumentError, match=message):
        make(**settings)


@pytest.mark.parametrize("epoch, batch", [(-1, 0), (0, -1), (0, 4), (0.5, 0)])
def test_seek_out_of_range(epoch, batch):
    with pytest.raises(ArgumentError, match="give a whole number from 0"):
        make().seek(epoch, batch)


@pytest.mark.parametrize(
    "images, labels",
    [
        (GREY.astype(np.float32), None),
        (GREY[0], None),
        (GREY[:0], None),
        (RGB[..., :2], None),
        (GREY, LABELS[:9]),
        (GREY.tolist(), None),
    ],
)
def test_arrays_of_other_shapes_and_types(images, labels):
    with pytest.raises(ShapeError, match=r"give (uint8 of shape|\(10,\))"):
        make(images, labels)


def test_half_of_the_images_are_mirrored_by_seed_epoch_and_place():
    plain, mirrored = make(batch_size=4), make(batch_size=4, mirror=True)
    seen = []
    for epoch in range(40):
        plain.seek(epoch)
        mirrored.seek(epoch)
        for number, (one, other) in enumerate(zip(plain, mirrored)):
            one, other, flips = one.data[0].asnumpy(), other.data[0].asnumpy(), mirrored.mirrored(epoch, number)
            np.testing.assert_array_equal(other[~flips], one[~flips])
            np.testing.assert_array_equal(other[flips], one[flips][..., ::-1])
            assert (one != one[..., ::-1]).any()
            seen.append(flips)
    assert np.mean(seen) == pytest.approx(0.5, abs=0.08)
    assert len({flips.tobytes() for flips in seen}) > 4
    again = make(batch_size=4, mirror=True)
    again.seek(39, 1)
    mirrored.seek(39, 1)
    np.testing.assert_array_equal(pixels(again), pixels(mirrored))


def test_images_that_are_asked_for_by_row_are_not_mirrored():
    rows = np.arange(5)
    np.testing.assert_array_equal(make(mirror=True).pixels(rows), make().pixels(rows))


def test_mirror_is_true_or_false():
    with pytest.raises(ArgumentError, match="mirror is 'yes'"):
        make(mirror="yes")
