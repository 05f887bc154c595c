"""The command `mxgan sample`, and the flags of every command that draws from a generator."""

from __future__ import annotations

import functools
from typing import Optional

import click

from mxgan.cli.flags import debug_option, overwrite_option
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors, show_log
from mxgan.cli.values import shape_of
from mxgan.errors import ArgumentError, counted, unknown_name

__all__ = ["classes_of", "file_options", "generator_options", "opened", "psi_option", "sample", "seed_option"]

MANY = 1_000  # images for which Numba's second is worth while
psi_option = click.option(
    "--psi", type=float, default=1.0, show_default=True,
    help="Truncation, 0 to 1: latents are multiplied by it; smaller is less varied."
)  # fmt: skip
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Decides every draw."
)

_OF_RUN = (
    click.option("--checkpoint", metavar="STEP|latest|best", default="latest", show_default=True,
                 help="For a run folder."),
    click.option("--ema/--raw", "averaged", default=None,
                 help="The average of G's weights (the default, where the run has one), or the weights themselves."),
)  # fmt: skip
_OF_FILE = (
    click.option("--symbol", metavar="FILE.json", type=click.Path(),
                 help="For a .params file: the generator's symbol; without it, the one beside the file."),
    click.option("--latent", metavar="N,...", help="With a symbol: the shape of one latent, as 100,1,1."),
    click.option("--input", "input_name", metavar="NAME", help="With a symbol: its input for latents."),
    click.option("--strip-prefix", metavar="PREFIX", help="With a symbol: a prefix of the names in the file."),
    click.option("--distribution", type=click.Choice(["normal", "uniform"]),
                 help="Of a file's latents; without it, normal, or as its run has it."),
)  # fmt: skip


def file_options(command):
    """Give a click command the flags of what a generator's .params file does not tell."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_OF_FILE), command)


def generator_options(command):
    """Give a click command the flags that choose a generator; `opened` takes them."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_OF_RUN), file_options(command))


def opened(source: str, latent: Optional[str], **settings):
    """The sampler of a run folder or file, with the values of the flags of `generator_options`."""
    from mxgan.runs.load import load_sampler

    return load_sampler(source, latent_shape=shape_of("--latent", latent), **settings)


def _class_of(text: str, known: dict, sampler) -> int:
    if text in known:
        return known[text]
    numbers = f"0 to {sampler.classes - 1}"
    remedy = f"Their numbers are {numbers}." if sampler.class_names else ""
    raise unknown_name("class", text, sampler.class_names or [numbers], remedy, sampler.class_names)


def classes_of(sampler, text: Optional[str], most: Optional[int] = None) -> list:
    """The classes of --class, by number or name; [] if it is not given.

    Raises ArgumentError for an unknown class, more than `most`, and a generator that is not conditional.
    """
    if text is None:
        return []
    if not sampler.classes:
        raise ArgumentError(f"--class {text}: this generator is not conditional. Leave --class out.")
    numbers = {str(number): number for number in range(sampler.classes)}
    known = {**{name: number for number, name in enumerate(sampler.class_names)}, **numbers}
    found = [_class_of(part.strip(), known, sampler) for part in text.split(",")]
    if most is not None and len(found) > most:
        raise ArgumentError(f"--class {text}: {len(found)} classes; give at most {most}.")
    return found


@click.command()
@click.argument("source", type=click.Path())
@click.option("--num", default=64, show_default=True, help="Number of images.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--class", "of_class", metavar="A", help="For a conditional generator: only this class, by number or "
              "name.")  # fmt: skip
@psi_option
@generator_options
@click.option("--output", type=click.Path(),
              help="FILE.png: one grid; FILE.npz: the array `images` (float32, NCHW), and `labels` for a conditional "
                   "generator; FILE.zip or FOLDER: one PNG for each image.  [default: samples.png]")  # fmt: skip
@click.option("--format", "kind", metavar="png|npz|zip|folder",
              help="The kind of output; without it, the ending of --output decides.")  # fmt: skip
@click.option("--range", "values", metavar="-1,1|0,1|0,255",
              help="For .npz: from black to white; 0,255 gives bytes.  [default: -1,1]")  # fmt: skip
@click.option("--algorithm", type=click.Choice(["auto", "direct", "fast"]), default="auto", show_default=True,
              help="Of the convolutions on a CPU: fast needs Numba; auto is fast for 1,000 images or more, where it "
                   "can. The rounding differs.")  # fmt: skip
@overwrite_option
@debug_option
def sample(
    source: str,
    num: int,
    seed: int,
    of_class: Optional[str],
    psi: float,
    output: Optional[str],
    kind: Optional[str],
    values: Optional[str],
    algorithm: str,
    overwrite: bool,
    debug: bool,
    **of_generator: Optional[str],
) -> None:
    """Draw images from a run, a folder of `mxgan export`, or a generator's .params file of mxgan, MXNet or Gluon.

    With a conditional generator, image i has the class i mod K; with K images or more, each column of the grid is of
    one class. A .params file is drawn by the symbol beside it (PREFIX-symbol.json for PREFIX-0090.params) or by
    --symbol.
    """
    with readable_errors(debug):
        from mxgan.cli.outputs import ImageOutput
        from mxgan.pictures.grid import columns_of_classes

        show_log(err=True)
        target = ImageOutput.checked(output, kind, values, overwrite)
        algorithm = "direct" if algorithm == "auto" and num < MANY else algorithm
        sampler = opened(source, algorithm=algorithm, **of_generator)
        (only,) = classes_of(sampler, of_class, most=1) or [None]
        images, labels = sampler.draw(num, seed, only, psi), sampler.classes_of(num, only)
        columns = columns_of_classes(sampler.classes, num) if sampler.classes and only is None else None
        target.write(images, labels, columns, sampler.class_names)
        shown = "" if only is None else f" of class {only}"
        named = f" ({sampler.class_names[only]!r})" if shown and sampler.class_names else ""
        say(f"{counted(num, 'image')}{shown}{named}: {target.path}")
