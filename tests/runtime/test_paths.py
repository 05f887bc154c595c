"""Names that are not UTF-8: MXNet writes and reads in such folders, and a run there is like any other."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mxgan
from mxgan.data import open_dataset, pack_folder
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.lenet import LeNet
from mxgan.graphs.params_files import load_params, save_params
from mxgan.pictures.grid import save_grid
from mxgan.pictures.network_graph import render_graph
from mxgan.runtime import mx
from mxgan.runtime.config import override
from mxgan.runtime.paths import path_for_mxnet, readable
from tests.support import tiny_config
from tests.tiny_run import ROOT, checkpoint_faults

BAD = os.fsdecode(b"b\xff")


@pytest.fixture
def place(tmp_path):
    """A folder whose name is not UTF-8."""
    folder = tmp_path / BAD
    folder.mkdir()
    return folder


def test_only_such_a_path_takes_the_way_round(tmp_path, place):
    with path_for_mxnet(tmp_path / "größe.params") as name:
        assert name == str(tmp_path / "größe.params")
    with path_for_mxnet(place / "a.params") as name:
        assert name.isascii()
        Path(name).write_text("here")
    assert (place / "a.params").read_text() == "here"
    assert not os.path.exists(name)  # its descriptor is closed


@pytest.mark.parametrize("name", ["a.params", f"{BAD}.params"])
def test_parameters_are_saved_and_loaded(place, name):
    save_params(place / name, {"a": mx.nd.arange(6)}, {})
    np.testing.assert_array_equal(load_params(place / name)[0]["a"].asnumpy(), np.arange(6))
    assert [path.name for path in place.iterdir()] == [name]


def test_a_run_trains_saves_goes_on_and_is_sampled(place):
    recipe = override(tiny_config(steps=2).recipe, {"pictures": ["grids", "losses"]})  # its title is the folder's name
    run, config = place / "run" / BAD, mxgan.RunConfig(recipe, dataset="digits", steps=2, data_dir=None)
    mxgan.start(config, run, "none", progress=False).run()
    mxgan.resume(run, steps=3, display="none", progress=False).run()
    assert checkpoint_faults(run) == (3, [])
    (file,) = (run / "checkpoints" / "000003").glob("*_G_*.params")
    np.testing.assert_array_equal(mxgan.load_sampler(file).draw(2), mxgan.load_sampler(run, averaged=False).draw(2))


def test_images_are_packed_and_trained_on(place, monkeypatch):
    """The folder of images, an image, the .rec, the temporary folder and the cache have such names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    (place / "images").mkdir()
    for number in range(3):
        image = np.random.default_rng(number).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
        save_grid(place / "images" / f"{BAD}{number}.png", image)
    (place / "images" / f"broken{BAD}.png").write_text("no image")
    packed = pack_folder(place / "images", place / f"{BAD}.rec", progress=False)
    assert (packed.written, len(packed.skipped)) == (3, 1)
    recipe = override(tiny_config(steps=1).recipe, {"batch_size": 2})
    for dataset, data_dir in (("recordio", packed.output), ("folder", place / "images")):
        config = mxgan.RunConfig(recipe, dataset=dataset, data_dir=str(data_dir), steps=1)
        if dataset == "folder":
            config = override(config, {"most_broken": 0.5})
        mxgan.start(config, place / dataset, "none", progress=False).run()
        again = mxgan.resume(place / dataset, steps=2, display="none", progress=False)  # data_dir from config.json
        again.run()
        assert again.config.data_dir == str(data_dir)
    assert open_dataset("recordio", batch_size=3, data_dir=place, image_size=8).next().data[0].shape == (3, 3, 8, 8)


def test_a_classifier_is_kept_and_a_network_is_drawn(place):
    network = LeNet(classes=2)
    shapes = {"data": (1, *network.image_shape), "softmax_label": (1,)}
    module = mx.mod.Module(network.symbol(), ("data",), ("softmax_label",))
    module.bind([("data", shapes["data"])], [("softmax_label", (1,))])
    module.init_params(mx.init.Normal(0.1))
    made = FeatureNetwork(network, module.get_params())
    made.save(place / "classifier")
    assert FeatureNetwork.load(place / "classifier").fingerprint == made.fingerprint
    drawn = render_graph(network.symbol(), place / "net.dot", shapes, title=BAD)
    assert "b�" in drawn.read_text(encoding="utf-8")
    assert readable("größe") == "größe"


@pytest.mark.long
def test_where_file_names_are_ascii_a_foreign_letter_is_no_obstacle(tmp_path):
    """Python's encoding of file names is ASCII in an old locale; the shell hands over the bytes of "é"."""
    command = [sys.executable, "-m", "mxgan", "train", "--dataset", "digits", "--batch-size", "8", "--steps", "1"]
    sizes = ["--ngf", "4", "--ndf", "4", "--set", "image_size=16", "--display", "none", "--run-dir", "é"]
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    call = {"cwd": tmp_path, "env": {**os.environ, **plain}, "capture_output": True, "timeout": 120}
    done = subprocess.run([*command, *sizes], **call)
    assert done.returncode == 0, done.stderr
    assert checkpoint_faults(tmp_path / "é") == (1, [])


def test_a_path_that_no_file_can_have_is_refused_in_words(tmp_path, monkeypatch):
    zero = f"{tmp_path}/a\0b"
    with pytest.raises(ArgumentError, match="holds a zero byte, which no path may contain. Give another."):
        mxgan.start(tiny_config(steps=1), zero, "none")
    with pytest.raises(ArgumentError, match="output '.*' holds a zero byte"):
        pack_folder(tmp_path, f"{zero}.rec")
    monkeypatch.setattr(os, "fsencode", lambda path: os.fspath(path).encode("ascii"))  # as where the locale is ASCII
    with pytest.raises(ArgumentError, match=r"'\\xe9' has a character that Python's encoding of file names .* Set PY"):
        mxgan.start(tiny_config(steps=1), "é", "none")
    with pytest.raises(CheckpointError, match="does not exist"):
        mxgan.load_sampler("é")
