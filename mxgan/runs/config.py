"""`RunConfig`: all settings of a run as one value, saved in config.json."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from mxgan.callbacks.pictures import get_picture
from mxgan.data import UNKNOWN, data_sets_with, get_dataset
from mxgan.data.background import parse_background
from mxgan.data.image_labels import CLASS_FOLDERS
from mxgan.errors import ArgumentError, CorruptFileError, lookup
from mxgan.recipes import RECIPES
from mxgan.runtime.config import check_switch, from_dict, is_number, to_dict
from mxgan.runtime.paths import checked_path
from mxgan.training.every import Every
from mxgan.training.parallel.compression import check_compression
from mxgan.training.recipe import Recipe
from mxgan.training.run_folder import BEST, RunFolder

__all__ = [
    "BY_DEFAULT",
    "DATA_SETTINGS",
    "DEFAULT_RECIPE",
    "HAS_ALGORITHM",
    "HAS_AVERAGE",
    "HAS_AVERAGE_OF_D",
    "MAY_CHANGE",
    "RunConfig",
    "config_of_record",
    "recorded_config",
    "with_labels",
    "with_labels_of",
]

DEFAULT_RECIPE = "dcgan"
# Entries of config.json, true if recipes had this by default when the run began:
HAS_AVERAGE = "average_by_default"  # an average of G's weights (ema)
HAS_AVERAGE_OF_D = "discriminator_average_by_default"  # an average of D's weights (discriminator_ema)
HAS_ALGORITHM = "algorithm_by_default"  # the fast operators (algorithm)
BY_DEFAULT = (HAS_ALGORITHM, HAS_AVERAGE, HAS_AVERAGE_OF_D)
ON_NAN = ("stop", "rollback")

# Settings that may change when a run is resumed; it stays the same run.
MAY_CHANGE = (
    "steps", "epochs", "data_dir", "labels", "gpu", "log_every", "sample_every", "checkpoint_every", "evaluate_every",
    "keep", "keep_best", "on_nan", "diagnose", "monitor", "show_every", "tensorboard", "compare_every",
    "sync_batch_norm",
)  # fmt: skip
DATA_SETTINGS = ("dataset", "data_dir", "limit", "split", "most_broken", "background", "labels", "held_out")
_FORMAT = re.compile(r"\{[^{}]*:[^}]*([0-9]{4}|\{)")  # in a pattern: a width above 999, or one from a setting
LONGEST_NAME = 200  # bytes; file systems allow 255, and the time is appended


@dataclass(frozen=True)
class RunConfig:
    """One run: the recipe, the data, the length, the output.

    Parameters
    ----------
    recipe : all hyper-parameters.
    dataset, data_dir, limit, split, most_broken, background, labels : see `mxgan.data.open_dataset`; None: the data
        set's own default. The data set "unknown" is that of a run that was imported without data.
    held_out : share of the images, above 0 and below 1, that is kept back from training, drawn by the seed: `evaluate`
        needs such images for `copies`. Not for recordio; None: no part.
    steps, epochs : the end of the run; give exactly one of both.
    seed : the seed and the step decide every draw.
    gpu : "0", "0,1", or None for the CPU.
    log_every : steps between lines of the history.
    sample_every, checkpoint_every : steps between pictures, and between checkpoints, or "epoch"; for checkpoints also
        a time, "15min".
    evaluate_every : steps between measurements of samples, or "epoch", written to evaluation.jsonl; None: never.
    keep : the number of newest checkpoints to keep; None: all.
    keep_best : "METRIC:min" or "METRIC:max", a metric of history.jsonl or evaluation.jsonl: the best checkpoint by this
        metric is kept too; None: no best checkpoint.
    on_nan : the reaction if a loss, gradient or weight is not finite: "stop", or "rollback": return to the last
        checkpoint and continue with half the learning rates.
    diagnose : whether to look for training failures and warn of them; see mxgan/callbacks/diagnosis.
    monitor : steps between printouts of mx.mon.Monitor; 0: never.
    show_every : steps between refreshes of the windows, or "epoch"; None: windows show the pictures that are saved.
    tensorboard : whether to write event files for TensorBoard; see mxgan/callbacks/tensorboard.py.
    sync_batch_norm : whether BatchNorm's statistics are those of the whole batch over all ranks; else of a rank's part.
    gradient_compression : the number type in which ranks send gradients: "bf16"; None: float32.
    compare_every : steps between comparisons of the ranks, whose parameters must be equal to the bit.
    """

    recipe: Recipe = field(default_factory=lambda: RECIPES[DEFAULT_RECIPE])
    dataset: str = "digits"
    data_dir: Optional[str] = None
    limit: Optional[int] = None
    split: Optional[str] = None
    most_broken: Optional[float] = None
    background: Optional[str] = None
    labels: Optional[str] = None
    held_out: Optional[float] = None
    steps: Optional[int] = None
    epochs: Optional[int] = None
    seed: int = 0
    gpu: Optional[str] = None
    log_every: int = 10
    sample_every: Union[int, str] = 100
    checkpoint_every: Union[int, str] = 1000
    evaluate_every: Optional[Union[int, str]] = None
    keep: Optional[int] = 5
    keep_best: Optional[str] = None
    on_nan: str = "stop"
    diagnose: bool = True
    monitor: int = 0
    show_every: Optional[Union[int, str]] = None
    tensorboard: bool = False
    sync_batch_norm: bool = False
    gradient_compression: Optional[str] = None
    compare_every: int = 100

    def __post_init__(self) -> None:
        if self.dataset != UNKNOWN:
            get_dataset(self.dataset)
        if (self.steps is None) == (self.epochs is None):
            raise ArgumentError(f"give either steps or epochs; got steps={self.steps} and epochs={self.epochs}.")
        for name in ("steps", "epochs", "limit", "log_every", "compare_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name} is {value}; give at least 1.")
        if self.keep is not None and self.keep < 1:
            raise ArgumentError(f"keep is {self.keep}; give at least 1, or null for all.")
        Every.parse("sample_every", self.sample_every)
        Every.parse("checkpoint_every", self.checkpoint_every, minutes=True)
        if self.evaluate_every is not None:
            Every.parse("evaluate_every", self.evaluate_every, more=", or null for none")
        if self.show_every is not None:
            Every.parse("show_every", self.show_every, more=", or null for the pictures that are saved")
        if self.keep_best is not None and not BEST.fullmatch(self.keep_best):
            raise ArgumentError(f"keep_best is {self.keep_best!r}; give METRIC:min or METRIC:max, or null for none.")
        parse_background(self.background)
        if self.held_out is not None and not is_number(self.held_out, lambda share: 0 < share < 1):
            raise ArgumentError(
                f"held_out is {self.held_out!r}; give a share above 0 and below 1, such as 0.1, or null for none."
            )
        lookup("on_nan", self.on_nan, ON_NAN)
        check_compression(self.gradient_compression)
        for name in ("diagnose", "tensorboard", "sync_batch_norm"):
            check_switch(name, getattr(self, name))
        for name in self.recipe.pictures:
            get_picture(name)
        if self.monitor < 0:
            raise ArgumentError(f"monitor is {self.monitor}; give a number of steps, or 0 for none.")
        try:
            json.dumps(to_dict(self))
        except TypeError as error:
            raise ArgumentError(
                f"a setting of the run cannot be written to config.json: {error}. Give text, numbers, lists and "
                "objects of them alone; a learning-rate scheduler as OptimizerConfig(schedule=…)."
            ) from error
        if self.recipe.run_name is not None:
            self._check_run_name(self.recipe.run_name)

    def _check_run_name(self, pattern: str) -> None:
        allowed = "give a folder's name, in which {dataset} and {recipe.SETTING} are filled in, or null"
        if _FORMAT.search(pattern):  # a width of ten digits would fill the memory
            raise ArgumentError(f"run_name is {pattern!r:.200}, with a format after a colon; {allowed}.")
        try:
            name = pattern.format(recipe=self.recipe, dataset=self.dataset)
        except (LookupError, AttributeError, TypeError, ValueError, OverflowError, MemoryError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ArgumentError(f"run_name is {pattern!r}, which cannot be filled in ({reason}); {allowed}.") from error
        size = len(os.fsencode(checked_path("run_name", name)))
        if not name.strip(". ") or size > LONGEST_NAME or any(letter in name for letter in "/\\\n"):
            raise ArgumentError(f"run_name makes {name[:80]!r}, which cannot be the name of a folder; {allowed}.")


def recorded_config(folder: RunFolder) -> RunConfig:
    """The configuration in a run's config.json; CorruptFileError if it does not fit this version of mxgan."""
    try:
        return config_of_record(folder.read_config())
    except ArgumentError as error:
        raise CorruptFileError(folder.config_path, f"does not fit this version of mxgan: {error}") from error


def config_of_record(record: Mapping) -> RunConfig:
    """The configuration in the content of a config.json; ArgumentError if it does not fit this version of mxgan."""
    return from_dict(RunConfig, _with_algorithm(with_labels(record["run"])), "run")


def _with_algorithm(values):
    """The values of a run; one from before there was the setting `algorithm` had MXNet's operators."""
    if isinstance(values, Mapping) and isinstance(values.get("recipe"), Mapping):
        return {**values, "recipe": {"algorithm": "direct", **values["recipe"]}}
    return values


def with_labels(values):
    """The values of a run; one from before there was the setting `labels` had the subfolders as its classes."""
    if isinstance(values, Mapping) and "labels" not in values and values.get("dataset") in data_sets_with("labels"):
        return {**values, "labels": CLASS_FOLDERS}
    return values


def with_labels_of(before: RunConfig, wanted: RunConfig) -> RunConfig:
    """The settings wanted; where they leave `labels` open and the run `before` takes the subfolders, it goes on so."""
    is_open = wanted.labels is None and before.labels == CLASS_FOLDERS and wanted.dataset == before.dataset
    return replace(wanted, labels=CLASS_FOLDERS) if is_open else wanted
