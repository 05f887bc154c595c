"""The command `mxgan import`: a run of a network that another program has trained."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.sample import file_options
from mxgan.cli.settings import key_and_value
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.cli.values import shape_of

__all__ = ["import_command"]


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("--run-dir", type=click.Path(), required=True, help="A new folder for the run.")
@click.option("--discriminator", metavar="FILE", type=click.Path(),
              help="The discriminator; without it, the run makes images but cannot be trained.")  # fmt: skip
@click.option("--recipe", metavar="NAME",
              help="Settings of further training, one of `mxgan recipes`; without it: those of the exported run, or "
                   "dcgan-original.")  # fmt: skip
@click.option("--dataset", metavar="NAME", help="Images of further training: mnist, digits, folder or recordio.")
@click.option("--data-dir", type=click.Path(), help="Folder of the data, a .zip of images, or the .rec file.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any setting of the recipe or the run.")
@click.option("--discriminator-symbol", metavar="FILE.json", type=click.Path(),
              help="For the discriminator's .params file: its symbol, as --symbol for the generator's.")  # fmt: skip
@file_options
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def import_command(file: str, run_dir: str, settings: tuple, latent: Optional[str], debug: bool, **given) -> None:
    """Make a run of the generator in FILE, and of the discriminator: to sample, evaluate, export and train on.

    FILE is a state_dict of PyTorch's DCGAN (.pt, .pth or .safetensors), a .params file of MXNet, Gluon or mxgan, or a
    folder of `mxgan export`.
    """
    with readable_errors(debug):
        from mxgan.runs.importing import import_model

        show_log(err=True)
        own = dict(map(key_and_value, settings))
        run = import_model(file, run_dir, settings=own, latent_shape=shape_of("--latent", latent), **given)
        say(f"run folder: {run}")
        name = shlex.quote(str(Path(run_dir)))
        say(f"  mxgan sample {name} --output samples.png")
        if given["discriminator"]:
            place = "" if given["dataset"] else " --dataset NAME"
            say(f"  mxgan train --resume {name}{place} --steps N")
