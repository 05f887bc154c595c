"""A program: 20 steps of a small pair on all ranks of the job; rank 0 saves what they have made."""

from __future__ import annotations

import json
import sys
from typing import NamedTuple

import numpy as np

import mxgan
from mxgan.callbacks.adaptive_augmentation import AdaptiveAugmentation
from mxgan.callbacks.history import Logger
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.objectives.penalties import make_penalty
from mxgan.objectives.spectral import spectral_normalize
from mxgan.runtime import mx
from mxgan.training.metrics import AdversarialMetrics
from mxgan.training.parallel.mpi_ranks import all_ranks
from mxgan.training.schedule import InstanceNoise

STEPS, BATCH, CLASSES, SIDE = 20, 12, 3, 8


class Case(NamedTuple):
    """What a training has beside the plain step."""

    objective: str = "gan"
    penalty: tuple = ()
    conditional: bool = False
    classifies: bool = False
    spectral: bool = False
    normalised: bool = False
    noise: float = 0.0
    schedule: dict = {}  # noqa: RUF012 - never written to
    pair: dict = {}  # noqa: RUF012
    optimizer: str = "adam"
    adaptive: bool = False


class Fast(AdaptiveAugmentation):
    """The probability begins at ½."""

    def on_fit_begin(self, trainer) -> None:
        trainer.pair.augmenter.probability = 0.5


CASES = {
    "plain": Case(pair={"real_label": 0.9, "ema": 0.9}),
    "noise": Case(noise=0.3),
    "gradient penalty": Case("wasserstein", ("gradient_penalty", 10.0), schedule={"discriminator_updates": 2}),
    "r1": Case(penalty=("r1", 10.0)),
    "conditional": Case("hinge_loss", conditional=True, schedule={"separate_updates": True, "fresh_fakes": True}),
    "conditional penalty": Case("wasserstein", ("gradient_penalty", 10.0), conditional=True),
    "augmented": Case(
        "hinge_loss",
        ("r1", 10.0),
        spectral=True,
        noise=0.1,
        schedule={"discriminator_updates": 2, "fresh_fakes": True},
        pair={"augment": ("colour", "translation", "cutout")},
        adaptive=True,
    ),
    "classifier": Case(classifies=True, schedule={"mean_of_losses": True}, pair={"discriminator_ema": 0.9}),
    "spectral": Case("hinge_loss", spectral=True, schedule={"generator_updates": 2}, pair={"discriminator_ema": 0.9}),
    "clipped": Case("wasserstein", pair={"weight_clip": 0.05}, optimizer="rmsprop"),
    "batch norm": Case(normalised=True, pair={"ema": 0.9, "discriminator_ema": 0.9}, noise=0.1),
    "batch norm, conditional": Case(
        "hinge_loss", conditional=True, normalised=True, schedule={"separate_updates": True}
    ),
}


def generator(case: Case):
    """rand (N, 6, 1, 1) → image (N, 1, 8, 8)."""
    latent = mx.sym.Variable("rand")
    if case.conditional or case.classifies:
        classes = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=CLASSES)
        latent = mx.sym.concat(latent, mx.sym.Reshape(classes, shape=(-1, CLASSES, 1, 1)), dim=1)
    hidden = mx.sym.Deconvolution(latent, kernel=(4, 4), num_filter=8, no_bias=True, name="g1")
    if case.normalised:
        hidden = mx.sym.BatchNorm(hidden, fix_gamma=False, eps=1e-5, name="gbn1")
    hidden = mx.sym.LeakyReLU(hidden, slope=0.2, name="gact1")
    image = mx.sym.Deconvolution(
        hidden, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=1, no_bias=True, name="g2"
    )
    return mx.sym.Activation(image, act_type="tanh", name="gout")


