"""`Trainer` and data with several arrays: by name or by place."""

from __future__ import annotations

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from tests.support import assert_same, params_of
from tests.training.test_conditions import CODE, DIM, LATENT, N, dense, discriminator, generator, make_pair, var


def data_of(count: int = 12, **renamed) -> dict:
    rng = np.random.default_rng(0)
    sizes = {"data": DIM, "cond": CODE, "target": DIM}
    return {renamed.get(name, name): rng.standard_normal((count, size)).astype("f") for name, size in sizes.items()}


def test_a_trainer_finds_the_conditions_by_name():
    """NDArrayIter sorts: cond, data, target."""
    found = data_of()
    data = mx.io.NDArrayIter(found, batch_size=N)
    assert [name for name, *_ in data.provide_data] == ["cond", "data", "target"]
    trained, by_hand = make_pair(), make_pair()
    trainer = mxgan.Trainer(trained, data)
    trainer.fit(steps=3)
    for number in range(3):
        rows = slice(number * N, (number + 1) * N)
        latents = mxgan.RandIter(N, (LATENT,))
        latents.seek(number)
        batch = mx.io.DataBatch([mx.nd.array(found[name][rows]) for name in ("data", "cond", "target")])
        by_hand.step(latents.next().data[0], batch)
    assert_same(params_of(trained), params_of(by_hand))


def test_a_trainer_takes_the_place_where_there_are_no_names_and_refuses_a_name_astray():
    arrays = list(data_of().values())
    by_place = mx.io.NDArrayIter(arrays, batch_size=N)  # _0_data, _1_data, _2_data
    by_name = mx.io.NDArrayIter(data_of(), batch_size=N)
    pairs = [make_pair(), make_pair()]
    for pair, data in zip(pairs, (by_place, by_name)):
        mxgan.Trainer(pair, data).fit(steps=2)
    assert_same(*map(params_of, pairs))
    with pytest.raises(ArgumentError, match="a batch of 'data' has 4 arrays, and the pair takes 3"):
        mxgan.Trainer(make_pair(), mx.io.NDArrayIter([*arrays, arrays[0]], batch_size=N)).fit(steps=1)
    data = mx.io.NDArrayIter(data_of(data="image"), batch_size=N)  # cond, image, target
    with pytest.raises(ArgumentError, match="the data give cond, image, target, and the pair takes data, cond, target"):
        mxgan.Trainer(make_pair(), data)


def test_a_trainer_of_a_condition_alone_draws_no_latents():
    pair = make_pair(generator(("cond",)), discriminator(), latent_shape=None)
    trainer = mxgan.Trainer(pair, mx.io.NDArrayIter(data_of(), batch_size=N))
    trainer.fit(steps=4)
    assert (trainer.step, trainer.epoch, trainer.latents) == (4, 1, None)


def test_images_astray_are_refused():
    """NDArrayIter sorts by name, and `a` comes before `data`: the sketches would be trained as images."""
    settings = {"generator_head": None, "conditions": {"A": (DIM,)}}
    judge = mx.sym.LogisticRegressionOutput(dense(mx.sym.Concat(var("data"), var("A")), "d1", 1), var("label"))
    pair = make_pair(dense(var("rand"), "g1", DIM), judge, **settings)
    found = data_of()
    data = mx.io.NDArrayIter({"data": found["data"], "a": found["target"]}, batch_size=N)
    with pytest.raises(ArgumentError, match="give a, data, and the pair takes data, A: 'data' is in another place"):
        mxgan.Trainer(pair, data)


def test_labelled_batches_have_an_order_of_their_own():
    """D has a classifier, and takes a condition; real batches are in the pair's order, labelled ones sorted by name."""
    seen = mx.sym.Concat(var("data"), var("cond"), dim=1)
    classes = mx.sym.SoftmaxOutput(
        dense(seen, "d2", 3), var("class_label"), name="closs", use_ignore=True, ignore_label=-1
    )
    judge = mx.sym.Group([discriminator(), classes])
    settings = {"generator_head": None, "conditions": {"cond": (CODE,)}, "labelled": True}
    found, labels = data_of(N), np.arange(N) % 3
    by_name = {name: found[name] for name in ("data", "cond")}
    pairs = [make_pair(generator(), judge, **settings) for _ in range(2)]
    for pair, labelled in zip(pairs, (by_name, [found["data"], found["cond"]])):
        real = mx.io.NDArrayIter([found["data"], found["cond"]], batch_size=N)
        mxgan.Trainer(pair, real, labelled=mx.io.NDArrayIter(labelled, labels, batch_size=N)).fit(steps=2)
    assert_same(*map(params_of, pairs))


@pytest.mark.parametrize(
    "settings, words",
    [
        (
            {"latents": "uniform"},
            r"latents is 'uniform', which has no next\(\); give .* such as mxgan.RandIter\(.*=\"uniform\"\)",
        ),
        ({"latents": mx.nd.zeros((N, LATENT))}, "latents is .*, which has no next"),
        ({"latents": [1]}, r"latents is \[1\], which has no next"),
        ({"latents": (each for each in ())}, "latents is <generator object .*, which has no next"),
        ({"data": None}, "data is None, which has no next.*such as mx.io.NDArrayIter"),
        ({"labelled": {}}, "labelled is {}, which has no next"),
    ],
)
def test_what_gives_no_batches_is_refused_at_once(settings, words):
    data = settings.pop("data", mx.io.NDArrayIter(data_of(), batch_size=N))
    with pytest.raises(ArgumentError, match=words):
        mxgan.Trainer(make_pair(), data, **settings)


def test_batches_without_arrays_are_said():
    class Empty(mx.io.NDArrayIter):
        def next(self):
            return mx.io.DataBatch(None)

    for data in (Empty(data_of(), batch_size=N), Empty(list(data_of().values()), batch_size=N)):
        with pytest.raises(ArgumentError, match="a batch of 'data' has 0 arrays, and the pair takes 3"):
            mxgan.Trainer(make_pair(), data).fit(steps=1)


def test_labelled_images_with_seek_need_the_length_of_an_epoch():
    class Seeking(mx.io.NDArrayIter):
        def seek(self, epoch, batch):
            pass

    labelled = Seeking(data_of(), batch_size=N)
    with pytest.raises(ArgumentError, match=r"labelled has seek\(epoch, batch\) and no batches_per_epoch"):
        mxgan.Trainer(make_pair(), mx.io.NDArrayIter(data_of(), batch_size=N), labelled=labelled)
