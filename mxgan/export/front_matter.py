"""The YAML at the begin of a model card, with the keys that the Hugging Face Hub documents.

They are license, library_name, pipeline_tag, tags, datasets, metrics and model-index.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Optional

import yaml

from mxgan.export.model import Model

__all__ = ["front_matter"]

TASK = "unconditional-image-generation"  # the Hub's only one for networks that draw images of noise

# What the Hub calls licences, of those that people give to networks; any other one is "other", and has its own name.
_LICENSES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc-by-2.0",
    "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc0-1.0", "creativeml-openrail-m", "epl-2.0", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1", "lgpl-3.0",
    "mit", "mpl-2.0", "openrail", "other", "unknown", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
_DATASETS = {"mnist": "ylecun/mnist"}  # our name of a data set → the Hub's, for those that it has


def front_matter(model: Model, library: str, title: str) -> str:
    """The YAML of a card. `library` is the Hub's name of the library, `title` that of the card, as plain text."""
    facts, dataset = model.facts, model.facts.get("dataset")
    found: dict = {**_hub_license(facts.get("license", "unknown")), "library_name": library}
    if model.half == "generator":
        found["pipeline_tag"] = TASK
    tags = ("gan", "image-generation", "mxnet", facts.get("recipe"), facts.get("network", {}).get("name"))
    found["tags"] = list(dict.fromkeys(filter(None, tags)))
    if dataset in _DATASETS:
        found["datasets"] = [_DATASETS[dataset]]
    records = facts.get("scores", ()) if model.half == "generator" else ()
    results = [result for record in records for result in _results(record)]
    if results:
        found["metrics"] = list(dict.fromkeys(result["type"] for result in results))
        entries = [
            {"task": {"type": TASK}, "dataset": _judged_by(record, dataset), "metrics": list(_results(record))}
            for record in records
        ]
        found["model-index"] = [{"name": _line(title), "results": [entry for entry in entries if entry["metrics"]]}]
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=10_000).rstrip()


def _judged_by(record: Mapping, trained: Optional[str]) -> dict:
    """The data set that an evaluation took its real images from; for an old record, that of the training."""
    name = (record["protocol"].get("reference") or {}).get("dataset") or trained or "unknown"
    line = _line(name)
    return {"type": _DATASETS.get(name, line), "name": line}


def _line(text: str) -> str:
    """A text of any origin on one line, which cannot end the YAML."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _results(record: Mapping) -> Iterable[dict]:
    """The scores of one evaluation, as model-index has them; the protocol is in the name."""
    told = record["protocol"]
    for name, result in record["results"].items():
        if isinstance(result.get("value"), (int, float)) and math.isfinite(result["value"]):
            title = f"{name} ({told.get('samples')} samples, seed {told.get('seed')})"
            yield {"type": name, "value": result["value"], "name": title}


def _hub_license(text: str) -> dict:
    if text.lower() in _LICENSES:
        return {"license": text.lower()}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-") or "other"}
