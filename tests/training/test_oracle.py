"""The package against an independent plain loop (tests/oracle): the same numbers, to the last bit.

The tolerance is zero. Both sides run the same operators on the same shapes in the same order on the same threads;
splitting D's executor in two removes operators whose results nobody reads and changes none that somebody does.
"""

from __future__ import annotations

import numpy as np
import pytest

import mxgan
from mxgan.runtime import mx
from mxgan.runtime.draws import draw_latents
from tests.oracle.original_loop import OriginalLoop, symbols
from tests.support import assert_same, params_of

# ngf, ndf, batch size, and what differs from the original's settings
CASES = [
    (8, 8, 6, {}),
    (12, 4, 4, {}),
    (4, 12, 7, {"fix_gamma": False}),
    (4, 4, 5, {"no_bias": False}),
    (4, 4, 5, {"real_label": 0.9}),
]


def make_pair(ngf: int, ndf: int, batch_size: int, nc: int = 3, seed: int = 3, real_label: float = 1.0, **layers):
    pair = mxgan.AdversarialPair(
        *mxgan.make_dcgan_sym(ngf, ndf, nc, **layers),
        latent_shape=(100, 1, 1),
        image_shape=(nc, 64, 64),
        batch_size=batch_size,
        real_label=real_label,
    )
    pair.init_params(mx.init.Normal(0.02), seed=seed)
    pair.init_optimizers(mxgan.OptimizerConfig(), mxgan.OptimizerConfig())
    return pair


@pytest.mark.parametrize("ngf, ndf, batch_size, settings", CASES)
def test_five_steps_equal_the_original_loop_bit_for_bit(ngf, ndf, batch_size, settings):
    data = mxgan.open_dataset("digits", batch_size=batch_size)
    pair, oracle = make_pair(ngf, ndf, batch_size, **settings), OriginalLoop(ngf, ndf, 3, batch_size, **settings)
    oracle.set_params(*pair.get_params())
    before = params_of(pair)
    data.seek(0, data.batches_per_epoch - 3)  # the third batch is the padded last one of the epoch
    for step in range(5):
        if step == 3:
            data.seek(1)
        images = data.next().data[0]
        assert (data.getpad() > 0) == (step == 2)
        latents = draw_latents((batch_size, 100, 1, 1), seed=5, index=step)
        expected = oracle.step(latents, images.asnumpy())
        result = pair.step(mx.nd.array(latents), images)
        assert_same({name: getattr(result, name).asnumpy() for name in expected}, expected)
    found = params_of(pair)
    assert_same(found, oracle.params())
    moved = [name for name in found if np.abs(found[name] - before[name]).max() > 0]
    still = set(found) - set(moved)
    # A bias before BatchNorm is taken out again by its mean, so its gradient is rounding, and may be nothing.
    assert all(name.endswith(("_gamma", "_bias")) for name in still), still


@pytest.mark.parametrize("no_bias", [True, False])
def test_the_symbols_are_those_of_the_original(no_bias):
    for ours, theirs in zip(mxgan.make_dcgan_sym(8, 12, 3, no_bias=no_bias), symbols(8, 12, 3, no_bias=no_bias)):
        assert ours.list_arguments() == theirs.list_arguments()
        assert ours.list_auxiliary_states() == theirs.list_auxiliary_states()
        assert ours.list_outputs() == theirs.list_outputs()
        inputs = {"rand": (2, 100, 1, 1)} if "rand" in ours.list_arguments() else {"data": (2, 3, 64, 64)}
        assert ours.infer_shape(**inputs) == theirs.infer_shape(**inputs)
        internal = [name for name in theirs.get_internals().list_outputs() if not name.startswith("flatten")]
        found = ours.get_internals().list_outputs()
        assert [name for name in found if not name.startswith("flatten")] == internal


def test_files_of_the_original_load_here_and_ours_load_there(tmp_path):
    oracle, pair = OriginalLoop(8, 8, 3, 4), make_pair(8, 8, 4, 3)
    oracle.mod_g.save_params(str(tmp_path / "mnist_G_2017_08_11-20_24-0090.params"))
    oracle.mod_d.save_params(str(tmp_path / "mnist_D_2017_08_11-20_24-0090.params"))
    pair.set_params(*(mxgan.load_params(tmp_path / f"mnist_{half}_2017_08_11-20_24-0090.params") for half in "GD"))
    assert_same(params_of(pair), oracle.params())

    images = mxgan.load_sampler(tmp_path / "mnist_G_2017_08_11-20_24-0090.params", batch_size=4).draw(4)
    latents = draw_latents((4, 100, 1, 1), 0, 0, stream="samples")
    oracle.mod_g.forward(mx.io.DataBatch([mx.nd.array(latents)], None), is_train=False)
    # DCGAN's first layer is a matrix product, the original's a Deconvolution: the last bits differ.
    np.testing.assert_allclose(images, oracle.mod_g.get_outputs()[0].asnumpy(), rtol=1e-4, atol=1e-8)

    other = make_pair(8, 8, 4, 3, seed=9)
    for half, params, module in zip("GD", other.get_params(), (oracle.mod_g, oracle.mod_d)):
        mxgan.save_params(tmp_path / f"{half}.params", *params)
        module.load_params(str(tmp_path / f"{half}.params"))
    assert_same(oracle.params(), params_of(other))


def test_two_devices_train_as_one_does_but_for_batch_norm():
    """Each device normalises its own half of the batch, as MXNet does, so only a network without BatchNorm agrees."""
    score = mx.sym.Flatten(mx.sym.Convolution(mx.sym.var("data"), name="d1", kernel=(8, 8), num_filter=1))
    discriminator = mx.sym.LogisticRegressionOutput(score, mx.sym.var("label"), name="dloss")
    image = mx.sym.Deconvolution(mx.sym.var("rand"), name="g1", kernel=(8, 8), num_filter=3, no_bias=False)
    generator = mx.sym.Activation(image, act_type="tanh", name="gact1")
    found = []
    for contexts in ([mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]):
        pair = mxgan.AdversarialPair(
            generator, discriminator, latent_shape=(10, 1, 1), image_shape=(3, 8, 8), batch_size=6, contexts=contexts
        )
        pair.init_params(mx.init.Normal(0.02), seed=3)
        pair.init_optimizers(mxgan.OptimizerConfig(), mxgan.OptimizerConfig())
        for step in range(4):
            images = mx.nd.array(np.tanh(draw_latents((6, 3, 8, 8), 1, step)))
            pair.step(mx.nd.array(draw_latents((6, 10, 1, 1), 5, step)), images)
        found.append(params_of(pair))
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-4, atol=1e-6, err_msg=name)
