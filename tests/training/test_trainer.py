import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.runtime import mx
from mxgan.training.callback import Callback
from mxgan.training.schedule import InstanceNoise, Schedule
from tests.support import assert_same, make_pair, params_of


class Diary(Callback):
    """Writes down which hook was told what."""

    def __init__(self):
        self.lines = []

    def on_fit_begin(self, trainer):
        self.lines.append("begin")

    def on_step_begin(self, trainer):
        self.lines.append(f"step {trainer.step}")

    def on_step_end(self, trainer, batch, result):
        assert batch.data[0].shape == result.fake.shape
        self.lines.append(f"done {trainer.step} ({trainer.epoch}, {trainer.iteration})")

    def on_epoch_end(self, trainer):
        self.lines.append(f"epoch {trainer.epoch}")

    def on_fit_end(self, trainer):
        self.lines.append("end")

    def close(self, trainer):
        self.lines.append("close")


def images(count):
    return np.tanh(np.random.default_rng(0).standard_normal((count, 3, 16, 16))).astype(np.float32)


def mxnets_own_iterator(count=10):
    return mx.io.NDArrayIter(images(count), batch_size=4)


def test_hooks_are_told_in_order_with_mxnets_own_iterator():
    diary = Diary()
    trainer = mxgan.Trainer(make_pair(), mxnets_own_iterator(), callbacks=[diary])
    trainer.fit(steps=4)
    done = ["done 1 (0, 1)", "done 2 (0, 2)", "done 3 (0, 3)", "done 4 (1, 1)"]
    steps = [line for i in range(4) for line in (f"step {i}", done[i])]
    assert diary.lines == ["begin", *steps[:6], "epoch 1", *steps[6:], "end", "close"]


def test_fit_goes_on_where_it_was():
    whole, parts = (mxgan.Trainer(make_pair(), mxgan.open_dataset("digits", batch_size=4, image_size=16)) for _ in "ab")
    whole.fit(steps=5)
    parts.fit(steps=2)
    parts.fit(steps=5)
    assert parts.step == 5
    assert_same(params_of(parts.pair), params_of(whole.pair))


def test_epochs_count_from_the_runs_beginning():
    trainer = mxgan.Trainer(make_pair(), mxnets_own_iterator())
    trainer.fit(epochs=2)
    assert (trainer.step, trainer.epoch, trainer.iteration) == (6, 2, 0)
    trainer.fit(epochs=2)
    assert trainer.step == 6


def test_a_callback_may_stop_the_training():
    class Stop(Callback):
        def on_step_end(self, trainer, batch, result):
            if trainer.step == 2:
                trainer.stop("enough")

    trainer = mxgan.Trainer(make_pair(), mxnets_own_iterator(), callbacks=[Stop()])
    trainer.fit(epochs=9)
    assert (trainer.step, trainer.stopping) == (2, "enough")


def test_callbacks_are_closed_after_an_error_but_not_told_of_an_end():
    class Fail(Diary):
        def on_step_end(self, trainer, batch, result):
            raise RuntimeError("boom")

    fail, diary = Fail(), Diary()
    with pytest.raises(RuntimeError, match="boom"):
        mxgan.Trainer(make_pair(), mxnets_own_iterator(), callbacks=[diary, fail]).fit(steps=3)
    assert diary.lines == ["begin", "step 0", "done 1 (0, 1)", "close"]
    assert fail.lines[-1] == "close"


@pytest.mark.parametrize("end", [{}, {"steps": 1, "epochs": 1}])
def test_one_end_is_needed(end):
    with pytest.raises(ArgumentError, match="give either steps or epochs"):
        mxgan.Trainer(make_pair(), mxnets_own_iterator()).fit(**end)


def test_the_noise_is_a_function_of_the_step():
    noisy, again, silent = (
        mxgan.Trainer(make_pair(), mxnets_own_iterator(), noise=noise, seed=5)
        for noise in (InstanceNoise(0.5, steps=2), InstanceNoise(0.5, steps=2), InstanceNoise())
    )
    mx.random.seed(1)
    noisy.fit(steps=3)
    mx.random.seed(2)  # what was drawn before does not matter
    again.fit(steps=3)
    silent.fit(steps=3)
    assert_same(params_of(noisy.pair), params_of(again.pair))
    assert not np.array_equal(params_of(noisy.pair)["d1_weight"], params_of(silent.pair)["d1_weight"])


def test_latents_of_ones_own_iterator():
    class Constant(mxgan.RandIter):
        def next(self):
            return mx.io.DataBatch([mx.nd.ones((4, 10, 1, 1))])

    seen = []

    class Look(Callback):
        def on_step_end(self, trainer, batch, result):
            seen.append(result.fake.asnumpy())

    trainer = mxgan.Trainer(make_pair(), mxnets_own_iterator(), latents=Constant(4, 10), callbacks=[Look()])
    trainer.fit(steps=1)
    assert np.array_equal(seen[0][0], seen[0][3])


def test_a_step_of_several_batches_leaves_what_is_too_few_at_an_epochs_end():
    data = mxgan.open_dataset("digits", batch_size=4, image_size=16, limit=20)  # five batches
    pair = make_pair(schedule=Schedule(discriminator_updates=2))
    diary = Diary()
    trainer = mxgan.Trainer(pair, data, callbacks=[diary])
    trainer.fit(epochs=2)
    assert (trainer.step, trainer.epoch) == (4, 2)
    assert diary.lines.count("epoch 1") == 1
    parts = mxgan.Trainer(make_pair(schedule=Schedule(discriminator_updates=2)), data)
    for end in (1, 3, 4):  # also in the middle of an epoch
        parts.fit(steps=end)
    assert_same(params_of(parts.pair), params_of(pair))


