"""Whole runs as contenders: the bare loop is the pair's step, and README's command gives a picture."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.running import (
    _bare_step,
    _Run,
    first_command,
    first_picture,
    trainer_and_bare_loop,
    training,
    with_and_without,
)
from mxgan.runtime import mx
from tests.support import assert_same, params_of

DIGITS = {"dataset": "digits", "data_dir": None}
TINY = {"batch_size": 4, "network.image_size": 16}
NARROW = {"network.ngf": 2, "network.ndf": 2}


def run_of(recipe: str, **settings) -> _Run:
    return _Run(**DIGITS, recipe=recipe, **{**TINY, **NARROW, **settings})


@pytest.mark.parametrize("recipe", ["dcgan", "dcgan-original"])
def test_the_bare_loop_is_the_step_of_the_pair_to_the_bit(recipe):
    first, second = (run_of(recipe, **{"instance_noise.sigma": 0.0}) for _ in range(2))
    bare = _bare_step(first.trainer)
    trainer = second.trainer
    latents, images = trainer.latents.next().data[0], trainer.data.next().data[0]
    for _ in range(2):
        bare()
        trainer.pair.step(latents, images)
    assert_same(params_of(first.trainer.pair), params_of(trainer.pair))
    averages = [run.trainer.pair.generator_params()[0] for run in (first, second)]
    for name, value in averages[0].items():
        np.testing.assert_array_equal(value.asnumpy(), averages[1][name].asnumpy(), err_msg=name)
    first.close()
    second.close()


def test_a_run_goes_on_over_the_end_of_an_epoch():
    run = run_of("dcgan", batch_size=512)  # four batches in an epoch of the digits
    run.train(6)
    assert (run.trainer.step, run.trainer.epoch) == (6, 1)
    run.close()


def test_units_measure_themselves():
    unit = training(**DIGITS, nc=1, width=2, steps=2, **TINY)
    assert unit.images == 8
    assert unit.run()["seconds"] > 0
    unit.finish()
    without = {"instance_noise.sigma": 0.0}
    unit = with_and_without(**DIGITS, recipe="dcgan", without=without, width=2, steps=1, **TINY)
    assert set(unit.run()) == {"with", "without"}
    unit.finish()


def test_what_is_left_out_is_left_out_of_one_run_alone():
    side = {"network.image_size": 32}
    with_it, without = run_of("few", **side), run_of("few", **side, augment=[])
    assert with_it.trainer.pair.augmenter.draw(mx.nd.zeros, 4)
    assert not without.trainer.pair.augmenter.draw(mx.nd.zeros, 4)
    for run in (with_it, without):
        run.close()


@pytest.mark.long
def test_the_trainer_and_its_bare_loop():
    unit = trainer_and_bare_loop(**DIGITS, steps=1, width=2)
    assert set(unit.run()) == {"bare", "trainer", "grids", "checkpointer"}
    unit.finish()


def test_the_first_command_is_that_of_readme():
    words = first_command()
    assert words[0] == "train"
    assert "--dataset" in words


@pytest.mark.long
def test_the_first_picture_is_waited_for():
    unit = first_picture(["--ngf", "2", "--ndf", "2", "--sample-every", "2"])
    assert unit.run()["first_picture"] > 0


@pytest.mark.long
def test_a_command_without_a_picture_is_an_error():
    with pytest.raises(RuntimeError, match="ended with 2 and no picture"):
        first_picture(["--no-such-flag"]).run()
