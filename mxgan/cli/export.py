"""The command `mxgan export`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import debug_option
from mxgan.cli.sample import generator_options
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.cli.values import shape_of

__all__ = ["export"]


class _FormatOption(click.Option):
    """--format, with the names in its help; they are imported only for the help, because MXNet is loaded with them."""

    def get_help_record(self, ctx):
        from mxgan.export import FORMATS

        self.help = f"One of {', '.join(FORMATS)}."
        return super().get_help_record(ctx)


@click.command()
@click.argument("source", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--format", "form", metavar="NAME", required=True, cls=_FormatOption)
@click.option("--half", metavar="generator|discriminator", default="generator", show_default=True)
@generator_options
@click.option("--image", metavar="C,H,W", help="With a discriminator's symbol: the shape of one image, as 3,64,64.")
@click.option("--precision", metavar="float32|float16", help="For onnx; without it: float32.")
@click.option("--weights", metavar="pt|safetensors", help="For torch: the file of the weights; without it: pt.")
@click.option("--keep-batch-norm", is_flag=True, help="For onnx: BatchNorm stays a layer of its own.")
@click.option(
    "--license",
    metavar="TEXT",
    default="unknown",
    show_default=True,
    help="For the model card: an identifier such as mit or cc-by-4.0, or a name.",
)
@debug_option
def export(
    source: str, out: str, form: str, latent: Optional[str], image: Optional[str], debug: bool, **settings
) -> None:
    """Write the generator of RUN or PARAMS, for other programs, into the new folder OUT.

    OUT gets the format's files, a model card (README.md), a picture, and export.json. The files are run and compared
    with MXNet before OUT gets its name, if the format's library is installed.
    """
    show_log(err=True)
    with readable_errors(debug):
        from mxgan.runs.export import export_model

        shapes = {"latent_shape": shape_of("--latent", latent), "image_shape": shape_of("--image", image)}
        _report(export_model(source, out, form, **shapes, **settings), form)


def _report(made, form: str) -> None:
    """Print what was written, how well it agrees with MXNet, and what to do with it."""
    from mxgan.export.checking import SAMPLES

    for name, size in made.files:
        say(f"{size:>12,} bytes  {name}")
    difference, reason, warning = made.agreement
    if difference is None:
        say(f"not checked: {reason}")
    else:
        say(f"checked: largest difference {difference:.2g} from MXNet on {SAMPLES} inputs")
    if warning:
        say(f"warning: that is {warning}")
    say(f"exported: {made.folder}")
    folder = Path(made.folder)
    if made.half == "discriminator":
        say(f"try it: the lines of Python in {folder / 'README.md'}")
    elif form == "torch":
        say(f"try it: python {shlex.quote(str(folder / 'model.py'))} --num 16 --output grid.png")
    else:
        say(f"try it: mxgan sample {shlex.quote(str(folder))}, or the lines of Python in {folder / 'README.md'}")
