"""PyTorch's DCGAN example as the peer of the results: its settings, its samples, and a training in parts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.results.peer import BATCH, STATISTICS, Peer, sampled, trained

torch = pytest.importorskip("torch", reason="PyTorch is not installed; setup.py has it in the extra of benchmarks")

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 3, 64, 64)).astype(np.uint8)
FOREVER = 1e9


def made(seed=0) -> Peer:
    return Peer(IMAGES, seed, width=2)


def weights_of(peer: Peer) -> dict:
    halves = {"generator": peer.generator, "discriminator": peer.discriminator}
    return {f"{half}.{name}": value.numpy().copy() for half, network in halves.items()
            for name, value in network.state_dict().items()}  # fmt: skip


def test_the_settings_are_those_of_the_example():
    peer = Peer(IMAGES)
    of_discriminator, of_generator = peer._adams
    for adam in (of_discriminator, of_generator):
        (group,) = adam.param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)
    shapes = [tuple(layer.weight.shape) for layer in peer.generator if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert shapes == [(100, 512, 4, 4), (512, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4)]
    weights = weights_of(peer)
    assert np.std(weights["generator.3.weight"]) == pytest.approx(0.02, rel=0.01)
    assert np.mean(weights["generator.1.weight"]) == pytest.approx(1, abs=0.005)
    assert np.std(weights["generator.1.weight"]) == pytest.approx(0.02, rel=0.2)
    assert sum(value.size for name, value in weights.items() if name.startswith("generator") and "running" not in name
               and "num_batches" not in name) == 3_576_704  # fmt: skip


def test_a_step_trains_d_on_real_and_fake_images_and_then_g():
    """One step, written once more with logits instead of the sigmoid, in the order of the example."""
    peer = made()
    peer.train(FOREVER, lambda state: None, most_steps=1)
    again = made()  # which seeds PyTorch's draws once more
    real = again._next_batch()
    entropy, halves = torch.nn.functional.binary_cross_entropy_with_logits, (again.discriminator, again.generator)
    of_d, of_g = (torch.optim.Adam(half.parameters(), lr=2e-4, betas=(0.5, 0.999)) for half in halves)
    fake = again.generator(torch.randn(BATCH, 100, 1, 1))
    loss = entropy(again.discriminator(real), torch.ones(BATCH))
    (loss + entropy(again.discriminator(fake.detach()), torch.zeros(BATCH))).backward()
    of_d.step()
    entropy(again.discriminator(fake), torch.ones(BATCH)).backward()
    of_g.step()
    found = weights_of(peer)
    for name, value in weights_of(again).items():
        apart = np.abs(found[name] - value)
        # Adam's first step is the learning rate with the sign of the gradient, whose rounding decides it near 0.
        assert np.mean(apart > 2e-6) < 1e-3, name
        assert apart.max() <= 2.1 * 2e-4, name


def test_a_training_in_parts_is_that_without_a_stop(tmp_path):
    whole, states = made(), []
    whole.train(FOREVER, lambda state: None, most_steps=5)  # two epochs of two batches, and a step
    first = made()  # which seeds PyTorch's draws
    first.train(FOREVER, states.append, most_steps=3)
    torch.save(states[-1], tmp_path / "state.pt")
    second = made(seed=9)
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert (second.step, second.epoch, second.seconds) == (3, 1, first.seconds)
    second.train(FOREVER, lambda state: None, most_steps=5)
    assert (second.step, second.epoch, second.seen) == (5, 2, 264)
    for name, value in weights_of(whole).items():
        np.testing.assert_array_equal(weights_of(second)[name], value, err_msg=name)


def test_an_epoch_has_every_image_once():
    peer = made()
    batches = [peer._next_batch() for _ in range(2)]
    assert [len(batch) for batch in batches] == [64, 36]
    assert peer.epoch == 1
    seen = np.concatenate([batch.numpy() for batch in batches])
    shown = np.round((seen + 1) * 127.5).astype(np.uint8)
    assert sorted(map(bytes, shown)) == sorted(map(bytes, IMAGES))
    assert not np.array_equal(shown, IMAGES)


def test_it_is_saved_on_the_way_and_at_the_end():
    states = []
    made().train(FOREVER, states.append, most_steps=3, save_every=0)
    assert [state["counts"][0] for state in states] == [1, 2, 3, 3]


def test_its_time_is_that_of_all_parts_and_its_samples_are_drawn_at_the_end(tmp_path):
    found = trained(IMAGES, tmp_path / "peer", 1e-6, samples=70, width=2)
    assert (found["steps"], found["images"], found["finished"]) == (1, 64, True)
    assert json.loads((tmp_path / "peer.time.json").read_text()) == found
    again = trained(IMAGES, tmp_path / "peer", found["seconds"] + 1e-6, samples=70, width=2)
    assert (again["steps"], again["images"]) == (2, 100)
    assert again["seconds"] > found["seconds"]
    assert trained(IMAGES, tmp_path / "peer", again["seconds"], samples=70, width=2) == again
    with np.load(tmp_path / "peer" / "samples.npz") as file:
        drawn = {kind: file[kind] for kind in STATISTICS}
    for images in drawn.values():
        assert (images.shape, images.dtype) == ((70, 3, 64, 64), np.uint8)
    assert not np.array_equal(drawn["moving"], drawn["batch"])


def test_samples_leave_the_generator_as_it_is():
    peer = made()
    peer.train(FOREVER, lambda state: None, most_steps=1)
    before = weights_of(peer)
    np.testing.assert_array_equal(sampled(peer.generator, 10, 0, "batch"), sampled(peer.generator, 10, 0, "batch"))
    after = weights_of(peer)
    assert all(np.array_equal(after[name], value) for name, value in before.items())
