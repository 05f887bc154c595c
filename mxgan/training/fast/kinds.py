"""The nodes of a symbol, as its JSON has them, that `rewriting` replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from mxgan.graphs.layers import is_on, stated_numbers

__all__ = [
    "doubles",
    "halves",
    "is_plain_convolution",
    "is_plain_norm",
    "is_whole_mean",
    "sides_of",
    "slope_of",
    "stated",
]


def is_plain_norm(node: Mapping) -> bool:
    """Whether it is a BatchNorm over axis 1 that trains with the statistics of its batch and returns nothing else."""
    settings = node.get("attrs", {})
    others = any(is_on(settings.get(name, "False")) for name in ("output_mean_var", "use_global_stats"))
    return node["op"] == "BatchNorm" and not others and settings.get("axis", "1") == "1"


def doubles(node: Mapping) -> bool:
    """Whether it doubles each pixel in both axes, for one input."""
    wanted = {"scale": "2", "sample_type": "nearest", "num_args": "1"}
    return node["op"] == "UpSampling" and wanted.items() <= node["attrs"].items()


def halves(node: Mapping) -> bool:
    """Whether it takes the mean of each 2×2 pixels."""
    settings = node.get("attrs", {})
    sides = [stated(settings, name, usual) for name, usual in (("kernel", ()), ("stride", (1, 1)), ("pad", (0, 0)))]
    plain = not is_on(settings.get("global_pool", "False")) and settings.get("layout", "None") in ("None", "NCHW")
    mean = settings.get("pool_type", "max") == "avg"
    return node["op"] == "Pooling" and mean and plain and sides == [(2, 2), (2, 2), (0, 0)]


def is_whole_mean(node: Mapping) -> bool:
    """Whether it is the mean of each channel.

    Its gradient took 9 ms for 64 images of 32×8×8, a tenth of a step of SNGAN, after a layer of oneDNN, which has a
    layout of its own for the images and none for the gradients.
    """
    settings = node.get("attrs", {})
    layout = settings.get("layout", "None") in ("None", "NCHW")
    mean = settings.get("pool_type", "max") == "avg" and is_on(settings.get("global_pool", "False"))
    return node["op"] == "Pooling" and mean and layout and len(sides_of(settings)) == 2


def slope_of(node: Mapping) -> Optional[float]:
    """The slope below 0 of an activation that is linear on both sides; None for another node."""
    settings = node.get("attrs", {})
    if node["op"] == "LeakyReLU" and settings.get("act_type", "leaky") == "leaky":
        return float(settings.get("slope", 0.25))
    if node["op"] == "Activation" and settings.get("act_type") == "relu":
        return 0.0
    return None


def stated(settings: Mapping, name: str, usual: tuple) -> tuple:
    """The numbers of a setting that is a tuple, or the usual ones."""
    return stated_numbers(settings.get(name, "")) or usual


def sides_of(settings: Mapping) -> tuple:
    """The sides of a kernel; () for none."""
    return stated(settings, "kernel", ())


def is_plain_convolution(settings: Mapping, sides: tuple) -> bool:
    """Whether it is square, in two dimensions, without dilation, groups, another layout or size."""
    square = all(len({*stated(settings, name, usual)}) == 1 for name, usual in
                 (("kernel", ()), ("stride", (1, 1)), ("pad", (0, 0))))  # fmt: skip
    plain = {*stated(settings, "dilate", (1, 1))} == {1} and {*stated(settings, "adj", (0, 0))} == {0}
    usual = settings.get("num_group", "1") == "1" and settings.get("layout", "None") in ("None", "NCHW")
    return len(sides) == 2 and square and plain and usual and "target_shape" not in settings
