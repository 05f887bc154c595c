import gzip
import hashlib

import numpy as np
import pytest

from mxgan.data import mnist
from mxgan.data.base import content_digest
from mxgan.data.download import Limits, RemoteFile
from mxgan.data.mnist import find_mnist, load_mnist, open_mnist
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, DatasetNotFoundError, DownloadError
from tests.data.mirror import running_mirror

TRAIN = np.random.default_rng(0).integers(0, 256, (7, 28, 28)).astype(np.uint8)
TEST = TRAIN[:3, ::-1].copy()
LABELS = np.arange(7, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, write_idx):
    def fill(place, packed=".gz", dot="-"):
        for part, images in (("train", TRAIN), ("t10k", TEST)):
            write_idx(place / f"{part}-images{dot}idx3-ubyte{packed}", images)
            write_idx(place / f"{part}-labels{dot}idx1-ubyte{packed}", LABELS[: len(images)])
        return place

    return fill


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_reads_a_given_folder(tmp_path, folder, packed, dot):
    images, labels, place = load_mnist("train", str(folder(tmp_path / "mine", packed, dot)))
    assert np.array_equal(images, TRAIN)
    assert np.array_equal(labels, LABELS)
    assert place == tmp_path / "mine"


def test_files_whose_name_and_content_disagree_are_complete(tmp_path, folder, cache, mirror):
    """In a folder that is given, and in the cache, where nothing is downloaded again."""
    for place in (tmp_path / "mine", cache / "mnist"):
        folder(place)
        for path in place.iterdir():
            path.write_bytes(gzip.decompress(path.read_bytes()))
    assert find_mnist("all", tmp_path / "mine") == tmp_path / "mine"
    assert np.array_equal(load_mnist("train", tmp_path / "mine")[0], TRAIN)
    images, labels, place = load_mnist("all", mirrors=[mirror.base("good")], progress=False)
    assert (len(images), len(labels), place) == (10, 10, cache / "mnist")
    assert mirror.requests == []


@pytest.mark.parametrize("split, expected", [("train", TRAIN), ("test", TEST), ("all", np.concatenate([TRAIN, TEST]))])
def test_splits(tmp_path, folder, split, expected):
    images, labels, _ = load_mnist(split, folder(tmp_path))
    assert np.array_equal(images, expected)
    assert len(labels) == len(images)


def test_limit_and_replacement(tmp_path, folder):
    data = open_mnist(data_dir=folder(tmp_path), batch_size=2, limit=3, sampling="replacement", epoch_batches=50)
    assert (data.num_images, data.num_classes, data.batches_per_epoch) == (3, 7, 50)
    assert set(np.concatenate([batch.index for batch in data])) == {0, 1, 2}


def test_classes_are_the_labels_that_occur(tmp_path, write_idx):
    """EMNIST's letters, 1 to 26; with gaps; and the test images have the numbers of the training images."""
    labels = np.array([26, 1, 7, 7, 3, 1, 26], np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", TEST)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([7, 2, 26], np.uint8))
    settings = {"data_dir": tmp_path, "batch_size": 7, "shuffle": False, "image_size": 28}
    data = open_mnist(**settings)
    assert (data.num_classes, data.class_names) == (4, ("1", "3", "7", "26"))
    assert data.next().label[0].asnumpy().tolist() == [3, 0, 2, 2, 1, 0, 3]
    assert data.class_counts.tolist() == [2, 1, 2, 2]
    # the digest is of the labels in the file: a run of before, which used no labels, has the same data
    assert data.fingerprint["sha256"] == content_digest(TRAIN, labels)
    few = open_mnist(**settings, limit=2)
    assert (few.class_names, few.class_counts.tolist()) == (data.class_names, [1, 0, 0, 1])
    test = open_mnist(**settings, split="test")
    assert test.class_names == ("1", "3", "7", "26", "2")
    assert test.next().label[0].asnumpy().tolist() == [2, 4, 3] * 2 + [2]
    assert open_mnist(**settings, split="all").class_names == ("1", "2", "3", "7", "26")
    for part in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{part}-ubyte").unlink()
    assert open_mnist(**settings, split="test").class_names == ("2", "7", "26")


def test_one_digit_alone_is_one_class(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.full(7, 7, np.uint8))
    data = open_mnist(data_dir=tmp_path, batch_size=7)
    assert (data.num_classes, data.class_names) == (1, ("7",))
    assert data.next().label[0].asnumpy().tolist() == [0] * 7


def test_labels_from_0_stay_as_they_are(tmp_path, folder):
    for split, images, labels in (("train", TRAIN, LABELS), ("test", TEST, LABELS[:3])):
        data = open_mnist(data_dir=folder(tmp_path), batch_size=7, split=split, shuffle=False)
        assert (data.num_classes, data.class_names) == (7, ()), "the test images lack four of them"
        assert data.labels.dtype == np.uint8
        assert data.next().label[0].asnumpy()[: len(labels)].tolist() == labels.tolist()
        assert data.fingerprint["sha256"] == content_digest(images, labels)


def test_search_order(tmp_path, folder, cache, monkeypatch):
    assert find_mnist() is None
    assert find_mnist(data_dir=folder(tmp_path / "given")) == tmp_path / "given"
    folder(cache / "mnist")
    assert find_mnist() == cache / "mnist"
    monkeypatch.setenv("MXGAN_DATA", str(folder(tmp_path / "shared")))
    assert find_mnist() == tmp_path / "shared"
    folder(tmp_path / "shared" / "mnist")
    assert find_mnist() == tmp_path / "shared" / "mnist"
    # a given folder is the only one looked at
    (tmp_path / "empty").mkdir()
    assert find_mnist(data_dir=tmp_path / "empty") is None


def test_a_given_folder_without_files_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError) as caught:
        load_mnist("all", tmp_path)
    text = str(caught.value)
    assert f"{tmp_path} has no train-images-idx3-ubyte.gz, t10k-images-idx3-ubyte.gz" in text
    assert "--dataset digits" in text
    with pytest.raises(DatasetNotFoundError, match="nowhere is not a folder, and train-images-idx3-ubyte.gz should"):
        load_mnist("train", tmp_path / "nowhere")


