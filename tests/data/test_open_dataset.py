import numpy as np
import pytest

import mxgan.data
from mxgan.data import DATASETS, EpochIter, data_sets_with, open_dataset
from mxgan.errors import ArgumentError


@pytest.fixture
def folders(tmp_path, write_idx, write_records, make_photo, encode_photo):
    photos = np.stack([make_photo(number)[number : number + 28, :28, 0] for number in range(9)])
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", photos)
    write_records(9)
    for number in range(9):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.jpg").write_bytes(encode_photo(number))
    return {"mnist": tmp_path, "recordio": tmp_path / "photos.rec", "digits": None, "folder": tmp_path / "in"}


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_every_data_set_promises(folders, name, channels):
    settings = {"image_size": 16, "channels": channels, "seed": 3, "data_dir": folders[name]}
    data = open_dataset(name, batch_size=4, **settings)
    assert isinstance(data, EpochIter)
    assert data.provide_data == [("data", (4, channels, 16, 16))]
    batch = data.next()
    values = batch.data[0].asnumpy()
    assert values.shape == (4, channels, 16, 16)
    assert values.dtype == "float32"
    assert -1 <= values.min() < values.max() <= 1
    assert sorted(data.fingerprint) == ["count", "name", "sha256"]
    assert data.fingerprint["name"] == name
    assert data.fingerprint["count"] == data.num_images
    assert len(data.fingerprint["sha256"]) == 64
    assert data.describe().startswith(f"{name}: ")
    assert "\n" not in data.describe()
    data.reset()
    assert (data.next().data[0].asnumpy() == values).all()
    again = open_dataset(name, batch_size=4, **settings)
    again.seek(0, 1)
    assert (again.next().data[0].asnumpy() == data.next().data[0].asnumpy()).all()
    fewer = open_dataset(name, batch_size=4, last_batch="discard", **settings)
    assert fewer.batches_per_epoch == data.batches_per_epoch - 1


@pytest.mark.parametrize("name", ["mnist", "digits", "folder"])
def test_limit_and_sampling(folders, name):
    settings = {"batch_size": 4, "image_size": 16, "data_dir": folders[name]}
    data = open_dataset(name, limit=5, sampling="replacement", epoch_batches=30, **settings)
    assert (data.num_images, data.batches_per_epoch) == (5, 30)
    rows = [batch.index for batch in data]
    assert set(np.concatenate(rows)) == set(range(5))
    data.seek(0, 17)
    assert (data.next().index == rows[17]).all()
    in_order = open_dataset(name, limit=5, shuffle=False, **settings)
    assert np.concatenate([batch.index for batch in in_order]).tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert open_dataset(name, limit=None, epoch_batches=None, **settings).num_images == data.num_images + (
        1792 if name == "digits" else 4
    )


@pytest.mark.parametrize(
    "name, setting, value, message",
    [
        ("recordio", "limit", 5, "limit is 5, but the data set 'recordio' takes no limit; leave it out .--set limit="),
        ("recordio", "sampling", "replacement", "sampling is 'replacement', but the data set 'recordio' takes no samp"),
        ("recordio", "epoch_batches", 5, "--set steps_per_epoch=null .*, or use mnist, digits, folder"),
        ("folder", "split", "test", "split is 'test', but the data set 'folder' takes no split.* use mnist, digits"),
        ("digits", "threads", 2, "threads is 2, but the data set 'digits' takes no threads.* use folder, recordio"),
        ("mnist", "spilt", "test", "unknown setting of the dataset 'mnist' 'spilt'; did you mean 'split'"),
    ],
)
def test_settings_that_a_data_set_does_not_know(folders, name, setting, value, message):
    with pytest.raises(ArgumentError, match=message):
        open_dataset(name, batch_size=4, data_dir=folders[name], **{setting: value})


def test_what_is_none_or_the_default_suits_every_data_set(folders):
    data = open_dataset(
        "recordio", batch_size=4, data_dir=folders["recordio"], limit=None, sampling="shuffle", epoch_batches=None
    )
    assert (data.num_images, data.num_classes) == (9, 9)


GIVEN = {
    "limit": 5,
    "sampling": "replacement",
    "epoch_batches": 2,
    "shuffle": True,
    "split": "train",
    "most_broken": 0.5,
    "background": "#00ff00",
    "labels": "folders",
    "threads": 1,
    "rand_crop": False,
    "rand_mirror": False,
    "min_crop_size": 8,
    "max_crop_size": 20,
    "resize": 20,
}


@pytest.mark.parametrize("name", DATASETS)
def test_every_setting_that_is_said_to_be_known_is(folders, name):
    settings = {key: GIVEN[key] for key in mxgan.data._SETTINGS[name]}
    data = open_dataset(name, batch_size=2, image_size=16, data_dir=folders[name], **settings)
    assert data.next().data[0].shape == (2, 3, 16, 16)


def test_unknown_name():
    with pytest.raises(
        ArgumentError, match=r"unknown dataset 'minst'; did you mean 'mnist'\? Known: mnist, digits, folder, recordio"
    ):
        open_dataset("minst", batch_size=4)


def test_public_names_exist():
    for name in mxgan.data.__all__:
        assert getattr(mxgan.data, name) is not None


def test_the_data_sets_with_a_test_part():
    assert data_sets_with("split") == ["mnist", "digits"]
    assert data_sets_with("bogus") == []
