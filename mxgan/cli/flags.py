"""Flags of `mxgan train`, shared with the programs under examples/, and their RunConfig."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Optional

import click

from mxgan.errors import ArgumentError

__all__ = [
    "background_option",
    "changed",
    "debug_option",
    "key_and_value",
    "learning_rates",
    "overwrite_option",
    "resolve",
    "shape_of",
    "short_path",
    "sizes_of",
    "training_options",
]

# Flag of `mxgan train` → the settings of the run that it changes; --set changes all others.
_SETTINGS_OF_FLAG = {
    "batch_size": ["recipe.batch_size"],
    "ngf": ["recipe.network.ngf"],
    "ndf": ["recipe.network.ndf"],
    "nc": ["recipe.network.nc"],
    "image_size": ["recipe.network.image_size"],
    "precision": ["recipe.precision"],
    "ema": ["recipe.ema"],
    "beta1": ["recipe.generator_optimizer.settings.beta1", "recipe.discriminator_optimizer.settings.beta1"],
    **{
        name: [name]
        for name in (
            "dataset", "data_dir", "labels", "limit", "seed", "gpu", "log_every", "sample_every", "checkpoint_every",
            "evaluate_every", "keep", "keep_best", "on_nan", "diagnose", "monitor", "show_every", "tensorboard",
        )
    },
}  # fmt: skip


LEARNING_RATES = ["recipe.generator_optimizer.learning_rate", "recipe.discriminator_optimizer.learning_rate"]


class Interval(click.ParamType):
    """A number of steps, the word epoch, or, if `minutes` are allowed, 15min."""

    def __init__(self, minutes: bool = False) -> None:
        self.name = "N|epoch|Nmin" if minutes else "N|epoch"

    def convert(self, value, param, ctx):
        from mxgan.training.every import Every

        try:
            number = int(value) if str(value).isascii() and str(value).isdigit() else value
            return Every.parse(self.name, number, minutes=self.name.endswith("min")).value
        except ArgumentError:
            self.fail(f"{value!r} is none of {self.name}, where N is a number above 0.", param, ctx)


class Size(click.ParamType):
    """Height and width of images: one whole number, or two as 48x96."""

    name = "N|HxW"

    def convert(self, value, param, ctx):
        from mxgan.runtime.config import read_pair

        text = str(value)
        found = int(text) if re.fullmatch("[0-9]{1,9}", text) else read_pair(text)
        if found is None:
            self.fail(f"{text!r} is no whole number, and not height and width as 48x96.", param, ctx)
        return found


_positive = click.IntRange(min=1)
_OPTIONS = (
    click.option("--recipe", metavar="NAME", help="One of `mxgan recipes`."),
    click.option("--dataset", metavar="NAME", help="mnist, digits, folder or recordio."),
    click.option("--data-dir", type=click.Path(), help="Folder of the data, a .zip of images, or the .rec file."),
    click.option("--labels", metavar="FILE|folders", help="CSV or dataset.json with the labels of a folder's images; "
                 "without it: labels.csv or dataset.json in the folder, or its subfolders."),
    click.option("--limit", type=_positive, metavar="N", help="Only the first N images."),
    click.option("--steps", type=_positive, help="Number of steps to train, in all."),
    click.option("--epochs", type=_positive, help="Number of epochs to train, in all."),
    click.option("--batch-size", type=_positive, help="Images in a batch."),
    click.option("--ngf", type=_positive, help="Base width of the generator."),
    click.option("--ndf", type=_positive, help="Base width of the discriminator."),
    click.option("--nc", type=click.Choice(["1", "3"]), help="Channels of the images."),
    click.option("--image-size", type=Size(), help="Height and width of the images: 28, or 48x96."),
    click.option("--lr", type=float, help="Learning rate of G; D's keeps its ratio to it."),
    click.option("--beta1", type=float, help="Adam's first decay rate, of both networks."),
    click.option("--precision", type=click.Choice(["float32", "bfloat16"]),
                 help="bfloat16: faster, on a CPU with AVX512_BF16."),
    click.option("--ema", type=float, metavar="DECAY", help="Also keep an average of G's weights, as 0.999."),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Decides every draw of the run."),
    click.option("--gpu", metavar="0,1", help="GPUs to train on; without it: the CPU."),
    click.option("--run-dir", type=click.Path(), help="A new folder for everything the run writes."),
    click.option("--resume", metavar="RUN|auto", type=click.Path(),
                 help="Continue this run folder; auto: continue the run of this command, or start it."),
    click.option("--allow-changes", is_flag=True, help="With --resume: continue with other settings than the run's."),
    click.option("--display", type=click.Choice(["auto", "window", "none"]), default="auto", show_default=True,
                 help="Windows gout, diff and data."),
    click.option("--show-every", type=Interval(), help="Steps between refreshes of the windows; without it: as "
                 "pictures are saved."),
    click.option("--log-every", type=_positive, help="Steps between lines of the log."),
    click.option("--sample-every", type=Interval(), help="Steps between pictures."),
    click.option("--checkpoint-every", type=Interval(minutes=True), help="Steps, or minutes, between checkpoints."),
    click.option("--evaluate-every", type=Interval(), help="Steps between scores of samples; without it: never."),
    click.option("--keep", type=_positive, help="Number of checkpoints to keep."),
    click.option("--keep-best", metavar="METRIC:min|max", help="Also keep the best checkpoint by this metric."),
    click.option("--on-nan", type=click.Choice(["stop", "rollback"]),
                 help="What to do when a loss or weight is not finite."),
    click.option("--diagnose/--no-diagnose", default=None, help="Warn of training failures; on by default."),
    click.option("--monitor", type=click.IntRange(min=0), help="Steps between printouts of mx.mon.Monitor."),
    click.option("--tensorboard/--no-tensorboard", default=None, help="Write event files for TensorBoard."),
    click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any other setting of the recipe."),
    click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop."),
    click.option("--debug", is_flag=True, help="Show tracebacks."),
)  # fmt: skip


background_option = click.option(
    "--background", help="Colour behind transparent parts: white (the default), black or #rrggbb."
)

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace the output if it exists; the old one stays until the new one is whole."
)


debug_option = click.option("--debug", is_flag=True, help="Show tracebacks.")


def training_options(command):
    """Give a click command all flags of `mxgan train`."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


