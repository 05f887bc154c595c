"""`Sampler` of generators with conditions and with losses of their own."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.runtime import mx
from mxgan.training.sampler import Sampler
from tests.support import params_of
from tests.training.test_conditions import CODE, DIM, LATENT, N, arrays, dense, discriminator, generator, make_pair, var


def test_a_sampler_draws_the_first_output_under_conditions():
    pair = make_pair()
    sampler = Sampler(pair.generator.symbol, (LATENT,), batch_size=3, conditions={"cond": (CODE,)})
    sampler.copy_from(pair)
    latents, ((_, c, _),) = sampler.latents(N, seed=1), arrays(pair.schedule, 0)[1]
    expected = np.tanh(np.hstack([latents, c]) @ params_of(pair)["g1_weight"].T)
    np.testing.assert_allclose(sampler.sample(latents, conditions={"cond": c}), expected, rtol=1e-5)
    for given, words in (
        ({}, r"the condition 'cond' is None; give \(4, 5\)"),
        ({"cond": c[:2]}, r"the condition 'cond' is \(2, 5\); give \(4, 5\)"),
    ):
        with pytest.raises(ArgumentError, match=words):
            sampler.sample(latents, conditions=given)
    with pytest.raises(ArgumentError, match=r"the condition 'cond' is None"):
        sampler.draw(3)


def test_a_sampler_of_a_condition_alone_takes_no_latents():
    sampler = Sampler(generator(("cond",)), None, conditions={"cond": (CODE,)})
    sampler.module.init_params(mx.init.One())
    assert sampler.sample(None, conditions={"cond": np.zeros((2, CODE))}).shape == (2, DIM)
    with pytest.raises(ArgumentError, match="this generator takes no latents; give None"):
        sampler.sample(np.zeros((2, LATENT)), conditions={"cond": np.zeros((2, CODE))})
    with pytest.raises(ArgumentError, match="takes no latents; call sample"):
        sampler.draw(2)


def test_parameters_of_a_loss_alone_are_no_parameters_of_the_image():
    image = dense(var("rand"), "g1", DIM)
    symbol = mx.sym.Group([image, mx.sym.MakeLoss(dense(image, "guess", 1))])
    pair = make_pair(symbol, discriminator())
    made = Sampler(symbol, (LATENT,), parameters=pair.generator_params())
    assert made.draw(2).shape == (2, DIM)
    with pytest.raises(CheckpointError, match="has unknown other"):
        made.set_params({**pair.generator_params()[0], "other": mx.nd.zeros(1)}, {})


def test_the_number_of_classes_fits_the_symbol():
    with pytest.raises(ArgumentError, match="classes is 3, and the generator takes no 'class_label'"):
        Sampler(dense(var("rand"), "g1", DIM), (LATENT,), classes=3)


def test_names_that_are_no_conditions_are_refused():
    sampler = Sampler(generator(), (LATENT,), conditions={"cond": (CODE,)})
    sampler.module.init_params(mx.init.One())
    latents, code = np.zeros((2, LATENT), "f"), np.zeros((2, CODE), "f")
    for name in ("rand", "label", "class_label", "other"):
        with pytest.raises(ArgumentError, match=f"unknown condition {name!r}.* Known: cond"):
            sampler.sample(latents, conditions={"cond": code, name: latents + 1})
    with pytest.raises(ArgumentError, match="conditions is 'cond'; give"):
        sampler.sample(latents, conditions="cond")
    plain = Sampler(dense(var("rand"), "g1", DIM), (LATENT,), conditions=None)
    plain.module.init_params(mx.init.One())
    assert plain.sample(latents, conditions=None).shape == (2, DIM)
