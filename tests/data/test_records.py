import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mxgan.data import open_dataset
from mxgan.data.records import ImagenetIter, find_record_file
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, DatasetNotFoundError
from mxgan.runtime import cv2, mx


def pixels(batch):
    return batch.data[0].asnumpy()


def everything(images):
    return np.concatenate([pixels(batch) for batch in images])


def labels(images):
    return np.concatenate([batch.label[0].asnumpy() for batch in images])


def test_batches(write_records):
    images = ImagenetIter(write_records(10), 4, (3, 32, 24))
    assert isinstance(images, mx.io.DataIter)
    assert images.provide_data == [("data", (4, 3, 32, 24))]
    assert images.provide_label == [("softmax_label", (4,))]
    batches = list(images)
    assert [batch.pad for batch in batches] == [0, 0, 2]
    assert images.batches_per_epoch == 3
    for batch in batches:
        assert pixels(batch).shape == (4, 3, 32, 24)
        assert pixels(batch).dtype == np.float32
        assert -1 <= pixels(batch).min() < -0.5
        assert 0.5 < pixels(batch).max() <= 1


def test_an_epoch_gives_each_image_once(write_records):
    images = ImagenetIter(write_records(10), 4, (3, 8, 8))
    orders = []
    for epoch in range(3):
        images.seek(epoch)
        orders.append(labels(images)[:10].tolist())
        assert sorted(orders[-1]) == list(range(10))
    assert len(set(map(tuple, orders))) == 3


def test_colours_are_red_green_blue(write_records):
    red = np.zeros((300, 300, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes blue, green, red
    png = cv2.imencode(".png", red)[1].tobytes()
    data = pixels(ImagenetIter(write_records([png] * 2), 2, (3, 16, 16)).next())
    assert np.allclose(data[:, 0], 1)
    assert np.allclose(data[:, 1:], -1)


def test_without_chance_the_middle_is_cut_and_scaled(write_records, make_photo):
    photo = make_photo(3, height=300, width=400)
    png = cv2.imencode(".png", photo[..., ::-1])[1].tobytes()
    images = ImagenetIter(write_records([png]), 1, (3, 64, 64), rand_crop=False, rand_mirror=False, resize=0)
    expected = cv2.resize(photo[22:278, 72:328], (64, 64)).transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(pixels(images.next())[0] - expected).max() < 1.5 / 127.5


def test_photos_smaller_than_the_crop_are_scaled_up(write_records, encode_photo):
    path = write_records([encode_photo(0, height=20, width=30), encode_photo(1, height=700, width=600)])
    assert everything(ImagenetIter(path, 2, (3, 64, 64))).shape == (2, 3, 64, 64)
    with pytest.raises(ArgumentError, match=r"resize is 0 and .*photos.rec has an image of 20 pixels \(byte 0\)"):
        ImagenetIter(path, 2, (3, 64, 64), resize=0)
    assert len(list(ImagenetIter(path, 2, (3, 64, 64), resize=0, min_crop_size=10, max_crop_size=20))) == 1


def test_crops_and_mirrors_vary(write_records, encode_photo):
    images = ImagenetIter(write_records([encode_photo(0)] * 16), 16, (3, 32, 32))
    data = pixels(images.next())
    assert len({image.tobytes() for image in data}) > 12
    rising = (data[:, 1, :, -1] - data[:, 1, :, 0]).mean(axis=1) > 0  # green grows from left to right
    assert 2 < rising.sum() < 14
    images.seek(1)
    assert not np.array_equal(pixels(images.next()), data)


def test_one_channel(write_records):
    data = pixels(ImagenetIter(write_records(4), 4, (1, 16, 16)).next())
    assert data.shape == (4, 1, 16, 16)
    assert -1 <= data.min() < data.max() <= 1


def test_position_is_a_function_of_seed_epoch_and_batch(write_records):
    path = write_records(10)
    straight = ImagenetIter(path, 3, (3, 16, 16), seed=5)
    straight.seek(2)
    wanted = [pixels(batch) for batch in straight]
    wandering = ImagenetIter(path, 3, (3, 16, 16), seed=5)
    everything(wandering)
    for batch in (3, 1, 0, 2):
        wandering.seek(2, batch)
        assert wandering.position == (2, batch)
        assert np.array_equal(pixels(wandering.next()), wanted[batch])
    wandering.reset()
    assert np.array_equal(everything(wandering), np.concatenate(wanted))
    other = ImagenetIter(path, 3, (3, 16, 16), seed=6)
    other.seek(2)
    assert not np.array_equal(everything(other), np.concatenate(wanted))


def test_the_number_of_threads_changes_nothing(write_records):
    path = write_records(30)
    runs = [everything(ImagenetIter(path, 8, (3, 16, 16), threads=threads)) for threads in (1, 2, 4)]
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])