def resolve(flags: dict, defaults: dict):
    """The RunConfig of the flags, on top of the recipe and of `defaults`."""
    from mxgan.recipes import get_recipe
    from mxgan.runs.config import RunConfig
    from mxgan.runtime.config import override

    recipe = get_recipe(flags.get("recipe") or defaults.get("recipe", "dcgan"))
    settings = {"epochs": 100, **recipe.run_defaults, **defaults, "recipe": recipe}
    own = settings.pop("settings", ())
    return changed({**flags, "recipe": None}, override(RunConfig(**settings), dict(map(key_and_value, own))))


def changed(flags: dict, config):
    """`config` with the changes of the flags; a flag that is None changes nothing."""
    from mxgan.recipes import get_recipe
    from mxgan.runtime.config import override, setting_paths

    given = {name: value for name, value in flags.items() if value is not None}
    if "data_dir" in given:
        given["data_dir"] = os.path.abspath(given["data_dir"])  # valid also when resumed from another folder
    if "nc" in given:
        given["nc"] = int(given["nc"])
    if "recipe" in given:
        config = replace(config, recipe=get_recipe(given["recipe"]))
    ends = {name: given[name] for name in ("steps", "epochs") if name in given}
    if ends:
        config = replace(config, **{"steps": None, "epochs": None, **ends})
    _check_widths(config.recipe.network, given)
    changes = {path: given[name] for name, paths in _SETTINGS_OF_FLAG.items() if name in given for path in paths}
    if "lr" in given:
        changes.update(learning_rates(config.recipe, given["lr"]))
    own = dict(map(key_and_value, given.get("settings", ())))
    _refuse_flags(own, setting_paths(config), _flags())
    changes.update(own)
    if "labels" in changes:
        from mxgan.data.image_labels import labels_path

        changes["labels"] = labels_path(changes["labels"], changes.get("data_dir", config.data_dir))
    return override(config, changes)


