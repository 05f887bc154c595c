"""The scores of a run: newest of evaluation.jsonl, and all that `mxgan evaluate` has kept in evaluation/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from mxgan.errors import CorruptFileError
from mxgan.evaluation.metrics import METRICS
from mxgan.pictures.report.curves import AVERAGED, TEST_ACCURACY
from mxgan.pictures.report.lines import rows_by_step
from mxgan.pictures.report.values import mapping, number, plain, step_of, text
from mxgan.runtime.inside import entries_inside, json_inside

__all__ = [
    "ABOUT",
    "MAIN_METRICS",
    "best_score",
    "images_in_words",
    "is_record",
    "kept_records",
    "kept_scores",
    "newest_scores",
]

MOST_FILES = 200  # of evaluation/
MOST_BYTES = 1 << 20  # of one of them
MOST_TOLD = 200  # entries of a protocol, and results of a file
MAIN_METRICS = ("frechet", "swd", TEST_ACCURACY)  # in the order in which they stand for a run

_TITLES = {
    "swd": "Sliced Wasserstein distance",
    "ms_ssim": "Multi-scale similarity",
    "frechet": "Fréchet distance",
    "fid": "FID",
    "kernel": "Kernel distance",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
    "classifier_score": "Classifier score",
    "label_kl": "Divergence of the labels",
    "missing_classes": "Missing classes",
    "class_agreement": "Agreement with the class asked for",
}
# {metric: what is said of it} of all metrics in a run's files.
ABOUT = {
    **{
        name: {"title": _TITLES.get(name), "better": row.better, "unit": row.unit, "summary": row.summary}
        for name, row in METRICS.items()
    },
    TEST_ACCURACY: {
        "title": "Accuracy on the test set",
        "better": "max",
        "unit": "",
        "summary": "share of the test images that the discriminator puts into the right class",
    },
}


def is_record(content: Any) -> bool:
    """Whether a JSON value is the content of a file of `mxgan evaluate`."""
    return isinstance(content, dict) and all(isinstance(content.get(key), dict) for key in ("results", "protocol"))


def kept_records(run: Path) -> tuple:
    """({file: content} of the evaluations that `mxgan evaluate` has kept in a run, problems in words)."""
    found, problems = {}, []
    names = sorted(each.name for each in entries_inside(run, "evaluation") if each.name.endswith(".json"))
    for name in names[:MOST_FILES]:
        source = f"evaluation/{text(name, 200)}"
        try:
            record = json_inside(run, "evaluation", name, most=MOST_BYTES)
        except CorruptFileError as error:
            problems.append(f"{source} {error.problem}.")
            continue
        if is_record(record):
            found[source] = record
        else:
            problems.append(f"{source} is not a file of `mxgan evaluate`.")
    if len(names) > MOST_FILES:
        problems.append(f"evaluation/ has {len(names)} files; only the first {MOST_FILES} are read.")
    return found, problems


def kept_scores(run: Path) -> tuple:
    """(scores of the files in evaluation/, problems in words); see `mxgan.runs.view.run_view` for a score."""
    records, problems = kept_records(run)
    return [score for source, record in records.items() for score in _of_record(record, source)], problems


def _of_record(record: Mapping, source: str) -> Iterator[dict]:
    protocol = record["protocol"]
    known = [[name, _in_words(value)] for name, value in _flat(plain(protocol))][:MOST_TOLD]
    weights = "average" if protocol.get("weights") == "average" else "raw"
    real = mapping(protocol.get("reference"))
    data = images_in_words(mapping(real.get("fingerprint")), real.get("image_shape"))
    for name, result in list(record["results"].items())[:MOST_TOLD]:
        about = {**ABOUT.get(name, {}), **{key: each for key, each in mapping(result).items() if isinstance(each, str)}}
        yield {
            **_score(name, mapping(result).get("value"), about),
            "error": number(mapping(result).get("standard_error")),
            "step": step_of(protocol.get("checkpoint")),
            "weights": weights,
            "samples": step_of(protocol.get("samples")),
            "classifier": _judge_of(name, real),
            "data": data,
            "against": text(real.get("against"), 200),
            "source": source,
            "protocol": known,
        }


def _score(name: str, value: Any, about: Mapping) -> dict:
    better = about.get("better")
    return {
        "metric": text(name, 100),
        "title": text(about.get("title"), 100) or text(name, 100),
        "value": number(value),
        "better": better if better in ("min", "max") else None,
        "unit": text(about.get("unit"), 20),
        "summary": text(about.get("summary"), 500),
    }


def _judge_of(metric: str, networks: Mapping) -> str:
    """The fingerprint of the network whose features or classes a metric is of; "" for a metric of images alone."""
    needs = METRICS[metric].needs if metric in METRICS else ("features",)
    role = "inception" if "inception" in needs else "classifier"
    return text(mapping(networks.get(role)).get("fingerprint"))[:12] if _OF_NETWORKS & set(needs) else ""


_OF_NETWORKS = {"features", "probabilities", "inception"}


def images_in_words(fingerprint: Mapping, shape: Any) -> str:
    """Real images by the name and the hash of their data set and their shape; what is not known is left out.

    >>> images_in_words({"name": "digits", "sha256": "0123456789abcdef"}, [1, 32, 32])
    'digits 0123456789ab, 1×32×32'
    """
    part = f"({count:,} of them)" if (count := step_of(mapping(fingerprint.get("part")).get("images"))) else ""
    data = " ".join(filter(None, (text(fingerprint.get("name"), 100), text(fingerprint.get("sha256"))[:12], part)))
    sides = [step_of(each) for each in shape] if isinstance(shape, (list, tuple)) and len(shape) == 3 else [None]
    return ", ".join(filter(None, (data, "" if None in sides else "×".join(map(str, sides)))))


def _flat(values: Mapping, prefix: str = "") -> Iterator[tuple]:
    """(dotted name, value) of every value in nested objects."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return text(", ".join(map(_in_words, value)))
    if value is None or isinstance(value, Mapping):  # a group is empty here
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def newest_scores(evaluation: Sequence[dict], data: str = "") -> list:
    """The newest value of each metric in rows of evaluation.jsonl, as scores; `data`: see `images_in_words`."""
    newest: dict = {}
    for row in rows_by_step(list(evaluation)):
        newest.update({name: row for name, value in row.items() if name in _METRIC_NAMES and number(value) is not None})
    return [_of_row(name, row, data) for name, row in newest.items()]


