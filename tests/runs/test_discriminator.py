"""D's features of a run, for each recipe that has a D of its own kind."""

from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.pictures.latents.projection import Search, project
from mxgan.runs.discriminator import features_of_run
from tests.support import SMALLER, long_but, tiny_config


def started(recipe, folder, **changes):
    recipe = mxgan.RECIPES[recipe]
    network = replace(recipe.network, **SMALLER[recipe.network.name], **changes)
    config = replace(tiny_config(steps=1), recipe=replace(recipe, network=network, batch_size=8))
    mxgan.start(config, folder, display="none").run()
    return folder


@pytest.mark.parametrize("recipe", long_but(sorted(mxgan.RECIPES), "hinge", "acgan"))
def test_images_are_projected_by_the_features_of_each_recipe(recipe, tmp_path):
    """hinge has spectral normalisation, acgan classes and a second output."""
    run = started(recipe, tmp_path / "run", **({"minibatch_kernels": 0} if recipe == "ssgan" else {}))
    sampler = mxgan.load_sampler(run, batch_size=4)
    classes = sampler.classes_of(2)
    images = sampler.draw(2, 9)
    search = Search(starts=1, steps=10, candidates=8)
    found = project(sampler, images, classes, features_of_run(run), search)
    assert np.isfinite(found.errors).all()
    np.testing.assert_allclose(found.images, sampler.sample(found.latents, classes), atol=1e-6)


def test_features_that_depend_on_the_batch_are_refused(tmp_path):
    run = started("ssgan", tmp_path / "run", minibatch_kernels=2)
    with pytest.raises(ArgumentError, match=r"depend on the whole batch, because of minibatch discrimination"):
        features_of_run(run)
    with pytest.raises(ArgumentError, match="has no checkpoint of step 7"):
        features_of_run(started("dcgan", tmp_path / "other"), 7)
