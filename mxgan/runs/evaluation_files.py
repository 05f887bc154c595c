"""Files of evaluations in a run: RUN/evaluation/STEP.json, their names, and what two of one protocol become."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import OutputError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import Evaluation
from mxgan.evaluation.judges.examination import FOUND
from mxgan.runs.scores import is_record
from mxgan.runtime.files import one_at_a_time, read_json, write_whole
from mxgan.training.run_folder import RunFolder

__all__ = ["SAMPLES", "save_evaluation"]

SAMPLES = 10_000  # of an evaluation, unless told otherwise; another number is in the name of its file
_UNSAFE = re.compile(r"[^\w.-]+")  # in the name of a file
_HASH = re.compile(r"-[0-9a-f]{8}")  # the hash of a protocol, at the end of a file's name


def save_evaluation(run: Union[str, Path], evaluation: Evaluation) -> Path:
    """Write an evaluation to RUN/evaluation/STEP.json; returns the file.

    The name lists the settings that differ from the defaults: STEP-ema.json for the generator's average,
    STEP-500-seed3-padded.json for 500 samples, seed 3 and the pyramid "padded", STEP-against-ships.json for the images
    of a folder ships. If the file has metrics by the same protocol, they stay, and metrics that were measured again are
    replaced. If the protocol differs in something else, such as the classifier, the name ends in the hash of the
    protocol.

    Raises OutputError if the path is not a plain file, or cannot be written.
    """
    folder, record = RunFolder.open(run), json.loads(evaluation.as_json())
    folder.refuse_link(folder.evaluations)
    try:
        folder.evaluations.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.evaluations} cannot be made: {error.strerror}; nothing was written. Make room, or use "
            "--output FILE."
        ) from error
    with one_at_a_time(folder.evaluations):
        target, kept = _place_of(record["protocol"], folder.evaluations)
        if kept is not None:
            record["results"] = {**kept["results"], **record["results"]}
            record["protocol"] = _united(kept["protocol"], record["protocol"])
        write_whole(target, json.dumps(record, indent=1) + "\n")
    return target


def _place_of(protocol: dict, folder: Path) -> tuple:
    """(file for this protocol, its content or None): NAME.json, or NAME-HASH.json if that has another protocol."""
    name = _name(protocol)
    digest = hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()
    others = sorted(path for path in folder.glob(f"{name}-*.json") if _HASH.fullmatch(path.stem[len(name) :]))
    for target in (folder / f"{name}.json", *others, folder / f"{name}-{digest[:8]}.json"):
        kept = _kept(target)
        if kept is None or _same_protocol(kept["protocol"], protocol):
            return target, kept
    raise OutputError(f"{target} has another protocol than its name says; nothing was written. Move it away.")


def _name(protocol: dict) -> str:
    settings, against = protocol["settings"], protocol["reference"].get("against")
    parts = [
        f"{protocol['checkpoint']:06d}",
        "ema" if protocol["weights"] == "average" else "",
        str(protocol["samples"]) if protocol["samples"] != SAMPLES else "",
        f"seed{settings['seed']}" if settings["seed"] != Settings.seed else "",
        settings["pyramid"] if settings["pyramid"] != Settings.pyramid else "",
        f"against-{_UNSAFE.sub('_', against)[:60]}" if against else "",
    ]
    return "-".join(filter(None, parts))


def _same_protocol(first: dict, second: dict) -> bool:
    """Whether two protocols agree; an entry that only some metrics use, such as a classifier, may be missing in one.

    What a judge was found to see does not count: one that an earlier version has trained is tested later. Protocols
    from before the number of `DEFINITIONS` have none, which is not the present one.
    """
    if first.get("definitions") != second.get("definitions"):
        return False
    first, second = _untested(first), _untested(second)
    return _united(first, second) == _united(second, first)


def _untested(protocol: dict) -> dict:
    """The protocol without what `FeatureNetwork.describe` says beside the network, its training and its accuracy."""
    reference = protocol.get("reference")
    if not isinstance(reference, dict) or not isinstance(reference.get("classifier"), dict):
        return protocol
    judge = {name: value for name, value in reference["classifier"].items() if name not in FOUND}
    return {**protocol, "reference": {**reference, "classifier": judge}}


def _united(first: dict, second: dict) -> dict:
    """The second protocol, with its missing entries taken from the first."""
    whole = {**first, **{name: value for name, value in second.items() if value is not None}}
    if isinstance(whole.get("reference"), dict) and isinstance(first.get("reference"), dict):
        whole["reference"] = {
            name: first["reference"].get(name) if value is None else value for name, value in whole["reference"].items()
        }
    return whole


def _kept(target: Path) -> Optional[dict]:
    """The content of an earlier evaluation's file; None if there is no file."""
    if not os.path.lexists(target):
        return None
    if target.is_symlink() or not target.is_file():
        raise OutputError(f"{target} is not a plain file; nothing was written. Move it away.")
    found = read_json(target)
    if not is_record(found):
        raise OutputError(f"{target} is not a file of `mxgan evaluate`; nothing was written. Move it away.")
    return found
