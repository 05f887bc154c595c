"""Metrics that a reference cannot measure, each with its reason and its remedy."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from mxgan.data import UNKNOWN
from mxgan.errors import ArgumentError
from mxgan.evaluation.evaluate import Networks, needs_of
from mxgan.evaluation.metrics import METRICS, NEEDS
from mxgan.runs.data import held_out_split, trained_split
from mxgan.runs.judging import without_judge

__all__ = ["UNTOLD", "reasons_against", "refuse_without_inception", "without"]

logger = logging.getLogger(__name__)

NO_INCEPTION = f"needs --inception FILE.onnx: {NEEDS['inception'].remedy}"
_FLAG = re.compile(r"--[a-z-]+ [\w.=]*\w")  # in an advice
FEW = "needs at least"  # so many images: the user may have more
UNTOLD = ("fid", "class_agreement")  # few runs can measure them: no message says that their needs are not there


def without(
    reasons: Mapping[str, str], wanted: Sequence[str], asked: Optional[Sequence[str]], untold: Sequence[str] = ()
) -> list:
    """The wanted metrics without those that have a reason. Each reason is logged, but those of the metrics in `untold`.

    Raises ArgumentError if one of those was `asked` for, or nothing is left.
    """
    chosen = [name for name in wanted if name not in reasons]
    if reasons and (asked is not None or not chosen):
        name, reason = next(iter(reasons.items()))
        raise ArgumentError(f"{name} {reason}.")
    _log_left_out({name: reason for name, reason in reasons.items() if name not in untold})
    return chosen


def refuse_without_inception(names: Sequence[str]) -> None:
    """Raise ArgumentError for a metric that needs an Inception network, before any data are opened."""
    for name in names:
        if "inception" in needs_of([name]):
            raise ArgumentError(f"{name} {NO_INCEPTION}.")


def reasons_against(
    config, data, networks: Networks, wanted: Sequence[str], known: bool, held_out: bool, place: str
) -> dict:
    """{metric: reason why it cannot be measured, with the remedy} among the wanted metrics, in their order."""
    classes, trained_on = config.recipe.network.generator_classes, trained_split(config) or "all"
    lacking = without_judge(config, data, networks.classifier)  # {need of a metric: reason}
    if networks.inception is None:
        lacking["inception"] = NO_INCEPTION
    if not (known and classes == data.num_classes):
        lacking["labels"] = (
            "needs a generator that takes classes, and a classifier of the same classes; the network "
            f"{config.recipe.network.name!r} takes {classes or 'no'} classes. Leave it out, or give another classifier"
        )
    if config.dataset == UNKNOWN:
        lacking["held_out"] = (
            "needs the images that the run was trained on, and the run was imported without data; leave it out, or "
            "give them (--dataset NAME)"
        )
    elif not held_out and config.held_out is None and held_out_split(config) is None:
        lacking["held_out"] = (
            f"needs images that the run was not trained on, and the run was trained on {trained_on} of the data set "
            f"{config.dataset!r}; leave it out, give such images (--held-out FOLDER), or keep a part back from "
            "training, with --set held_out=0.1"
        )
    found = {}
    for name in wanted:
        row = METRICS[name]
        reasons = [lacking[need] for need in row.needs if need in lacking]
        if row.least > data.num_images:
            raised = "raise the limit, " if config.limit and place == data.name else ""
            reasons.append(
                f"{FEW} {row.least} images, and {place} has {data.num_images} here; {raised}give more images, or "
                "leave it out"
            )
        if name == "classifier_score" and _is_of_one_class(data):
            reasons.append(
                f"means nothing for the images of one class, and {place} has one; leave it out, and measure frechet or "
                "coverage"
            )
        if reasons:
            found[name] = reasons[0]
    return found


def _is_of_one_class(data) -> bool:
    counts = data.class_counts
    return counts is not None and np.count_nonzero(counts) == 1


def _log_left_out(reasons: Mapping[str, str]) -> None:
    """Log the metrics that are left out, those of one reason in one line."""
    names: dict = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    for reason, left_out in names.items():
        level = logging.WARNING if FEW in reason else logging.INFO
        why, _, advice = reason.partition(";")
        flags = " or ".join(_FLAG.findall(advice))  # without the advice to leave it out
        logger.log(level, "Left out: %s: %s.%s", ", ".join(left_out), why, f" Remedy: {flags}." if flags else "")
