"""The pictures of a run: what is drawn when, on a trainer that really trains."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.callbacks.pictures import get_picture, read_losses
from mxgan.errors import ArgumentError, CorruptFileError
from tests.support import tiny_config


def run(folder, pictures: tuple, network=None, **settings):
    config = tiny_config(**settings)
    recipe = replace(config.recipe, pictures=pictures, network=network or config.recipe.network)
    session = mxgan.start(replace(config, recipe=recipe), folder, display="none", progress=False)
    session.run()
    return session


def drawn(session, title: str) -> list:
    return sorted(int(path.stem.rpartition("-")[2]) for path in session.folder.samples.glob(f"{title}-*.png"))


@pytest.mark.long
def test_every_kind_is_drawn_at_its_interval_and_at_the_end(tmp_path):
    session = run(tmp_path / "run", ("grids", "strip", "scores", "losses"), steps=5, sample_every=2, log_every=1)
    for title in ("gout", "diff", "data", "strip", "scores", "losses"):
        assert drawn(session, title) == [2, 4, 5], title
    strip = cv2.imread(str(session.folder.picture("strip", 5)))
    assert strip.shape == (16, 8 * 18 - 2, 3)


def test_pictures_once_an_epoch(tmp_path):
    session = run(tmp_path / "run", ("strip",), epochs=2, sample_every="epoch", limit=96)
    assert session.trainer.step == 6
    assert drawn(session, "strip") == [3, 6]


def test_a_conditional_generator_is_drawn_one_class_a_row_with_the_same_latents(tmp_path):
    network = mxgan.NETWORKS["conditional-dcgan"](ngf=4, ndf=4, image_size=16, latent_size=10)
    session = run(tmp_path / "run", ("grids",), network, steps=1)
    grid = cv2.imread(str(session.folder.picture("gout", 1)))
    assert grid.shape == (10 * 18 - 2, 10 * 18 - 2, 3)
    sampler = mxgan.load_sampler(session.folder.path)
    latents = np.repeat(mxgan.data.latents.draw_latents((10, 10, 1, 1), 0, 0, stream="fixed latents")[3:4], 10, axis=0)
    column = sampler.sample(latents, np.arange(10))  # the fourth column: one latent, every class
    expected = np.rint((np.clip(column, -1, 1) + 1) * 127.5).astype(np.uint8)  # (10, 3, 16, 16)
    found = np.stack([grid[top : top + 16, 3 * 18 : 3 * 18 + 16, ::-1] for top in range(0, 180, 18)]).transpose(
        0, 3, 1, 2
    )
    np.testing.assert_array_equal(found, expected)


def test_losses_are_read_off_the_history(tmp_path):
    path = tmp_path / "history.jsonl"
    assert read_losses(path) == ([], {"G": [], "D": []})
    rows = [{"step": 1, "loss_g": 2.0, "loss_d": 1.0}, {"step": 2, "loss_g": None, "loss_d": 0.5}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_losses(path) == ([1, 2], {"G": [2.0, None], "D": [1.0, 0.5]})
    path.write_text('{"step": 1}\n')
    with pytest.raises(CorruptFileError, match="line 1 has no step, loss_g and loss_d"):
        read_losses(path)


def test_unknown_pictures_get_a_suggestion():
    with pytest.raises(ArgumentError, match="unknown picture 'score'; did you mean 'scores'"):
        get_picture("score")