@pytest.mark.parametrize("data", [mxgan.ImageArrayIter(np.zeros((7, 8, 8), np.uint8), batch_size=4, image_size=16)])
def test_an_epoch_too_short_for_one_step_is_an_error(data):
    with pytest.raises(ArgumentError, match="has 2 whole batches of 4, and one step takes 3; give a smaller"):
        mxgan.Trainer(make_pair(schedule=Schedule(discriminator_updates=3)), data)
    endless = mxgan.Trainer(make_pair(schedule=Schedule(discriminator_updates=4)), mxnets_own_iterator())
    with pytest.raises(ArgumentError, match="has 0 whole batches of 4, and one step takes 4"):
        endless.fit(epochs=1)


def test_fixed_latents_are_the_same_in_every_step():
    seen = []
    pair = make_pair(schedule=Schedule(fresh_fakes=True, fixed_latents=True))
    generate = pair.generate
    pair.generate = lambda latents, *more, **named: seen.append(latents.asnumpy()) or generate(latents, *more, **named)
    mxgan.Trainer(pair, mxnets_own_iterator()).fit(steps=3)
    assert len(seen) == 6
    assert not np.array_equal(seen[0], seen[1])  # D's and G's differ
    for step in range(1, 3):
        np.testing.assert_array_equal(seen[2 * step], seen[0])
        np.testing.assert_array_equal(seen[2 * step + 1], seen[1])


# ---- iterators without seek ----


class OriginalRandIter(mx.io.DataIter):
    """The iterator of MXNet's example: no seek, and the names as old code has them; `ends` after so many batches."""

    def __init__(self, batch_size, ndim, ends=None):
        super().__init__(batch_size)
        self.ndim, self.ends, self.given, self.resets = ndim, ends, 0, 0
        self.provide_data = [("rand", (batch_size, ndim, 1, 1))]
        self.provide_label = []

    def reset(self):
        self.given, self.resets = 0, self.resets + 1

    def iter_next(self):
        self.given += 1
        return self.ends is None or self.given <= self.ends

    def getdata(self):
        return [mx.random.normal(0, 1.0, shape=(self.batch_size, self.ndim, 1, 1))]


def test_latents_without_seek_are_taken_as_they_come():
    """Since the trainer seeds MXNet in each step, latents of mx.random are the same in a fit that goes on."""
    whole, parts = (mxgan.Trainer(make_pair(), mxnets_own_iterator(12), latents=OriginalRandIter(4, 10)) for _ in "ab")
    whole.fit(steps=6)
    for end in (3, 6):  # whole epochs: this data begins each one anew
        parts.fit(steps=end)
    assert_same(params_of(parts.pair), params_of(whole.pair))
    own = mxgan.Trainer(make_pair(), mxnets_own_iterator(12))
    own.fit(steps=6)
    assert not np.array_equal(params_of(own.pair)["g1_weight"], params_of(whole.pair)["g1_weight"])


def test_latents_that_end_begin_again():
    latents = OriginalRandIter(4, 10, ends=2)
    trainer = mxgan.Trainer(make_pair(schedule=Schedule(fresh_fakes=True)), mxnets_own_iterator(), latents=latents)
    trainer.fit(steps=3)  # six batches
    assert (trainer.step, latents.resets) == (3, 2)
    empty = mxgan.Trainer(make_pair(), mxnets_own_iterator(), latents=OriginalRandIter(4, 10, ends=0))
    with pytest.raises(ArgumentError, match="OriginalRandIter has no batch, not even after reset"):
        empty.fit(steps=1)


def test_latents_of_another_shape_are_refused_before_a_step():
    with pytest.raises(ShapeError, match=r"'rand' is NDArray \(4, 9, 1, 1\) float32; give a float32 .*\(4, 10, 1, 1\)"):
        mxgan.Trainer(make_pair(), mxnets_own_iterator(), latents=OriginalRandIter(4, 9)).fit(steps=1)


def test_fixed_latents_need_a_way_back():
    pair = make_pair(schedule=Schedule(fixed_latents=True))
    with pytest.raises(ArgumentError, match=r"the schedule has fixed_latents, and these latents have no seek\(batch\)"):
        mxgan.Trainer(pair, mxnets_own_iterator(), latents=OriginalRandIter(4, 10))


def test_labelled_images_without_seek_go_round():
    network = mxgan.NETWORKS["semi-supervised-dcgan"](ngf=4, ndf=4, image_size=16, latent_size=10, classes=3)
    discriminator, head = with_heads(get_objective("gan"), network.discriminator(), labelled=True)
    pair = mxgan.AdversarialPair(
        network.generator(), discriminator, generator_head=head, latent_shape=network.latent_shape,
        image_shape=network.image_shape, batch_size=4, labelled=True,
    )  # fmt: skip
    pair.init_params(mx.init.Normal(0.02))
    pair.init_optimizers(mxgan.OptimizerConfig(), mxgan.OptimizerConfig())
    labelled = mx.io.NDArrayIter(images(8), np.arange(8) % 3, batch_size=4)  # two batches
    trainer = mxgan.Trainer(pair, mxnets_own_iterator(20), labelled=labelled)
    trainer.fit(steps=5)
    assert trainer.step == 5
