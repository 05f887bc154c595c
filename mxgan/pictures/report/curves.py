"""The charts of a run: CURVES, the table of what is drawn together, and `curves`, from rows of files to charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from mxgan.pictures.report.lines import rows_by_step
from mxgan.pictures.report.thinning import extremes
from mxgan.pictures.report.values import number

__all__ = ["AVERAGED", "COUNTS", "CURVES", "TEST_ACCURACY", "Curve", "curves"]

MOST_ROWS = 4000  # of a chart; above, its rows are thinned
MOST_CHARTS = 100
MOST_NAMES = 200  # of the numbers in a file; a stranger may have written any number of them
LONGEST_NAME = 100
AVERAGED = "ema_"  # the prefix of the metrics of an average of the weights, G's or D's
TEST_ACCURACY = "test_accuracy"  # the metric of a D that classifies
COUNTS = ("step", "samples", "images")  # the place of a row, and the numbers of images that an evaluation took
NO_CURVES = (*COUNTS, "epoch")


class Curve(NamedTuple):
    """A row of CURVES: a chart and its series.

    Attributes
    ----------
    title, unit : of the chart. labels : {name in history.jsonl: label}. summary : a sentence on what it shows.
    log : whether the vertical axis is logarithmic at first.
    """

    title: str
    unit: str
    labels: Mapping
    summary: str
    log: bool = False


CURVES = {
    "losses": Curve(
        "Losses", "", {"loss_g": "G", "loss_d": "D"}, "Losses of the generator and of the discriminator in training."
    ),
    "entropies": Curve(
        "Cross-entropies",
        "nats",
        {"fentropy_g": "G", "fentropy_d": "D"},
        "Cross-entropy of D's predictions: G's on fake images called real, D's on real and fake images.",
    ),
    "accuracy": Curve(
        "Accuracy of the discriminator",
        "",
        {
            "facc": "real or fake",
            "class_accuracy_real": "class of real images",
            "class_accuracy_fake": "class of fake images",
            "class_accuracy_labelled": "class of labelled images",
        },
        "Share of images that the discriminator judges correctly; 0.5 of real or fake is chance.",
    ),
    "outputs": Curve(
        "Outputs of the discriminator",
        "",
        {"d_real": "D(x), real images", "d_fake": "D(G(z)), fake images"},
        "Mean output of the discriminator on real and on fake images; they are equal where D cannot tell them apart.",
    ),
    "wasserstein": Curve(
        "Estimate of the Wasserstein distance",
        "",
        {"wasserstein": "D(x) − D(G(z))"},
        "Difference of the critic's mean outputs on real and on fake images; it falls as the samples get better.",
    ),
    "penalty": Curve(
        "Penalty", "", {"penalty": "penalty"}, "Penalty on the discriminator's gradient, with its weight."
    ),
    "learning_rates": Curve(
        "Learning rates",
        "",
        {"learning_rate_g": "G", "learning_rate_d": "D"},
        "Learning rates of the optimisers, as the schedule sets them.",
    ),
    "augmentation": Curve(
        "Adaptive augmentation",
        "",
        {"augment_probability": "probability", "augment_sign": "mean sign of D(x)"},
        "Probability of each augmentation, and the mean sign of D on real images that it follows.",
    ),
    "mae": Curve(
        "Absolute error of the discriminator",
        "",
        {"mae_d": "D"},
        "Mean distance of D's predictions from the labels; 0.5 is chance.",
    ),
    "speed": Curve(
        "Speed", "images/s", {"images_per_second": "images per second"}, "Real images a second in training."
    ),
}

_DIRECTIONS = {"min": "Lower is better.", "max": "Higher is better."}
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]+")


def curves(history: Sequence[dict], evaluation: Sequence[dict] = (), about: Optional[Mapping] = None) -> list:
    """The charts of these rows that have a value, as JSON values.

    Parameters
    ----------
    history, evaluation : rows of history.jsonl and evaluation.jsonl; of two rows of a step the later one counts.
    about : {metric: {"title", "better", "unit", "summary"}} of the metrics in evaluation.jsonl.

    Returns
    -------
    [{id, title, unit, summary, x: [steps], series: [{name, label, values: [number or None]}], log, thinned}]. A value
    is None where the row has null. `thinned` says in words that rows were left out; "" if a chart has all its rows.
    """
    history, evaluation = rows_by_step(history), rows_by_step(evaluation)
    listed = {name for row in CURVES.values() for name in row.labels}
    more = {name: Curve(_titled(name), "", {name: name}, "") for name in _names(history) if name not in listed}
    found = [_chart(key, row, history) for key, row in {**CURVES, **_free(more, CURVES)}.items()]
    scores = {name: _of_metric(name, (about or {}).get(name, {})) for name in _metrics(evaluation)}
    taken = {chart["id"] for chart in found if chart}
    found += [_chart(key, row, evaluation) for key, row in _free(scores, taken).items()]
    return [chart for chart in found if chart][:MOST_CHARTS]


def _names(rows: Iterable[dict]) -> list:
    """The names that have a number in some row, in the order in which they appear."""
    found: dict = {}
    for row in rows:
        for name, value in row.items():
            if name not in found and len(name) <= LONGEST_NAME and number(value) is not None:
                found[name] = None
        if len(found) > MOST_NAMES:
            break
    return [name for name in found if name not in NO_CURVES and name.isprintable()][:MOST_NAMES]


def _metrics(rows: Iterable[dict]) -> list:
    """The metrics with a number in some row; a metric and the same of an average are one."""
    return list(dict.fromkeys(name[len(AVERAGED) :] if name.startswith(AVERAGED) else name for name in _names(rows)))


def _of_metric(name: str, about: Mapping) -> Curve:
    parts = (about.get("summary", ""), _DIRECTIONS.get(about.get("better"), ""))
    summary = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    labels = {name: "weights", f"{AVERAGED}{name}": "average of the weights"}
    return Curve(about.get("title") or _titled(name), about.get("unit", ""), labels, summary)


def _titled(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _free(rows: Mapping, taken: Iterable) -> dict:
    """{id: row} with ids of letters, digits, "_" and "-", none of which is taken."""
    taken, found = set(taken), {}
    for name, row in rows.items():
        base = key = _NOT_IN_AN_ID.sub("-", name) or "-"
        number_of = 2
        while key in taken or key in found:
            key, number_of = f"{base}-{number_of}", number_of + 1
        found[key] = row
    return found


def _chart(key: str, curve: Curve, rows: Sequence[dict]) -> Optional[dict]:
    """The chart of a row of the table; None if it has no value."""
    own = [row for row in rows if not curve.labels.keys().isdisjoint(row)]
    columns = {name: [number(row.get(name)) for row in own] for name in curve.labels}
    columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    if not columns:
        return None
    kept = range(len(own))
    if len(own) > MOST_ROWS:
        kept = extremes(list(columns.values()), len(own), MOST_ROWS)
    thinned = f"{len(kept):,} of {len(own):,} values: the lowest and highest of each part of the curve."
    return {
        "id": key,
        "title": curve.title,
        "unit": curve.unit,
        "summary": curve.summary or f"{curve.title} over the steps.",
        "x": [own[index]["step"] for index in kept],
        "series": [
            {"name": name, "label": curve.labels[name], "values": [values[index] for index in kept]}
            for name, values in columns.items()
        ],
        "log": curve.log,
        "thinned": thinned if len(kept) < len(own) else "",
    }
