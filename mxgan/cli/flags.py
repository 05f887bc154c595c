"""Flags of `mxgan train`, shared with the programs under examples/, and their RunConfig."""

from __future__ import annotations

import functools
from dataclasses import replace

import click

from mxgan.cli.settings import Flag, check_widths, key_and_value, refuse_flags
from mxgan.cli.values import Decay, Interval, Names, Size
from mxgan.runs.flag_settings import SETTING_OF_FLAG
from mxgan.training.idle_settings import is_default

__all__ = [
    "again_with",
    "background_option",
    "changed",
    "debug_option",
    "overwrite_option",
    "resolve",
    "training_options",
]

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
    click.option("--ema", type=Decay(), metavar="DECAY|none",
                 help="Decay of the average of G's weights, which pictures and samples show: 0.999; none: no average."),
    click.option("--augment", type=Names(), help="Random changes of the images before D: colour,translation,cutout; "
                 "none turns them off."),
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
    click.option("--monitor", type=click.IntRange(min=0), help="Steps between printouts of mx.mon.Monitor; of all "
                 "layers with --set algorithm=direct."),
    click.option("--tensorboard/--no-tensorboard", default=None, help="Write event files for TensorBoard."),
    click.option("--sync-batch-norm/--no-sync-batch-norm", default=None,
                 help="On several ranks: BatchNorm over the whole batch, not over each rank's part."),
    click.option("--gradient-compression", type=click.Choice(["bf16"]),
                 help="On several ranks: send gradients in bfloat16, half the bytes."),
    click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any other setting of the recipe."),
    click.option("--config", metavar="FILE", type=click.Path(),
                 help="Settings from a file, .yaml, .toml or .json, also a run's config.json; flags overrule them."),
    click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop."),
    click.option("--format", "form", type=click.Choice(["json", "yaml"]), help="Of --dry-run: every setting as JSON "
                 "(the default), or as YAML what differs from the recipe."),
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


def resolve(flags: dict, defaults: dict, file=None):
    """The RunConfig of the flags, on top of the recipe, of `defaults` and of the settings in a file.

    Parameters
    ----------
    file : `mxgan.runs.config_files.FileSettings` of --config; None: no file.
    """
    from mxgan.recipes import get_recipe
    from mxgan.runs.config_files import base_config
    from mxgan.runtime.config import override

    named = get_recipe(flags["recipe"]) if flags.get("recipe") else None
    own = dict(map(key_and_value, defaults.get("settings", ())))
    config = base_config(file, named, {name: value for name, value in defaults.items() if name != "settings"})
    if file is None or named or not file.has_whole_recipe:
        config = override(config, own)
    config = config if file is None else file.applied(config, named or config.recipe)
    return changed({**flags, "recipe": None}, config)


def given_averages(flags: dict, defaults: dict, file=None) -> frozenset:
    """The settings of averages that the user gives: by --ema, by --set, or in the file of --config."""
    from mxgan.runs.changes import AVERAGE_SETTINGS

    settings = [*defaults.get("settings", ()), *flags.get("settings", ())]
    names = {key_and_value(setting)[0] for setting in settings} | ({"ema"} if flags.get("ema") is not None else set())
    found = frozenset(name for name in AVERAGE_SETTINGS if {name, f"recipe.{name}"} & names)
    return found if file is None else found | file.gives_any(AVERAGE_SETTINGS)


def again_with(flags: dict, config, file=None):
    """`config`, that of a run to be resumed, with the settings in a file and the flags."""
    from mxgan.recipes import get_recipe

    if file is not None:
        config = file.applied(config, get_recipe(flags["recipe"]) if flags.get("recipe") else None)
        flags = {**flags, "recipe": None}
    return changed(flags, config)


def changed(flags: dict, config):
    """`config` with the changes of the flags; a flag that is None changes nothing."""
    from mxgan.recipes import get_recipe
    from mxgan.runs.given import changes_of_several, with_end, with_full_paths
    from mxgan.runtime.config import override, setting_paths

    given = {name: value for name, value in flags.items() if value is not None}
    if "nc" in given:
        given["nc"] = int(given["nc"])
    if "recipe" in given:
        config = replace(config, recipe=get_recipe(given["recipe"]))
    config = with_end(config, given)
    check_widths(config.recipe.network, given)
    changes = {path: given[name] for name, path in SETTING_OF_FLAG.items() if name in given}
    changes.update(changes_of_several(config.recipe, given))
    own = dict(map(key_and_value, given.get("settings", ())))
    refuse_flags(own, [path for path in setting_paths(config) if not is_default(path)], _flags())
    changes.update(own)
    return with_full_paths(override(config, changes), changes)


@functools.cache
def _flags() -> dict:
    """{name: `Flag`} of every flag of `mxgan train`."""
    from mxgan.runs.given import SEVERAL

    sets = {**{name: [path] for name, path in SETTING_OF_FLAG.items()}, **SEVERAL}
    options = click.command("flags")(training_options(lambda: None)).params
    return {
        option.name: Flag(max(option.opts, key=len), option.is_flag, sets.get(option.name, ())) for option in options
    }