def test_with_and_without_an_index_alike(write_records):
    path = write_records(10)
    given = everything(ImagenetIter(path, 4, (3, 16, 16)))
    path.with_suffix(".idx").unlink()
    assert np.array_equal(everything(ImagenetIter(path, 4, (3, 16, 16))), given)
    assert not path.with_suffix(".idx").exists()


def test_a_batch_stays_what_it_was(write_records):
    images = ImagenetIter(write_records(40), 2, (3, 16, 16))
    kept = images.next()
    before = pixels(kept)
    list(images)
    assert np.array_equal(pixels(kept), before)


def test_a_batch_larger_than_the_data_cycles(write_records):
    images = ImagenetIter(write_records(3), 10, (3, 8, 8))
    batch = images.next()
    assert batch.pad == 7
    assert images.batches_per_epoch == 1
    assert np.array_equal(pixels(batch)[:3], pixels(batch)[3:6])
    assert sorted(batch.label[0].asnumpy()[:3]) == [0, 1, 2]
    with pytest.raises(ArgumentError, match="batch_size 10 is more than the number of images, 3,"):
        ImagenetIter(write_records(3), 10, last_batch="discard")


def test_discard(write_records):
    images = ImagenetIter(write_records(10), 4, (3, 8, 8), last_batch="discard")
    assert [batch.pad for batch in images] == [0, 0]


def test_several_labels(write_records):
    path = write_records(4, labels=[np.array([n, n + 0.5]) for n in range(4)])
    images = ImagenetIter(path, 4, (3, 8, 8))
    label = images.next().label[0].asnumpy()
    assert images.provide_label[0].shape == label.shape == (4, 2)
    assert np.array_equal(label[:, 0] + 0.5, label[:, 1])


LETTERS = [26, 1, 7, 7, 3]


def class_numbers(path, count, **settings):
    """{image's number: the label that came with it}; an image's number is in its blue plane, see `photo`."""
    images = open_dataset("recordio", data_dir=path, batch_size=count, image_size=8, **settings)
    batch = images.next()
    numbers = np.rint((pixels(batch)[:, 2].mean(axis=(1, 2)) + 1) * 127.5 / 20).astype(int)
    return images, dict(zip(numbers.tolist(), batch.label[0].asnumpy().tolist() if batch.label else [None] * count))


@pytest.mark.parametrize(
    "labels",
    [
        [float(letter) for letter in LETTERS],
        [np.array([letter]) for letter in LETTERS],
        [np.array([letter, 9.5]) for letter in LETTERS],
        [np.array([letter] + [0.5] * (5 * n)) if n else float(letter) for n, letter in enumerate(LETTERS)],
    ],
    ids=["one", "a list of one", "two", "varied"],
)
def test_the_first_label_is_the_class(write_records, labels):
    """Whole numbers, in increasing order, whatever else a record has; each image keeps its own."""
    path = write_records(5, labels=labels)
    images, found = class_numbers(path, 5)
    assert (images.num_classes, images.class_names) == (4, ("1", "3", "7", "26"))
    assert images.class_counts.tolist() == [1, 1, 2, 1]
    assert images.provide_label == [("softmax_label", (5,))]
    assert found == {0: 3, 1: 0, 2: 2, 3: 2, 4: 1}
    _, again = class_numbers(path, 7)  # a batch larger than the data
    assert again == found


def test_labels_from_0_come_as_they_are(write_records):
    images, found = class_numbers(write_records(4, labels=[2.0, 0.0, 1.0, 2.0]), 4)
    assert (images.num_classes, images.class_names, images.class_counts.tolist()) == (3, (), [1, 1, 2])
    assert found == {0: 2, 1: 0, 2: 1, 3: 2}


