"""Adversarial objectives: the losses of discriminator D and generator G, as symbol heads over D's raw score.

A discriminator symbol ends in its raw score (N, 1). An objective adds two heads to the score: one to train D, one to
train G. Each head takes the score and a `label` (N,): 1 means that D should call the image real, 0 that it should call
it fake; a value between them is label smoothing. Each head outputs the prediction (N, 1) for the metrics; a larger
prediction means more real. A discriminator that also classifies outputs class logits (N, K) after the score;
`with_heads` adds their cross-entropy. To add an objective, add one row to `OBJECTIVES` and one to its contract test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np

from mxgan.errors import lookup
from mxgan.objectives.feature_matching import MATCHING, matched
from mxgan.runtime import mx

__all__ = ["IGNORED_CLASS", "OBJECTIVES", "Objective", "get_objective", "with_heads"]

IGNORED_CLASS = -1.0  # a sample with this class label has no classification loss
IGNORED_LABEL = -1.0  # a sample with this adversarial label has no adversarial loss


@dataclass(frozen=True)
class Objective:
    """One row of OBJECTIVES.

    Attributes
    ----------
    discriminator_head, generator_head : (score (N, 1), label (N,)) → a symbol. Its first output is the prediction
        (N, 1). Its backward pass gives the gradient of each sample's loss, without a mean over the batch, as MXNet's
        head operators do (the optimiser divides by the batch size).
    discriminator_loss, generator_loss : the same losses as NumPy functions of (prediction (N,), label (N,)), each
        (N,), in nats if they are entropies. The log shows these values; the contract test differentiates them.
    source : paper and equation.
    threshold : D calls an image real if its prediction is above this value. None means that only differences of
        predictions have a meaning.
    probability : whether the prediction is a probability, so that its entropy has a meaning.
    soft_labels : whether D can reach a label between 0 and 1 as its target, so that label smoothing has a meaning.
    estimates : more values for the log: {name: function of (mean D(x), mean D(G(z)))}.
    """

    discriminator_head: Callable
    generator_head: Callable
    discriminator_loss: Callable
    generator_loss: Callable
    source: str
    threshold: Optional[float] = 0.0
    probability: bool = False
    soft_labels: bool = False
    estimates: Mapping[str, Callable] = field(default_factory=dict)


def logistic_head(score, label):
    """Sigmoid of the score. The gradient is σ(score) − label, as for binary cross-entropy."""
    return mx.sym.LogisticRegressionOutput(data=score, label=label, name="dloss")


def cross_entropy(prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
    """−y log p − (1−y) log(1−p), with 1e-12 added inside the logarithms as in MXNet's example."""
    return -(label * np.log(prediction + 1e-12) + (1.0 - label) * np.log(1.0 - prediction + 1e-12))


def least_squares_head(score, label):
    """The score itself. The gradient is score − label, as for half the squared error."""
    return mx.sym.LinearRegressionOutput(data=score, label=label, name="dloss")


def half_squared_error(prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
    """½ (s − y)²."""
    return 0.5 * (prediction - label) ** 2


def _score_with_loss(score, loss):
    """The score as first output, without gradient; then the loss (N, 1), which gives the gradient."""
    return mx.sym.Group([mx.sym.BlockGrad(score, name="dloss"), mx.sym.MakeLoss(loss, name="dloss_value")])


def _sign(label):
    """+1 for real, −1 for fake, (N, 1)."""
    return mx.sym.expand_dims(2 * label - 1, axis=1)


def hinge_head(score, label):
    """The score; loss max(0, 1 − s) on real and max(0, 1 + s) on fake images."""
    return _score_with_loss(score, mx.sym.relu(1 - mx.sym.broadcast_mul(_sign(label), score)))


def hinge_loss(prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
    """max(0, 1 − (2y − 1) s)."""
    return np.maximum(0.0, 1.0 - (2.0 * label - 1.0) * prediction)


def linear_head(score, label):
    """The score; loss −s on real and +s on fake images."""
    return _score_with_loss(score, -mx.sym.broadcast_mul(_sign(label), score))


def linear_loss(prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
    """−(2y − 1) s."""
    return -(2.0 * label - 1.0) * prediction


OBJECTIVES = {
    "gan": Objective(
        logistic_head,
        logistic_head,
        cross_entropy,
        cross_entropy,
        "Goodfellow et al. 2014, eq. 1 for D; G maximises log D(G(z)), section 3 (the non-saturating form)",
        threshold=0.5,
        probability=True,
        soft_labels=True,
    ),
    "least_squares": Objective(
        least_squares_head,
        least_squares_head,
        half_squared_error,
        half_squared_error,
        "Mao et al. 2017, eq. 2 with a = 0, b = c = 1 (eq. 9)",
        threshold=0.5,
        soft_labels=True,
    ),
    "hinge_loss": Objective(
        hinge_head,
        linear_head,
        hinge_loss,
        linear_loss,
        "Lim and Ye 2017, eq. 6 and 7; Miyato et al. 2018, eq. 16 and 17",
    ),
    "wasserstein": Objective(
        linear_head,
        linear_head,
        linear_loss,
        linear_loss,
        "Arjovsky et al. 2017, eq. 2 and algorithm 1",
        threshold=None,
        estimates={"wasserstein": lambda d_real, d_fake: d_real - d_fake},
    ),
}


def get_objective(name: str) -> Objective:
    """The row `name` of OBJECTIVES; ArgumentError with a suggestion if the name is unknown."""
    return lookup("objective", name, OBJECTIVES)


def with_heads(objective: Objective, network_output, labelled: bool = False, feature_matching: bool = False) -> tuple:
    """(symbol that trains D, symbol of D that trains G) over a discriminator's output.

    Parameters
    ----------
    network_output : the raw score (N, 1), or a group of the score and class logits (N, K). The logits get a softmax
        and the cross-entropy with `class_label` (N,) (Odena et al. 2017, eq. 3), as second output `closs` (N, K).
        Samples of class −1 have no cross-entropy.
    labelled : whether some batches train only the classifier. Their adversarial label is −1, and their scores send no
        gradient back.
    feature_matching : G's loss is that of feature_matching.py in place of the objective's; that of the classes stays.
    """
    score, *logits = network_output
    label = mx.sym.Variable("label")
    if labelled:
        counts = mx.sym.expand_dims(label, axis=1) >= 0  # (N, 1)
        score = mx.sym.where(counts, score, mx.sym.BlockGrad(score))
    of_classes = [_class_head(each) for each in logits]
    trains_d = _grouped(objective.discriminator_head(score, label), of_classes)
    if not feature_matching:
        return trains_d, _grouped(objective.generator_head(score, label), of_classes)
    (score, *logits), loss = matched(network_output)
    prediction = objective.generator_head(mx.sym.BlockGrad(score), label)[0]
    loss = mx.sym.MakeLoss(loss, name=MATCHING)
    return trains_d, mx.sym.Group([prediction, *map(_class_head, logits), loss])


def _class_head(logits):
    return mx.sym.SoftmaxOutput(
        logits,
        mx.sym.Variable("class_label"),
        use_ignore=True,
        ignore_label=IGNORED_CLASS,
        name="closs",
    )


def _grouped(head, class_heads: list):
    """One group: the prediction, the class heads, then the losses. The predictions come first for `StepResult`."""
    prediction, *losses = head
    return mx.sym.Group([prediction, *class_heads, *losses]) if class_heads else head
