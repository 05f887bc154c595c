"""Rows of figures as Markdown tables: one for each suite, and one with every seed where a plan has several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

import numpy as np

from benchmarks.results.plans import PLANS, SUITES

__all__ = ["COLUMNS", "WEIGHTS", "joined", "score_of", "table", "tables", "title_of", "values_of"]

ERROR = "standard_error"  # the detail of a score with its sampling error


class Column(NamedTuple):
    """Title and format of a metric; `read` takes its score from the results of an evaluation, by its name."""

    title: str
    form: str
    read: Callable = dict.get


def _nearest_trained(results: dict, name: str) -> Optional[dict]:
    """The details of `copies` that smooth samples do not change, as a score with what it is by chance."""
    copies = results.get("copies")
    if copies is None:
        return None
    return {"value": copies[name], ERROR: copies["by_chance_error"], "reference": copies["by_chance"]}


COLUMNS = {
    "swd": Column("SWD ×10³", ".2f"),
    "swd_padded": Column("the same, padded", ".2f"),
    "ms_ssim": Column("MS-SSIM (data)", ".4f"),
    "frechet": Column("Fréchet", ".2f"),
    "kernel": Column("kernel", ".4f"),
    "label_kl": Column("KL of labels", ".4f"),
    "missing_classes": Column("missing", ".0f"),
    "precision": Column("precision", ".3f"),
    "recall": Column("recall", ".3f"),
    "class_agreement": Column("class as asked (real)", ".3f"),
    "copies": Column("copies", ".3f"),
    "nearest_trained": Column("nearest is a training image (by chance)", ".3f", _nearest_trained),
    "right": Column("digits right", ".4f"),  # class_agreement, or the test accuracy of a classifying D
}
WEIGHTS = {
    "raw": "G's own",
    "ema": "average",
    "moving": "G's own, BatchNorm's averages",
    "batch": "G's own, BatchNorm of the batch",
    "real": "",
}


def joined(rows: Sequence[dict], earlier: Sequence[dict]) -> list:
    """These rows and those of earlier commands that they do not replace, in the order of PLANS."""
    known = {_key(row): row for row in [*earlier, *rows]}
    places = {plan.name: place for place, plan in enumerate(PLANS)}
    return sorted(known.values(), key=lambda row: (places.get(row["name"], len(places)), *_key(row)[1:]))


def _key(row: dict) -> tuple:
    return row["name"], row["unit"], row["clock"], row["length"], list(WEIGHTS).index(row["weights"]), row["seed"]


def tables(rows: Sequence[dict], suite: str) -> str:
    """The Markdown of one suite: a line for each plan and kind of weights; with several seeds, a line for each too."""
    own = [row for row in rows if row["suite"] == suite]
    groups: dict = {}
    for row in own:
        groups.setdefault(_key(row)[:5], []).append(row)
    several = [row for found in groups.values() if len(found) > 1 for row in found]
    return table(own) + (f"\nEach seed:\n\n{table(several, each_seed=True)}" if several else "")


def table(rows: Sequence[dict], each_seed: bool = False) -> str:
    """The table of some rows of one suite, with the columns that have a value.

    A line of several seeds has mean ± standard deviation (n - 1); one of a single seed has value ± sampling error.
    """
    groups: dict = {}
    for row in rows:
        groups.setdefault(_key(row)[: 6 if each_seed else 5], []).append(row)
    chosen = SUITES[rows[0]["suite"]].columns
    columns = {name: COLUMNS[name] for name in chosen if any(score_of(row, name) for row in rows)}
    heads = ["what", "seed" if each_seed else "seeds", "steps", "side", "weights"]
    timed = ["minutes"] if any(row["minutes"] is not None for row in rows) else []
    titles = [*heads, *(column.title for column in columns.values()), *timed]
    lines = [f"| {' | '.join(titles)} |", f"| --- | ---: | ---: | ---: | --- |{' ---: |' * (len(titles) - 5)}"]
    for found in groups.values():
        cells = [_cell([score_of(each, name) for each in found], columns[name].form) for name in columns]
        cells += [_minutes(found) for _ in timed]
        lines.append(f"| {' | '.join([*_first(found, each_seed), *cells])} |")
    return "\n".join(lines) + "\n"


def score_of(row: dict, name: str) -> Optional[dict]:
    """The score of a column in a row: {"value", …}; None if it was not measured."""
    return COLUMNS[name].read(row["evaluation"]["results"], name)


def _first(found: Sequence[dict], each_seed: bool) -> list:
    row = found[0]
    counts = [each["steps"] for each in found]
    steps = "" if None in counts else f"{round(np.mean(counts)):,}"
    side = row["evaluation"]["protocol"]["reference"]["image_shape"][-1]
    return [title_of(row), str(row["seed"] if each_seed else len(found)), steps, str(side), WEIGHTS[row["weights"]]]


def title_of(row: dict) -> str:
    """What a row is of, for readers."""
    if row["weights"] == "real":
        return "other photographs"
    name = "PyTorch's DCGAN" if row["recipe"] is None else f"`{row['recipe']}`"
    note = {plan.name: plan.note for plan in PLANS}.get(row["name"], "")  # a plan may have gone since
    return f"{name}, {note}" if note else name


def _minutes(found: Sequence[dict]) -> str:
    known = [each["minutes"] for each in found if each["minutes"] is not None]
    if not known:
        return ""
    threads = found[0].get("threads")
    of_cpu = f" of {threads} CPU{'s' * (threads > 1)}" if found[0]["clock"] == "cpu" else ""
    ranks = found[0].get("ranks", 1)
    of_ranks = f", {ranks} ranks" if ranks > 1 else ""
    return f"{np.mean(known):.0f}{of_cpu}{of_ranks}"


def values_of(rows: Sequence[dict], metric: str, **wanted) -> list:
    """The values of a metric in the rows that have these entries; None for one that is not finite."""
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    scores = [score_of(row, metric) for row in found]
    return [score["value"] for score in scores if score is not None]


def _cell(scores: Sequence[Optional[dict]], form: str) -> str:
    if None in scores:
        return ""
    values = [score["value"] for score in scores]
    if None in values:
        return "not finite"
    error = np.std(values, ddof=1) if len(values) > 1 else scores[0].get(ERROR)
    spread = "" if error is None else f" ± {error:{form}}"
    own = next((scores[0][key] for key in ("reference", "real") if isinstance(scores[0].get(key), float)), None)
    return f"{np.mean(values):{form}}{spread}" + ("" if own is None else f" ({own:{form}})")
