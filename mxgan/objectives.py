"""Adversarial objectives: what turns a discriminator's raw score into a loss, as symbols.

A network ends in its raw score (N, 1). An objective adds one head for the discriminator's own training and one
for the generator's; both take the score and a `label` (N,) that is 1 for "should be called real" and 0 for "should
be called fake" (soft values between are label smoothing), and both emit the prediction (N, 1) that the metrics
read, larger meaning more real. A new objective is one row in `OBJECTIVES` and one in its contract test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from mxgan.errors import unknown_name
from mxgan.runtime import mx

__all__ = ["OBJECTIVES", "Objective", "get_objective"]


@dataclass(frozen=True)
class Objective:
    """One row of the table.

    Attributes
    ----------
    discriminator_head, generator_head : (score (N, 1), label (N,)) → a symbol with one output, the prediction
        (N, 1), whose backward pass is the gradient of the loss averaged over nothing: per sample, as MXNet's
        head operators give it (the optimiser divides by the batch).
    source : paper and equation.
    """

    discriminator_head: Callable
    generator_head: Callable
    source: str


def logistic_head(score, label):
    """Sigmoid of the score; gradient σ(score) − label, that of the binary cross-entropy."""
    return mx.sym.LogisticRegressionOutput(data=score, label=label, name="dloss")


OBJECTIVES = {
    "gan": Objective(
        logistic_head,
        logistic_head,
        "Goodfellow et al. 2014, eq. 1 for D; G maximises log D(G(z)), section 3 (the non-saturating form)",
    ),
}


def get_objective(name: str) -> Objective:
    """The row `name` of OBJECTIVES; ArgumentError with a suggestion when there is none."""
    if name not in OBJECTIVES:
        raise unknown_name("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