@pytest.mark.parametrize("labels", [[0.25, 1.0, 7.0], [-1.0, 0.0, 3.0], [np.array([0.1, 2]), 1.0, np.array([1e9])]])
def test_first_labels_that_are_no_classes(write_records, labels):
    images, found = class_numbers(write_records(3, labels=labels), 3)
    assert (images.num_classes, images.class_counts) == (None, None)
    assert found == {number: np.float32(np.ravel(label)[0]) for number, label in enumerate(labels)}


OBJECTS = [np.array([2.0, 5, 0, 1, 1, 1, 1]), 3.0, np.array([7.0]), np.array([9.0] + [1.0] * 500), np.array([2.0, 5])]


@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4], [5, 2**64 - 1, 2**63, 2**63 - 1, 10**12], [8, 1, 2, 3, 8]])
def test_labels_of_varied_number_give_the_images_of_any_other_file(write_records, ids):
    """Detection: MXNet alone refuses such a file. Ids of any size, and one id for two records of the same label."""
    plain = write_records(5)
    varied = write_records(5, "varied.rec", labels=OBJECTS, ids=ids)
    expected, found = (ImagenetIter(path, 2, (3, 16, 16)) for path in (plain, varied))
    for epoch in range(2):
        for each in (expected, found):
            each.seek(epoch)
        numbers = labels(expected).astype(int)
        expected.seek(epoch)
        assert np.array_equal(everything(found), everything(expected))
        found.seek(epoch)
        assert labels(found).tolist() == [np.ravel(OBJECTS[number])[0] for number in numbers]
    images, classes = class_numbers(varied, 5)
    assert (images.class_names, classes) == (("2", "3", "7", "9"), {0: 0, 1: 1, 2: 2, 3: 3, 4: 0})


def test_one_id_with_two_labels_gives_images_without_labels(write_records, caplog):
    caplog.set_level("INFO")
    path = write_records(5, labels=OBJECTS, ids=[4, 4, 4, 4, 4])
    images, found = class_numbers(path, 5)
    assert (images.provide_label, images.num_classes, found) == ([], None, dict.fromkeys(range(5)))
    assert "several records have one id and different labels, so its labels are not used" in caplog.text


