"""The command `mxgan` with its subcommands; flags.py turns strings into a configuration, runs/ does the work."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
from pathlib import Path
from typing import Optional

import click

from mxgan import __version__
from mxgan.cli.evaluate import evaluate, train_classifier
from mxgan.cli.flags import background_option, changed, overwrite_option, resolve, sizes_of, training_options
from mxgan.cli.run import run
from mxgan.cli.streams import Group, say
from mxgan.cli.summary import summary
from mxgan.cli.terminal import readable_errors, show_log, stop_on_signals
from mxgan.cli.unknown_flags import TrainingCommand
from mxgan.errors import ArgumentError, RunFinishedError, exit_code_after

__all__ = ["example", "main"]

logger = logging.getLogger(__name__)  # the messages of training; it may outlive its standard output


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="mxgan")
def main() -> None:
    """Generative adversarial networks on Apache MXNet's symbolic Module API."""


main.add_command(evaluate)
main.add_command(train_classifier)
main.add_command(summary)
main.add_command(run)


@main.command(cls=TrainingCommand)
@training_options
def train(debug: bool, **flags) -> None:
    """Train a recipe on a data set; prints the paths of a picture and of the run folder at the end.

    Without flags: the recipe dcgan on the embedded digits for 100 epochs. Without a flag, the recipe's setting
    applies; --dry-run prints every setting.
    """
    with readable_errors(debug):
        _train(flags)


def example(description: str, recipe: str, dataset: str, data_flag: Optional[str] = None, **defaults):
    """A program with the flags of `mxgan train` and its own defaults.

    Parameters
    ----------
    description : the text of --help.
    recipe, dataset : the defaults of --recipe and --dataset.
    data_flag : another name for --data-dir, such as "--rec".
    defaults : of further `RunConfig` settings, ``epochs=100``; and `settings`, a sequence of KEY=VALUE as --set takes.
    """

    @click.command(cls=TrainingCommand, help=description, context_settings={"max_content_width": 110})
    @training_options
    def program(debug: bool, data_again: Optional[str] = None, **flags) -> None:
        flags["data_dir"] = flags["data_dir"] or data_again
        with readable_errors(debug):
            _train(flags, {"recipe": recipe, "dataset": dataset, **defaults})

    if data_flag:
        click.option(data_flag, "data_again", type=click.Path(), help="The same as --data-dir.")(program)
    return program


def _train(flags: dict, defaults: Optional[dict] = None) -> None:
    from mxgan.runs.session import resume, start, start_or_resume

    show_log()
    run_dir, display, again = flags.pop("run_dir"), flags.pop("display"), flags.pop("resume")
    dry_run, allow_changes = flags.pop("dry_run"), flags.pop("allow_changes")
    if again in (None, "auto"):
        config = resolve(flags, defaults or {})
    else:
        config = changed(flags, _config_to_resume(again, run_dir))
    if allow_changes and again == "auto" and not flags.get("steps") and not flags.get("epochs"):
        config = _with_end_of(run_dir, config)
    if dry_run:
        print_config(config)
        return
    try:
        current = {
            None: lambda: start(config, run_dir, display),
            "auto": lambda: start_or_resume(config, run_dir, display, allow_changes=allow_changes),
        }.get(again, lambda: resume(again, config, display=display, allow_changes=allow_changes))()
    except RunFinishedError as error:
        if again != "auto":
            raise
        logger.info("Nothing left to train: %s", error)
        return
    logger.info(f"run folder: {current.folder.path}; from step {current.trainer.step} to {current.last_step}")
    with stop_on_signals(current.trainer):
        current.run()
    report(current)


def _with_end_of(run_dir: Optional[str], config):
    """`config` with the end of the run in a folder, if there is one: only --steps and --epochs change an end."""
    from dataclasses import replace

    from mxgan.runs.config import recorded_config
    from mxgan.training.run_folder import RunFolder

    if run_dir is None or not RunFolder(run_dir).config_path.is_file():
        return config
    before = recorded_config(RunFolder.open(run_dir))
    return replace(config, steps=before.steps, epochs=before.epochs)


def _config_to_resume(run: str, run_dir: Optional[str]):
    """The configuration in a run's config.json; ArgumentError if --run-dir is given too."""
    from mxgan.runs.config import recorded_config
    from mxgan.training.run_folder import RunFolder

    if run_dir is not None:
        raise ArgumentError(
            f"--run-dir cannot go with --resume {run}: a run stays in its folder. Leave --run-dir out, or give "
            f"--resume auto --run-dir {run_dir}."
        )
    return recorded_config(RunFolder.open(run))


def print_config(config) -> None:
    """Print a configuration as JSON."""
    import json

    from mxgan.runtime.config import to_dict

    say(json.dumps(to_dict(config), indent=1))


def report(current) -> None:
    """Print the last lines: the picture, the run folder, and the command to continue if the run was stopped."""
    trainer, folder = current.trainer, current.folder
    picture = folder.latest_picture() or _newest(folder.samples)
    if picture:
        logger.info(f"picture: {picture}")
    logger.info(f"run folder: {folder.path}")
    if trainer.stopping and trainer.step < current.last_step:
        logger.info(f"Stopped by {trainer.stopping} after step {trainer.step}, and saved. Continue with:")
        logger.info(f"  mxgan train --resume {shlex.quote(str(folder.path))}")
        sys.exit(exit_code_after(signal.Signals.__members__.get(trainer.stopping, signal.SIGINT)))


