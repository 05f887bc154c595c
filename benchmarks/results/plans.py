"""The runs whose figures docs/results.md has: one row for each, in suites."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple  # noqa: UP035 - read at run time on Python 3.9

__all__ = ["PLANS", "PUBLISHED", "SUITES", "UNITS", "Few", "Plan", "Suite", "plan_named"]

UNITS = ("steps", "epochs", "minutes")
PUBLISHED = 16_384  # number of images in the only published SWD of a DCGAN on MNIST at 64×64
SMALL = "--nc 1 --ngf 32 --ndf 32 --image-size 32"
MEDIUM = "--nc 1 --ngf 32 --ndf 32"  # 64×64
THIRD = "--set width=1 --nc 1 --batch-size 32 --limit 10000"  # of the width of cbr-gan
MENDED = "--lr 1 --set fixed_latents=false --set generator_updates=1"  # the settings with which cbr-gan learns
THREE = (0, 1, 2)
AVERAGED = "--ema 0.999"
COLOUR = "--nc 3 --image-size 32"
# The recipe's published widths and five updates of D are more than two cores can train in hours; the rates are the best
# of some short trials.
NARROW = f"{COLOUR} --ngf 32 --ndf 32 --set schedule.discriminator_updates=1 --set schedule.fresh_fakes=false"
NARROW += " --set generator_optimizer.learning_rate=4e-4 --set discriminator_optimizer.learning_rate=8e-4"
CLASSES = "--set classes=10 --batch-size 32"  # in a trial of sngan, after as many images, 32 were better than 64


class Few(NamedTuple):
    """Some photographs of one class of an archive with class folders."""

    title: str
    count: int


class Plan(NamedTuple):
    """One row: a training and what is measured of it.

    Attributes
    ----------
    name : of the row and of its folders; no two plans have the same.
    suite : a key of SUITES.
    recipe : of `mxgan train`; None: PyTorch's DCGAN example.
    length, unit : the end of the training: a number of "steps", "epochs" or "minutes".
    flags : further flags of `mxgan train`.
    seeds : the seeds of its runs, unless others are given.
    samples : the number of measured samples.
    few : the photographs that it is trained on; None: all images of the suite's data.
    note : what a table says beside the recipe's name.
    """

    name: str
    suite: str
    recipe: Optional[str]
    length: float
    unit: str = "steps"
    flags: str = ""
    seeds: Tuple[int, ...] = (0,)  # noqa: UP006
    samples: int = 10_000
    few: Optional[Few] = None
    note: str = ""

    @property
    def is_timed(self) -> bool:
        """Whether the training ends after a wall time; such runs have the machine for themselves."""
        return self.unit == "minutes"


class Suite(NamedTuple):
    """A group of plans with one table.

    Attributes
    ----------
    title : heading of the table.
    data : "mnist" or "photographs".
    columns : keys of `tables.COLUMNS`.
    """

    title: str
    data: str
    columns: Tuple[str, ...]  # noqa: UP006


_DIGITS = ("swd", "swd_padded", "ms_ssim", "frechet", "label_kl", "missing_classes", "precision", "recall")
_PHOTOGRAPHS = ("frechet", "kernel", "precision", "recall", "swd")
SUITES = {
    "mnist": Suite("MNIST", "mnist", (*_DIGITS, "right")),
    "published": Suite("As published", "mnist", _DIGITS),
    "cifar": Suite("CIFAR-10", "photographs", (*_PHOTOGRAPHS, "class_agreement")),
    "few": Suite("Few photographs", "photographs", (*_PHOTOGRAPHS, "copies", "nearest_trained")),
}


def _mnist() -> list:
    return [
        Plan("headline", "mnist", "dcgan", 1_500, note="README's command"),
        Plan("dcgan", "mnist", "dcgan", 6_000, "steps", f"{MEDIUM} {AVERAGED}", THREE, PUBLISHED),
        Plan("dcgan-original", "mnist", "dcgan-original", 6_000, "steps", f"{MEDIUM} {AVERAGED}", (0,), PUBLISHED),
        Plan("wgan-gp", "mnist", "wgan-gp", 3_000, "steps", f"{SMALL} {AVERAGED} --evaluate-every 250", THREE),
        Plan("cgan", "mnist", "cgan", 12_000, "steps", AVERAGED, THREE),
        Plan("acgan", "mnist", "acgan", 12_000, "steps", AVERAGED),
        Plan("lsgan", "mnist", "lsgan", 4_000, "steps", SMALL),
        Plan("hinge", "mnist", "hinge", 4_000, "steps", SMALL),
        Plan("wgan", "mnist", "wgan", 1_500, "steps", SMALL),
        Plan("ssgan", "mnist", "ssgan", 12_000, "steps", "", THREE),
        Plan("mlp-gan-64", "mnist", "mlp-gan-64", 3_000, "steps", "--nc 1"),
        Plan("encoder-decoder-gan", "mnist", "encoder-decoder-gan", 1_600, "steps", "--nc 1"),
        Plan("cbr-gan", "mnist", "cbr-gan", 500, "steps", THIRD),
        Plan("cbr-gan-mended", "mnist", "cbr-gan", 624, "steps", f"{THIRD} {MENDED}", note="three settings changed"),
    ]


def _published() -> list:
    """The recipes that are trained for as long as in their publication."""
    return [
        # 200 epochs of 9 batches: its author updates G with each batch, and D with every fifth.
        Plan("cbr-gan-published", "published", "cbr-gan", 360, note="as published"),
        Plan("mlp-gan-published", "published", "mlp-gan", 200, "epochs", note="as published"),
    ]


def _cifar() -> list:
    return [
        Plan("cifar-pytorch", "cifar", None, 90, "minutes"),
        Plan("cifar-sngan", "cifar", "sngan", 90, "minutes", NARROW),
        Plan("cifar-sngan-projection", "cifar", "sngan-projection", 90, "minutes", f"{NARROW} {CLASSES}"),
        Plan("cifar-dcgan", "cifar", "dcgan", 90, "minutes", COLOUR),
        Plan("cifar-wgan-gp", "cifar", "wgan-gp", 90, "minutes", COLOUR),
    ]


def _few() -> list:
    found = []
    for few in (Few("ship", 100), Few("ship", 500), Few("horse", 100), Few("horse", 500)):
        same = {"flags": COLOUR, "samples": 5_000, "few": few, "note": f"{few.title} {few.count}"}
        for recipe in ("few", "dcgan"):
            found.append(Plan(f"{few.title}-{few.count}-{recipe}", "few", recipe, 45, "minutes", **same))
    return found


PLANS = [*_mnist(), *_published(), *_cifar(), *_few()]


def plan_named(name: str) -> Plan:
    """The plan of this name; KeyError if there is none."""
    return {plan.name: plan for plan in PLANS}[name]