_METRIC_NAMES = {f"{prefix}{name}" for name in ABOUT for prefix in ("", AVERAGED)}


def _of_row(name: str, row: Mapping, data: str) -> dict:
    metric = _without_prefix(name)
    told = {key: row.get(key) for key in ("samples", "images", "classifier")}
    return {
        **_score(metric, row[name], ABOUT[metric]),
        "error": number(mapping(row.get("errors")).get(name)),
        "step": row["step"],
        "weights": "average" if name != metric else "raw",
        "samples": step_of(row.get("samples")),
        "classifier": _judge_of(metric, row),
        "data": data,
        "against": "",
        "source": "evaluation.jsonl",
        "protocol": [[key, _in_words(value)] for key, value in _flat(plain(told)) if value is not None],
    }


def _without_prefix(name: str) -> str:
    return name[len(AVERAGED) :] if name.startswith(AVERAGED) else name


def best_score(evaluation: Sequence[dict], kept: Sequence[dict], wanted: Optional[tuple] = None) -> Optional[dict]:
    """The best score of a run: {metric, value, step, better, source}; None if it has none.

    The metric is that of `wanted`, (metric, "min" or "max"), or else the first of MAIN_METRICS that there is, of the
    average of the weights rather than of the weights. Scores of `mxgan evaluate` count if evaluation.jsonl has none.
    Only values of the same number of samples and the same classifier are compared: in evaluation.jsonl those that are
    like the newest one, of `mxgan evaluate` those like the one with the most samples. Scores against images other than
    the run's own do not count.
    """
    metrics = [(f"{prefix}{name}", ABOUT[name]["better"]) for name in MAIN_METRICS for prefix in (AVERAGED, "")]
    evaluation = rows_by_step(list(evaluation))
    for metric, better in [wanted] if wanted else metrics:
        found = _of_metric(evaluation, metric) or [
            each for each in kept if _name_of(each) == metric and not each.get("against")
        ]
        found = [each for each in found if each["value"] is not None]
        if found:
            like = max(found, key=lambda each: (each["samples"] or 0, each["step"] or 0))
            alike = [each for each in found if all(each[key] == like[key] for key in ("samples", "classifier", "data"))]
            best = (min if better == "min" else max)(alike, key=lambda each: each["value"])
            return {"metric": metric, "better": better, **{key: best[key] for key in ("value", "step", "source")}}
    return None


def _of_metric(evaluation: Sequence[dict], metric: str) -> list:
    """The values of a metric in rows of evaluation.jsonl that can be compared with the newest one."""
    found = [
        {
            "value": number(row[metric]),
            "step": row["step"],
            "samples": step_of(row.get("samples")),
            "classifier": _judge_of(_without_prefix(metric), row),
            "data": "",
            "source": "evaluation.jsonl",
        }
        for row in evaluation
        if number(row.get(metric)) is not None
    ]
    return [each for each in found if all(each[key] == found[-1][key] for key in ("samples", "classifier"))]


def _name_of(score: Mapping) -> str:
    return f"{AVERAGED if score['weights'] == 'average' else ''}{score['metric']}"
