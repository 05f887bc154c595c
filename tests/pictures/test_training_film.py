"""The pictures of a run as frames, in the order of steps."""

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CorruptFileError, RunFolderError
from mxgan.pictures.grid import save_png
from mxgan.pictures.training_film import film_of_training
from mxgan.training.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    """A run with pictures of steps whose order is not that of their names."""
    folder = RunFolder.create(tmp_path / "run")
    folder.config_path.write_text("{}")
    for step in (900, 2_000_000, 10):
        save_png(folder.picture("gout", step), np.full((20, 60, 3), step % 251, np.uint8))
    save_png(folder.picture("gout-of-g", 5), np.zeros((8, 8, 3), np.uint8))
    (folder.samples / "gout-last.png").write_bytes(b"no step")
    return folder


def test_the_frames_are_in_the_order_of_steps(run):
    count, frames = film_of_training(run.path)
    frames = list(frames)
    assert count == len(frames) == 3
    assert [frame[0, 0, 0] for frame in frames] == [10, 900 % 251, 2_000_000 % 251]
    assert all(frame.shape == (36, 60, 3) for frame in frames)


def test_what_is_there_is_named(run):
    with pytest.raises(ArgumentError, match=r"has no picture 'strip'; there are: gout, gout-of-g. Choose one with"):
        film_of_training(run.path, "strip")
    for path in run.samples.iterdir():
        path.unlink()
    with pytest.raises(ArgumentError, match=r"has no picture 'gout'; there are: none. Train with --sample-every"):
        film_of_training(run.path)
    with pytest.raises(RunFolderError, match="does not exist"):
        film_of_training(run.path / "none")


def test_a_picture_of_another_size_or_a_broken_one_is_named(run):
    save_png(run.picture("gout", 950), np.zeros((10, 60, 3), np.uint8))
    with pytest.raises(CorruptFileError, match=r"gout-000950.png: has 60×10 pixels, and those before it have 60×20"):
        list(film_of_training(run.path)[1])
    run.picture("gout", 10).write_bytes(b"no picture")
    with pytest.raises(CorruptFileError, match=r"gout-000010.png: cannot be read as an image"):
        list(film_of_training(run.path)[1])
