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
from mxgan.cli.completion import completion, teach
from mxgan.cli.evaluate import evaluate, train_classifier
from mxgan.cli.export import export
from mxgan.cli.films import film
from mxgan.cli.flags import again_with, background_option, given_averages, overwrite_option, resolve, training_options
from mxgan.cli.importing import import_command
from mxgan.cli.latents import interpolate, walk
from mxgan.cli.launch import launch
from mxgan.cli.plot import plot
from mxgan.cli.projections import project
from mxgan.cli.report import report
from mxgan.cli.run import run
from mxgan.cli.runs import runs
from mxgan.cli.sample import sample
from mxgan.cli.serve import serve
from mxgan.cli.streams import Group, say
from mxgan.cli.summary import summary
from mxgan.cli.sweep import sweep
from mxgan.cli.terminal import UNSAVED, readable_errors, show_log, show_nothing, stop_on_signals
from mxgan.cli.unknown_flags import TrainingCommand
from mxgan.errors import ArgumentError, RunFinishedError, exit_code_after
from mxgan.runs.launching.options import launched_command, was_restarted

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
main.add_command(export)
main.add_command(sample)
main.add_command(interpolate)
main.add_command(walk)
main.add_command(project)
main.add_command(film)
main.add_command(runs)
main.add_command(plot)
main.add_command(import_command)
main.add_command(report)
main.add_command(serve)
main.add_command(sweep)
main.add_command(launch)
main.add_command(completion)


@main.command(cls=TrainingCommand)
@training_options
def train(debug: bool, **flags) -> None:
    """Train a recipe on a data set; prints the paths of a picture and of the run folder at the end.

    Without flags: the recipe dcgan on the embedded digits for 100 epochs. Without a flag, the recipe's setting
    applies; --dry-run prints every setting.
    """
    with readable_errors(debug, lost=UNSAVED):
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
        with readable_errors(debug, lost=UNSAVED):
            _train(flags, {"recipe": recipe, "dataset": dataset, **defaults})

    if data_flag:
        click.option(data_flag, "data_again", type=click.Path(), help="The same as --data-dir.")(program)
    return program


def _train(flags: dict, defaults: Optional[dict] = None) -> None:
    from mxgan.training.parallel.mpi_ranks import all_ranks

    ranks = all_ranks()
    if ranks.is_first:
        show_log()
    else:
        show_nothing()
    with ranks.guarded():
        current, page = _trained(flags, defaults, ranks)
    if current is not None and ranks.is_first:
        tell(current, page)


def _trained(flags: dict, defaults: Optional[dict], ranks) -> tuple:
    """(session at its end, path of its report); (None, None) if there was nothing to train."""
    from mxgan.runs.session import resume, start, start_or_resume

    run_dir, display, again = flags.pop("run_dir"), flags.pop("display"), flags.pop("resume")
    dry_run, form, allow_changes = flags.pop("dry_run"), flags.pop("form"), flags.pop("allow_changes")
    file = _settings_file(flags.pop("config"))
    if form and not dry_run:
        raise ArgumentError(f"--format {form} is of --dry-run, which prints the configuration. Give both, or neither.")
    given = given_averages(flags, defaults or {}, file)
    if again in (None, "auto"):
        config = resolve(flags, defaults or {}, file)
    else:
        config = again_with(flags, _config_to_resume(again, run_dir, ranks), file)
    ends = flags.get("steps") or flags.get("epochs") or (file and file.gives_end)
    if allow_changes and again == "auto" and not ends:
        config = _with_end_of(run_dir, config, ranks)
    if dry_run:
        if ranks.is_first:
            print_config(config, form)
        return None, None
    try:
        current = {
            None: lambda: start(config, run_dir, display),
            "auto": lambda: start_or_resume(config, run_dir, display, allow_changes=allow_changes, given=given),
        }.get(again, lambda: resume(again, config, display=display, allow_changes=allow_changes))()
    except RunFinishedError as error:
        if again != "auto" and ranks.is_first and not was_restarted():  # what failed may have been after the last step
            raise
        logger.info("Nothing left to train: %s", error)
        return None, None
    logger.info(f"run folder: {current.folder.path}; from step {current.trainer.step} to {current.last_step}")
    with stop_on_signals(current.trainer, ranks):
        return current, current.run()


def _settings_file(path: Optional[str]):
    """The settings in the file of --config; None without it."""
    if path is None:
        return None
    from mxgan.runs.config_files import FileSettings

    return FileSettings.read(path)


def _with_end_of(run_dir: Optional[str], config, ranks):
    """`config` with the end of the run in a folder, if there is one: only --steps and --epochs change an end."""
    from dataclasses import replace

    from mxgan.runs.ranks import recorded_on_all
    from mxgan.training.run_folder import RunFolder

    if run_dir is None or not ranks.from_first(RunFolder(run_dir).config_path.is_file()):
        return config
    before = recorded_on_all(ranks, RunFolder.open(run_dir) if ranks.is_first else None)
    return replace(config, steps=before.steps, epochs=before.epochs)


def _config_to_resume(run: str, run_dir: Optional[str], ranks):
    """The configuration in a run's config.json; ArgumentError if --run-dir is given too."""
    from mxgan.runs.ranks import recorded_on_all
    from mxgan.training.run_folder import RunFolder

    if run_dir is not None:
        raise ArgumentError(
            f"--run-dir cannot go with --resume {run}: a run stays in its folder. Leave --run-dir out, or give "
            f"--resume auto --run-dir {run_dir}."
        )
    return recorded_on_all(ranks, RunFolder.open(run) if ranks.is_first else None)


def print_config(config, form: Optional[str] = None) -> None:
    """Print a configuration: every setting as JSON, or, with the form "yaml", what differs from the recipe."""
    import json

    from mxgan.runs.config_text import config_text
    from mxgan.runtime.config import to_dict

    say(config_text(config).rstrip() if form == "yaml" else json.dumps(to_dict(config), indent=1))


def tell(current, page: Optional[Path]) -> None:
    """Print the last lines: picture, report and run folder, and the command to continue if the run was stopped."""
    from mxgan.runs.drawn import weights_in_words

    trainer, folder = current.trainer, current.folder
    picture = folder.latest_picture()
    if picture:
        logger.info(f"picture: {picture}")
        logger.info(f"pictures and samples show: {weights_in_words(current.config.recipe.ema)}")
    if page:
        logger.info(f"report: {page}")
    logger.info(f"run folder: {folder.path}")
    if trainer.stopping and trainer.step < current.last_step:
        logger.info(f"Stopped by {trainer.stopping} after step {trainer.step}, and saved. Continue with:")
        ranks = trainer.pair.ranks.size
        program = f"{launched_command(ranks)} --" if ranks > 1 else "mxgan"
        logger.info(f"  {program} train --resume {shlex.quote(str(folder.path))}")
        sys.exit(exit_code_after(signal.Signals.__members__.get(trainer.stopping, signal.SIGINT)))


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


teach(main)