class _Flag(NamedTuple):
    """A flag of `mxgan train`: as it is written, whether it takes no value, and the paths of what it sets."""

    option: str
    is_switch: bool
    changes: Sequence[str]


@functools.cache
def _flags() -> dict:
    """{name: `_Flag`} of every flag of `mxgan train`."""
    sets = {**_SETTINGS_OF_FLAG, "lr": LEARNING_RATES}
    options = click.command("flags")(training_options(lambda: None)).params
    return {
        option.name: _Flag(max(option.opts, key=len), option.is_flag, sets.get(option.name, ())) for option in options
    }


def _refuse_flags(settings: Mapping[str, str], known: Collection[str], flags: Mapping[str, _Flag]) -> None:
    """Raise ArgumentError for a key of --set that means a flag: it is no setting, or the flag sets several at once.

    Parameters
    ----------
    settings : {key: value} of --set. known : the paths of all settings. flags : {name: `_Flag`}.
    """
    for key, value in settings.items():
        flag = flags.get(key.lstrip("-").replace("-", "_"))
        found = [path for path in known if path == key or path.endswith(f".{key}")]
        changes = [path for path in flag.changes if path in known] if flag else []
        if flag is None or len(found) == 1 or (flag.changes and not changes):  # not of this recipe
            continue
        written = flag.option if flag.is_switch else f"{flag.option} {value}"
        words = " and ".join(map(short_path, changes))
        remedy = f"give {written}." + (f" It sets {words}." if words else "")
        raise ArgumentError(f"--set {key}={value}: {key} is a flag; {remedy}")


def short_path(path: str) -> str:
    """A setting's path as --set takes it, without the recipe before it."""
    return path[len("recipe.") :] if path.startswith("recipe.") else path


def _check_widths(network, given: dict) -> None:
    for name in ("ngf", "ndf", "nc"):
        if name in given and not hasattr(network, name):
            widths = " and ".join(
                f"--set {field}={_spelt(getattr(network, field))}" for field in network.width_settings
            )
            raise ArgumentError(
                f"--{name} is {given[name]}, but the network {network.name!r} has no {name}; its widths are {widths}."
            )


def _spelt(value) -> str:
    """A setting in the form of --set."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def key_and_value(setting: str) -> tuple:
    """(key, value) of a KEY=VALUE of --set."""
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise ArgumentError(f"--set {setting!r} is not of the form KEY=VALUE.")
    if "run_defaults" in key.split("."):
        raise ArgumentError(
            f"--set {setting!r}: run_defaults are only defaults of the flags; give the flag itself "
            "(--epochs, --limit, --log-every, --sample-every, --show-every)."
        )
    return key, value


def learning_rates(recipe, rate: float) -> dict:
    """{setting: value} that set G's learning rate to `rate` and keep the ratio of D's rate to G's."""
    ratio = recipe.discriminator_optimizer.learning_rate / recipe.generator_optimizer.learning_rate
    return dict(zip(LEARNING_RATES, (rate, rate * ratio)))


_ONE = {"--latent": "latent, all above 0, as 100,1,1", "--image": "image, all above 0, as 3,64,64"}


def shape_of(flag: str, text: Optional[str]) -> Optional[tuple]:
    """The shape that --latent or --image gives, None without it; ArgumentError for anything but sizes."""
    sizes = None if text is None else sizes_of(text)
    if sizes == ():
        raise ArgumentError(f"{flag} {text!r}: give the sizes of one {_ONE[flag]}.")
    return sizes


def sizes_of(text: str) -> tuple:
    """The sizes of a shape given as 100,1,1; () for anything but whole numbers above 0."""
    whole = re.fullmatch(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,31}", text)
    return tuple(map(int, text.split(","))) if whole else ()
