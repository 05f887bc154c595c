import pytest

import mxgan.data
from mxgan.data import DATASETS, EpochIter, open_dataset
from mxgan.errors import ArgumentError


@pytest.fixture
def folders(tmp_path, write_idx, write_records, make_photo):
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", make_photo(1)[None, :28, :28, 0].repeat(9, axis=0))
    write_records(9)
    return {"mnist": tmp_path, "recordio": tmp_path / "photos.rec", "digits": None}


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


def test_unknown_name():
    with pytest.raises(
        ArgumentError, match=r"unknown dataset 'minst'; did you mean 'mnist'\? Known: mnist, digits, recordio"
    ):
        open_dataset("minst", batch_size=4)


def test_public_names_exist():
    for name in mxgan.data.__all__:
        assert getattr(mxgan.data, name) is not None