@pytest.mark.long
def test_a_process_lives_on_after_labels_of_varied_number(write_records):
    """Read in threads of MXNet's own, epoch after epoch, in a process of its own, which a crash would end."""
    path = write_records(9, labels=[np.full(1 + 97 * number % 11, 3.0) for number in range(9)])
    program = f"""
        from mxgan.data import open_dataset
        data = open_dataset("recordio", batch_size=4, image_size=16, data_dir={str(path)!r})
        for epoch in range(3):
            data.seek(epoch)
            assert sum(batch.data[0].asnumpy().shape[0] for batch in data) == 12
        print(data.num_classes, data.class_names)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "1 ('3',)\n"), done


def test_fingerprint_and_description(write_records):
    import hashlib

    path = write_records(10)
    images = ImagenetIter(path, 4)
    assert images.fingerprint == {
        "name": "recordio",
        "count": 10,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert images.describe() == f"recordio: 10 images, given as 64x64 RGB ({path})"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"data_shape": (2, 8, 8)}, "channels is 2"),
        ({"data_shape": (3, 0, 8)}, "image_size is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"max_crop_size": 0}, "max_crop_size is 0"),
        ({"min_crop_size": 300}, "min_crop_size is 300; give a whole number from 1 to 256"),
        ({"resize": 100}, "resize 100 is less than max_crop_size 256"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_out_of_range(write_records, settings, message):
    with pytest.raises(ArgumentError, match=message):
        ImagenetIter(write_records(2), **{"batch_size": 2, **settings})


def test_a_file_changed_while_in_use(write_records):
    path = write_records(10)
    images = ImagenetIter(path, 4, (3, 8, 8))
    everything(images)
    os.utime(path, ns=(0, 0))
    images.seek(1)
    with pytest.raises(DatasetError, match=r"photos\.rec was changed or removed while it was in use"):
        images.next()
    path.unlink()
    with pytest.raises(DatasetError, match="changed or removed"):
        images.next()


def test_which_file(write_records, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"is not a \.rec file or a folder with one\. Make one with"):
        find_record_file(tmp_path)
    path = write_records(3)
    assert find_record_file(path) == find_record_file(str(tmp_path)) == path
    assert open_dataset("recordio", batch_size=2, image_size=16, data_dir=tmp_path).num_images == 3
    write_records(3, "more.rec")
    with pytest.raises(DatasetError, match=r"holds 2 .rec files \(more.rec, photos.rec\); name one of them"):
        find_record_file(tmp_path)
    with pytest.raises(ArgumentError, match=r"needs a data_dir \(--data-dir\): a \.rec file"):
        open_dataset("recordio", batch_size=2)


@pytest.mark.long
def test_a_broken_file_ends_no_process(write_records, encode_photo):
    """The faults that end MXNet by a signal, in a process of their own as a user meets them."""
    path = write_records([encode_photo(0), b"\xff\xd8 no JPEG" * 50, encode_photo(1)])
    program = f"""
        from mxgan.data import open_dataset
        from mxgan.errors import CorruptFileError
        try:
            list(open_dataset("recordio", batch_size=2, image_size=16, data_dir={str(path)!r}))
        except CorruptFileError as error:
            print("named:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"named: {path}, byte ")


def test_an_iterator_that_ends_leaves_no_files(write_records):
    images = ImagenetIter(write_records(4), 2, (3, 8, 8))
    folder = Path(images._paths["path_imgrec"]).parent
    everything(images)
    assert folder.is_dir()
    del images
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["a#b", "a;b", "a?b=c", "a b,c", "größe", os.fsdecode(b"\xff")])
def test_paths_that_mxnet_would_take_for_addresses(write_records, tmp_path, name, monkeypatch):
    place = tmp_path / name
    place.mkdir()
    write_records(3).rename(place / f"{name}.rec")
    assert len(list(ImagenetIter(place / f"{name}.rec", 3, (3, 8, 8)))) == 1
    monkeypatch.chdir(place)
    assert len(list(ImagenetIter(f"{name}.rec", 3, (3, 8, 8)))) == 1


def test_real_photographs(mxgan_data, tmp_path):
    from mxgan.data import pack_folder

    report = pack_folder(mxgan_data / "imagenet_sample", tmp_path / "sample.rec", progress=False)
    assert report.skipped == []
    assert report.written == 240
    images = open_dataset("recordio", batch_size=64, data_dir=report.output)
    data = everything(images)
    assert data.shape == (256, 3, 64, 64)
    assert abs(data.mean()) < 0.3
    assert 0.3 < data.std() < 0.8
    report.output.write_bytes(report.output.read_bytes()[:-4])
    with pytest.raises(CorruptFileError, match="more than the file has"):
        open_dataset("recordio", batch_size=64, data_dir=report.output)


def test_half_of_the_images_are_mirrored_by_seed_epoch_and_place(write_records):
    path = write_records(10)
    settings = {"seed": 5, "rand_mirror": False, "rand_crop": False}
    plain, mirrored = (
        ImagenetIter(path, 3, (3, 16, 16), **settings),
        ImagenetIter(path, 3, (3, 16, 16), mirror=True, **settings),
    )
    seen = []
    for epoch in range(3):
        plain.seek(epoch)
        mirrored.seek(epoch)
        for number, (one, other) in enumerate(zip(plain, mirrored)):
            flips = mirrored.mirrored(epoch, number)
            expected = np.where(flips[:, None, None, None], pixels(one)[..., ::-1], pixels(one))
            np.testing.assert_array_equal(pixels(other), expected)
            seen.append(flips)
    assert 0 < np.mean(seen) < 1
    wanted = mirrored.mirrored(1, 2)
    mirrored.seek(1, 2)
    again = ImagenetIter(path, 3, (3, 16, 16), mirror=True, **settings)
    again.seek(1, 2)
    np.testing.assert_array_equal(pixels(again.next()), pixels(mirrored.next()))
    np.testing.assert_array_equal(again.mirrored(1, 2), wanted)
