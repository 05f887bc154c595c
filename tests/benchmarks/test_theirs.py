"""The peers' networks are ours: parameters, outputs with the same weights, and steps that train."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.networks import Residual
from mxgan.runtime import mx

torch = pytest.importorskip("torch", reason="PyTorch is not installed; setup.py has it in the extra of benchmarks")

from benchmarks.theirs import critic_step, training_step  # noqa: E402 - after the skip
from benchmarks.theirs_residual import residual_networks  # noqa: E402
from benchmarks.theirs_residual import training_step as residual_step  # noqa: E402

WIDTH = 6


def executor_of(symbol, name: str, shape: tuple):
    """(a bound executor with random parameters, its parameters in order) of a network with one input."""
    found = symbol.simple_bind(mx.cpu(), grad_req="null", **{name: shape})
    rng = np.random.default_rng(0)
    for each in (*found.arg_dict.values(), *found.aux_dict.values()):
        each[:] = rng.uniform(0.1, 0.3, each.shape)
    return found, [value.asnumpy() for key, value in found.arg_dict.items() if key != name]


def copied(network, parameters: list) -> None:
    """Give a network of PyTorch these parameters, which are in the same order."""
    own = list(network.parameters())
    assert [tuple(each.shape) for each in own] == [each.shape for each in parameters]
    with torch.no_grad():
        for mine, given in zip(own, parameters):
            mine.copy_(torch.from_numpy(given))


def test_residual_networks_are_those_of_mxgan():
    ours = Residual(ngf=WIDTH, ndf=WIDTH, image_size=32)
    generator, discriminator = residual_networks(WIDTH, normalised=False)
    rng = np.random.default_rng(1)
    cases = [
        (ours.generator(), "rand", rng.standard_normal((3, 128)), generator),
        (ours.discriminator(), "data", rng.uniform(-1, 1, (3, 3, 32, 32)), discriminator),
    ]
    for symbol, name, given, network in cases:
        bound, parameters = executor_of(symbol, name, given.shape)
        copied(network, [0.1 * each for each in parameters])
        for key, value in bound.arg_dict.items():
            value[:] = value * 0.1 if key != name else mx.nd.array(given)
        expected = bound.forward(is_train=True)[0].asnumpy()
        with torch.no_grad():
            found = network.train()(torch.from_numpy(given.astype(np.float32))).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_d_alone_is_normalised_in_every_weight():
    generator, discriminator = residual_networks(WIDTH)
    layers = [each for each in discriminator.modules() if isinstance(each, (torch.nn.Conv2d, torch.nn.Linear))]
    assert len(layers) == 11
    assert all(torch.nn.utils.parametrize.is_parametrized(each, "weight") for each in layers)
    assert not any(torch.nn.utils.parametrize.is_parametrized(each) for each in generator.modules())


@pytest.mark.parametrize(
    "make, settings",
    [
        (training_step, {"noise": 0.1, "frozen": True, "channels_last": True, "size": 16}),
        (training_step, {"noise": 0.1, "bfloat16": True, "size": 16}),
        (critic_step, {"joined": True, "size": 16}),
        (residual_step, {"channels_last": True, "fused": True}),
    ],
)
def test_a_peers_unit_runs(make, settings):
    unit = make(batch=2, width=2, steps=1, **settings)
    assert unit.run() is None
    assert unit.images == 2


def test_one_pass_of_the_critic_trains_as_two(monkeypatch):
    """The same draws, the critic's weights after a step."""
    import benchmarks.theirs as theirs

    weights, made = [], theirs.networks
    for joined in (False, True):
        kept = []

        def remembered(*given, kept=kept, **more):
            kept.extend(made(*given, **more))
            return kept

        monkeypatch.setattr(theirs, "networks", remembered)
        torch.manual_seed(5)
        unit = theirs.critic_step(batch=2, width=2, steps=1, size=16, joined=joined)
        torch.manual_seed(6)
        unit.run()
        weights.append([each.detach().numpy() for each in kept[1].parameters()])
    for one, two in zip(*weights):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("channels_last", [False, True])
def test_noise_is_on_every_image_that_d_judges(monkeypatch, channels_last):
    """D is watched in one step: images, noise's standard deviation and memory layout."""
    import benchmarks.theirs as theirs

    seen, made = [], theirs.networks

    def watched(*given, **more):
        pair = made(*given, **more)
        pair[1].register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0].detach()))
        return pair

    monkeypatch.setattr(theirs, "networks", watched)
    unit = theirs.training_step(batch=8, nc=3, width=2, size=16, steps=1, noise=50.0, channels_last=channels_last)
    unit.run()
    assert len(seen) == 3  # real; fake for D; the same fake for G
    for images in seen:
        assert images.shape == (8, 3, 16, 16)
        assert 45 < float(images.std()) < 55
    assert torch.equal(seen[1], seen[2])
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert all(images.is_contiguous(memory_format=layout) for images in seen)
