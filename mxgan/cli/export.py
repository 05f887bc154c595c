"""The command `mxgan export`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import sizes_of
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.errors import ArgumentError

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
@click.option("--checkpoint", metavar="STEP|latest|best", default="latest", show_default=True, help="For a run folder.")
@click.option(
    "--ema/--raw",
    "averaged",
    default=None,
    help="For a run with --ema: the average of G's weights (the default), or the weights themselves.",
)
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
@click.option(
    "--symbol",
    metavar="FILE.json",
    type=click.Path(),
    help="For a .params file: its symbol; without it, the one beside the file.",
)
@click.option("--latent", metavar="N,...", help="With a symbol: the shape of one latent, as 100,1,1.")
@click.option("--input", "input_name", metavar="NAME", help="With a symbol: its input for latents or images.")
@click.option("--strip-prefix", metavar="PREFIX", help="With a symbol: a prefix of the names in the file.")
@click.option(
    "--distribution",
    type=click.Choice(["normal", "uniform"]),
    help="Of a file's latents; without it, normal, or as its run has it.",
)
@click.option("--image", metavar="C,H,W", help="With a discriminator's symbol: the shape of one image, as 3,64,64.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")  # fmt: skip
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

        shapes = {"latent_shape": _shape("--latent", latent), "image_shape": _shape("--image", image)}
        _report(export_model(source, out, form, **shapes, **settings), form)


def _shape(flag: str, text: Optional[str]) -> Optional[tuple]:
    """The sizes of a shape; None if the flag is not given; ArgumentError for anything but numbers above 0."""
    sizes = None if text is None else sizes_of(text)
    if sizes == ():
        raise ArgumentError(f"{flag} {text!r}: give sizes above 0 with commas between them, as 100,1,1.")
    return sizes


def _report(made, form: str) -> None:
    """Print what was written, how well it agrees with MXNet, and what to do with it."""
    from mxgan.export.checking import SAMPLES

    for name, size in made.files:
        say(f"{size:>12,} bytes  {name}")
    difference, reason = made.agreement
    if difference is None:
        say(f"not checked: {reason}")
    else:
        say(f"checked: largest difference {difference:.2g} from MXNet on {SAMPLES} inputs")
    say(f"exported: {made.folder}")
    folder = Path(made.folder)
    if made.half == "discriminator":
        say(f"try it: the lines of Python in {folder / 'README.md'}")
    elif form == "torch":
        say(f"try it: python {shlex.quote(str(folder / 'model.py'))} --num 16 --output grid.png")
    else:
        say(f"try it: mxgan sample {shlex.quote(str(folder))}, or the lines of Python in {folder / 'README.md'}")