def _newest(samples: Path) -> Optional[Path]:
    """The picture of the last step, of any kind, for a recipe that draws no gout."""
    return max(samples.glob("*-*.png"), key=lambda path: path.stem.rpartition("-")[2], default=None)


@main.command()
@click.argument("source", type=click.Path())
@click.option("--num", default=64, show_default=True, help="Number of images.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--class", "only", type=click.IntRange(0), help="For a conditional generator: only this class.")
@click.option("--checkpoint", metavar="STEP|latest|best", default="latest", show_default=True, help="For a run folder.")
@click.option("--ema/--raw", "averaged", default=None,
              help="For a run with --ema: the average of G's weights (the default), "
                   "or the weights themselves.")  # fmt: skip
@click.option("--symbol", metavar="FILE.json", type=click.Path(),
              help="For a .params file: the generator's symbol; without it, the one beside the file.")  # fmt: skip
@click.option("--latent", metavar="N,...", help="With a symbol: the shape of one latent, as 100,1,1.")
@click.option("--input", "input_name", metavar="NAME", help="With a symbol: its input for latents.")
@click.option("--strip-prefix", metavar="PREFIX", help="With a symbol: a prefix of the names in the file.")
@click.option("--distribution", type=click.Choice(["normal", "uniform"]),
              help="Of a file's latents; without it, normal, or as its run has it.")  # fmt: skip
@click.option("--output", type=click.Path(), default="samples.png", show_default=True,
              help="FILE.png: one grid; FILE.npz: the array `images` (float32, NCHW), and `labels` for a conditional "
                   "generator; FOLDER: one PNG for each image.")  # fmt: skip
@overwrite_option
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def sample(
    source: str,
    num: int,
    seed: int,
    only: Optional[int],
    checkpoint: str,
    averaged: Optional[bool],
    latent: Optional[str],
    output: str,
    overwrite: bool,
    debug: bool,
    **of_file: Optional[str],
) -> None:
    """Draw images from a run folder or from a generator's .params file, of mxgan, MXNet or Gluon.

    With a conditional generator, image i has the class i mod K, and the grid has one column for each class. A .params
    file is drawn by the symbol beside it (PREFIX-symbol.json for PREFIX-0090.params) or by --symbol.
    """
    with readable_errors(debug):
        from mxgan.cli.outputs import check_images, write_images
        from mxgan.runs.load import load_sampler

        show_log(err=True)
        latent_shape = None if latent is None else sizes_of(latent)
        if latent_shape == ():
            raise ArgumentError(f"--latent {latent!r}: give the sizes of one latent, all above 0, as 100,1,1.")
        settings = {"checkpoint": checkpoint, "averaged": averaged, "latent_shape": latent_shape, **of_file}
        target = Path(output)
        check_images(target, overwrite)
        sampler = load_sampler(source, **settings)
        images, labels = sampler.draw(num, seed, only), sampler.classes_of(num, only)
        columns = sampler.classes if sampler.classes and only is None else None
        write_images(target, images, labels, columns, sampler.class_names)
        of_class = "" if only is None else f" of class {only}"
        named = f" ({sampler.class_names[only]!r})" if of_class and sampler.class_names else ""
        say(f"{num} images{of_class}{named}: {target}")


@main.command()
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def recipes(debug: bool) -> None:
    """List the recipes with their sources and defaults."""
    import textwrap

    with readable_errors(debug):
        from mxgan.recipes import RECIPES

        for name, recipe in RECIPES.items():
            say(f"{name}: {recipe.summary}")
            for text in (f"Source: {recipe.source}.", f"Defaults: {recipe.describe()}."):
                say(textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="    "))


@main.command()
@click.argument("folder", type=click.Path())
@click.argument("output", type=click.Path())
@click.option("--resize", type=int, default=256, show_default=True, help="Length of the shorter side, in pixels.")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="JPEG quality.")
@background_option
@click.option("--labels", metavar="FILE|folders", help="CSV or dataset.json with the labels of the images.")
@overwrite_option
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def pack(folder: str, output: str, debug: bool, **settings) -> None:
    """Pack the images of FOLDER, which may be a .zip, into the RecordIO file OUTPUT (.rec) and its index (.idx)."""
    with readable_errors(debug):
        from mxgan.data import pack_folder

        show_log(err=True)
        packed = pack_folder(folder, output, **settings)
        say(packed.summary())


@main.command()
@click.option("--data-dir", type=click.Path(), help="Where to look for MNIST.")
def doctor(data_dir: Optional[str]) -> None:
    """Report the installed software, the machine and the data, with a remedy for each fault."""
    from mxgan.cli.doctor import examine, render

    with readable_errors(debug=False):
        findings = examine(data_dir)
        say(render(findings))
    if any(finding.status == "fault" for finding in findings):
        sys.exit(1)