def score(case: Case):
    """data (N, 1, 8, 8) → raw score (N, 1), and class logits (N, K) if it classifies."""
    image = mx.sym.Variable("data")
    if case.conditional:
        plane = mx.sym.Embedding(
            mx.sym.Variable("class_label"), input_dim=CLASSES, output_dim=SIDE * SIDE, name="dclass"
        )
        image = mx.sym.concat(image, mx.sym.Reshape(plane, shape=(-1, 1, SIDE, SIDE)), dim=1)
    hidden = mx.sym.Convolution(image, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=8, no_bias=True, name="d1")
    if case.normalised:
        hidden = mx.sym.BatchNorm(hidden, fix_gamma=False, eps=1e-5, name="dbn1")
    hidden = mx.sym.Flatten(mx.sym.LeakyReLU(hidden, slope=0.2, name="dact1"))
    found = mx.sym.FullyConnected(hidden, num_hidden=1, name="d2")
    if case.classifies:
        found = mx.sym.Group([found, mx.sym.FullyConnected(hidden, num_hidden=CLASSES, name="dlogits")])
    return found


def bound(case: Case, ranks, batch_norm: bool):
    """The pair of a case on these ranks."""
    output = score(case)
    if case.spectral:
        output = spectral_normalize(output, {"data": (BATCH, 1, SIDE, SIDE)})
    discriminator, head = with_heads(get_objective(case.objective), output)
    penalty = (make_penalty(*case.penalty), output[0]) if case.penalty else None
    shared = {"sync_batch_norm": True} if batch_norm else {}
    pair = mxgan.AdversarialPair(
        generator(case),
        discriminator,
        generator_head=head,
        latent_shape=(6, 1, 1),
        image_shape=(1, SIDE, SIDE),
        batch_size=BATCH,
        penalty=penalty,
        schedule=mxgan.Schedule(**case.schedule),
        ranks=ranks,
        **shared,
        **case.pair,
    )
    pair.init_params(mx.init.Normal(0.2), seed=3)
    settings = {"beta1": 0.5} if case.optimizer == "adam" else {}
    config = mxgan.OptimizerConfig(case.optimizer, 1e-3, settings)
    pair.init_optimizers(config, config)
    return pair


def made_by(name: str, ranks) -> tuple:
    """({array: values}, metrics) after all steps of a case."""
    case = CASES[name]
    pair = bound(case, ranks, batch_norm=case.normalised and ranks.size > 1)
    draws = np.random.default_rng(5)
    classes = draws.integers(CLASSES, size=60) if case.conditional or case.classifies else None
    images = draws.integers(256, size=(60, SIDE, SIDE), dtype=np.uint8)
    data = mxgan.ImageArrayIter(images, classes, batch_size=BATCH, image_size=SIDE, channels=1, seed=1)
    drawn = CLASSES if classes is not None else 0
    latents = mxgan.RandIter(BATCH, (6, 1, 1), seed=1, classes=drawn)
    log = Logger(every=STEPS, metrics=AdversarialMetrics(get_objective(case.objective)))
    callbacks: list = [log]
    if case.adaptive:
        callbacks.append(Fast(pair.augmenter, 0.1, case.objective))
    trainer = mxgan.Trainer(pair, data, latents=latents, noise=InstanceNoise(case.noise), callbacks=callbacks, seed=1)
    trainer.fit(steps=STEPS)
    arrays = {}
    for half, groups in zip("gd", pair.get_params()):
        arrays.update({f"{half} {key}": value.asnumpy() for group in groups for key, value in group.items()})
    for half in pair.halves():
        state = pair.optimizer_state(half)[0]
        arrays.update({f"{half} {key}": value.asnumpy() for key, value in state.items()})
    for half, average in pair.averages.items():
        averages = {key: value.asnumpy() for group in average.get_params() for key, value in group.items()}
        arrays.update({f"average {half[0]} {key}": value for key, value in averages.items()})
    if pair.augmenter.adaptive:
        arrays["augment probability"] = np.array([pair.augmenter.probability, pair.augmenter.sign])
    return arrays, {key: value for key, value in log.latest_whole.items() if value is not None}


if __name__ == "__main__":
    output, *names = sys.argv[1:]
    everyone = all_ranks()
    with everyone.guarded():
        found = {name: made_by(name, everyone) for name in names}
    if everyone.is_first:
        made = {f"{name}/{key}": value for name, (arrays, _) in found.items() for key, value in arrays.items()}
        np.savez(output, **made)
        sys.stdout.write(json.dumps({name: metrics for name, (_, metrics) in found.items()}) + "\n")
