"""Runs at sizes that are no power of two, and with height and width apart: trained, resumed, drawn, measured."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.callbacks.evaluator import WHILE_TRAINING
from mxgan.graphs.params_files import load_params
from mxgan.networks.recognition import network_of_params
from mxgan.runs.config import RunConfig
from mxgan.runtime import cpu_features
from mxgan.runtime.config import from_dict, to_dict
from tests.evaluating import cache_with_classifier
from tests.support import assert_same, long_but, params_of

TINY = {"ngf": 4, "ndf": 4, "nc": 1, "latent_size": 10}
RUNS = {  # what is trained → (recipe, size, further settings of the network, of the recipe)
    "dcgan 28": ("dcgan", 28, {}, {"ema": 0.9}),
    "gradient penalty, layer norm, 28x16": ("wgan-gp", (28, 16), {"discriminator_norm": "layer"}, {}),
    "spectral norm, 24x40": ("hinge", (24, 40), {"nc": 3}, {}),
    "weight clip, 20": ("wgan", 20, {}, {}),
    "conditional, 16x28": ("cgan", (16, 28), {}, {}),
    "auxiliary, 28": ("acgan", 28, {}, {}),
    "semi-supervised, minibatch, 28x20": ("ssgan", (28, 20), {"minibatch_kernels": 3}, {}),
}

QUICK = ("dcgan 28", "gradient penalty, layer norm, 28x16", "conditional, 16x28")


def config(recipe: str, size, network=(), more=(), **settings) -> RunConfig:
    row = mxgan.RECIPES[recipe]
    row = replace(row, network=replace(row.network, image_size=size, **{**TINY, **dict(network)}), batch_size=8)
    return RunConfig(recipe=replace(row, **dict(more)), sample_every=2, checkpoint_every=2, **settings)


def trained(settings: RunConfig, folder):
    session = mxgan.start(settings, folder, display="none", progress=False)
    session.run()
    return session


@pytest.mark.parametrize("name", long_but(RUNS, *QUICK))
def test_each_kind_of_network_is_trained_resumed_and_drawn(name, tmp_path):
    whole = trained(config(*RUNS[name], steps=4), tmp_path / "whole")
    last = params_of(whole.trainer.pair)
    assert all(np.isfinite(value).all() for value in last.values())
    trained(config(*RUNS[name], steps=2), tmp_path / "part")
    again = mxgan.resume(tmp_path / "part", steps=4, display="none", progress=False)
    assert again.config.recipe == whole.config.recipe
    again.run()
    assert_same(params_of(again.trainer.pair), last)

    shape = whole.config.recipe.network.image_shape
    images = mxgan.load_sampler(tmp_path / "whole").draw(3, seed=1)
    assert images.shape == (3, *shape)
    newest = whole.folder.latest_checkpoint()
    alone = tmp_path / "alone.params"
    alone.write_bytes(next(newest.glob("*_G_*.params")).read_bytes())
    recognised = network_of_params(load_params(alone)[0])
    assert recognised.image_shape == shape
    if not whole.config.recipe.ema:  # else the run is drawn by the average
        found = mxgan.load_sampler(alone).draw(3, seed=1)
        if recognised.fix_gamma == whole.config.recipe.network.fix_gamma:
            np.testing.assert_array_equal(found, images)
    grid = cv2.imread(str(tmp_path / "whole" / "samples" / "data-000004.png"))
    assert (grid.shape[0] + 2) % (shape[1] + 2) == (grid.shape[1] + 2) % (shape[2] + 2) == 0


def test_the_size_in_config_json_is_a_number_or_a_list_of_two():
    for size, written in ((28, 28), ((32, 32), 32), ((48, 96), [48, 96])):
        kept = json.loads(json.dumps(to_dict(config("dcgan", size, steps=1))))
        assert kept["recipe"]["network"]["image_size"] == written
        assert from_dict(RunConfig, kept) == config("dcgan", size, steps=1)


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    """A cache that has a classifier of the digits."""
    with cache_with_classifier(tmp_path_factory.mktemp("cache")) as place:
        yield place


def test_a_run_of_another_aspect_ratio_is_measured(classified, tmp_path):
    trained(config("cgan", (16, 28), steps=2, split="train"), tmp_path / "run")
    names = ["swd", "ms_ssim", "copies", "frechet", "class_agreement"]
    found = mxgan.evaluate(tmp_path / "run", metrics=names, samples=100, progress=False)
    assert set(found.results) == set(names)
    assert all(np.isfinite(score.value) for score in found.results.values())
    told = json.loads(found.as_json())["protocol"]
    assert told["reference"]["image_shape"] == [1, 16, 28]
    assert told["reference"]["measured_side"] == [16, 32]
    assert told["resizing"]["classifier"].endswith("; what another aspect ratio leaves over repeats the edge")


@pytest.mark.long  # swd of 256 images
@pytest.mark.parametrize("size", [28, (16, 28)])
def test_a_run_is_measured_while_it_trains(classified, tmp_path, size):
    trained(config("cgan", size, steps=2, evaluate_every=2, split="train"), tmp_path / "run")
    (line,) = map(json.loads, (tmp_path / "run" / "evaluation.jsonl").read_text().splitlines())
    assert all(np.isfinite(line[name]) for name in WHILE_TRAINING)


@pytest.mark.skipif("avx512_bf16" not in cpu_features(), reason="this CPU has no AVX512_BF16")
def test_bfloat16_at_another_aspect_ratio(tmp_path):
    session = trained(config("dcgan", (28, 16), more={"precision": "bfloat16"}, steps=2), tmp_path / "run")
    assert all(np.isfinite(value).all() for value in params_of(session.trainer.pair).values())