def test_images_alone_will_do(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", TRAIN)
    images = open_mnist(data_dir=tmp_path, batch_size=2)
    assert images.provide_label == []
    assert images.next().label == []


def test_labels_that_do_not_match(tmp_path, folder, write_idx):
    path = write_idx(folder(tmp_path) / "train-labels-idx1-ubyte.gz", LABELS[:5])
    with pytest.raises(CorruptFileError, match="has 5 labels for 7 images") as caught:
        load_mnist("train", tmp_path)
    assert caught.value.path == path


def test_a_corrupt_file_is_named(tmp_path, folder):
    path = folder(tmp_path) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CorruptFileError, match=r"train-images-idx3-ubyte\.gz"):
        load_mnist("train", tmp_path)


def test_unknown_split():
    with pytest.raises(ArgumentError, match="unknown split 'tset'; did you mean 'test'"):
        load_mnist("tset")


@pytest.fixture
def mirror(folder, tmp_path, monkeypatch):
    """A mirror of a small MNIST; the table of known sums is the small one's."""
    files = {path.name: path.read_bytes() for path in folder(tmp_path / "source").iterdir()}
    known = {}
    for key, remote in mnist._FILES.items():
        content = gzip.decompress(files[remote.name])
        known[key] = RemoteFile(remote.name, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(mnist, "_FILES", known)
    files["other"] = files["t10k-images-idx3-ubyte.gz"]
    with running_mirror(files) as server:
        yield server


QUICK = Limits(connect=1, read=0.5, stall=0.5, stall_bytes=100)


def test_downloads_into_the_cache_once(mirror, cache):
    bases = [mirror.base("missing"), mirror.base("good")]
    images, labels, place = load_mnist("train", mirrors=bases, limits=QUICK, progress=False)
    assert np.array_equal(images, TRAIN)
    assert np.array_equal(labels, LABELS)
    assert place == cache / "mnist"
    mirror.requests.clear()
    load_mnist("train", mirrors=bases, progress=False)
    assert mirror.requests == []
    load_mnist("all", mirrors=bases, progress=False)
    assert len(mirror.requests) == 4  # two files of the test set, each from the second mirror


def test_a_download_that_broke_off_between_files_is_finished(mirror, cache):
    bases = [mirror.base("good")]
    load_mnist(mirrors=bases, progress=False)
    (cache / "mnist" / "train-labels-idx1-ubyte.gz").unlink()
    assert load_mnist(mirrors=bases, progress=False)[1] is not None


def test_offline_is_one_error_with_a_way_out(mirror, cache):
    with pytest.raises(DownloadError) as caught:
        load_mnist(mirrors=[mirror.base("html"), mirror.base("broken")], limits=QUICK, progress=False)
    text = str(caught.value)
    assert str(cache / "mnist") in text
    assert "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz" in text
    assert "--dataset digits" in text
    assert "\n" not in text
    assert not list((cache / "mnist").glob("*.gz"))


def test_a_bar_is_drawn_only_where_asked_for(mirror, capsys):
    load_mnist("test", mirrors=[mirror.base("good")], progress=False)
    assert capsys.readouterr().err == ""
    load_mnist("train", mirrors=[mirror.base("good")], progress=True)
    told = capsys.readouterr().err
    assert "train-images-idx3-ubyte.gz: " in told
    assert "\r" not in told  # standard error is no terminal here


def test_the_real_mnist(mxgan_data):
    images, labels, folder = load_mnist("all", mxgan_data / "mnist")
    assert images.shape == (70_000, 28, 28)
    assert labels.shape == (70_000,)
    assert np.bincount(labels[:60_000]).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    for key, remote in mnist._FILES.items():
        content = gzip.decompress((folder / remote.name).read_bytes())
        assert (len(content), hashlib.sha256(content).hexdigest()) == (remote.unpacked_size, remote.sha256), key


def test_the_real_mnist_costs_a_byte_a_pixel(mxgan_data):
    images = open_mnist(data_dir=mxgan_data / "mnist", split="all", batch_size=64)
    assert images.images.nbytes == 70_000 * 28 * 28
    assert images.batches_per_epoch == 1094
    assert images.next().data[0].shape == (64, 3, 64, 64)


@pytest.mark.parametrize(
    "levels, problem",
    [([0, 0, 0], "3 images are of one colour each"), ([0, 90, 200], "3 images are of one colour each")],
)
def test_images_without_variety_are_an_error(tmp_path, write_idx, levels, problem):
    images = np.ones((3, 28, 28), np.uint8) * np.array(levels, np.uint8)[:, None, None]
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    with pytest.raises(DatasetError, match=problem):
        open_mnist(data_dir=tmp_path, batch_size=2)
    images[:, 3, 4] = 255 - images[:, 3, 4]
    write_idx(tmp_path / "train-images-idx3-ubyte", images[:1].repeat(3, axis=0))
    with pytest.raises(DatasetError, match="3 images are all the same"):
        open_mnist(data_dir=tmp_path, batch_size=2)
    write_idx(tmp_path / "train-images-idx3-ubyte", images[:1])
    assert open_mnist(data_dir=tmp_path, batch_size=1).num_images == 1
