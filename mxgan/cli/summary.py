"""The command `mxgan summary`: tables and drawings of networks."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import overwrite_option, resolve
from mxgan.cli.streams import say
from mxgan.cli.terminal import readable_errors
from mxgan.cli.values import sizes_of
from mxgan.errors import ArgumentError

__all__ = ["summary"]


@click.command()
@click.option("--recipe", metavar="NAME", default="dcgan", show_default=True, help="One of `mxgan recipes`.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any setting of the recipe.")
@click.option("--symbol", type=click.Path(), help="Instead of a recipe: a symbol's .json file, trusted or not.")
@click.option("--shape", "shapes", metavar="INPUT=N,...", multiple=True,
              help="With --symbol: the shape of an input, batch included, as rand=64,100,1,1.")  # fmt: skip
@click.option("--graph", type=click.Path(), help="Folder for a drawing of each network, named like its table.")
@overwrite_option
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def summary(
    recipe: str,
    settings: tuple,
    symbol: Optional[str],
    shapes: tuple,
    graph: Optional[str],
    overwrite: bool,
    debug: bool,
) -> None:
    """Print the layers of a recipe's two networks with shapes and parameters, and which weights pictures show."""
    with readable_errors(debug):
        from mxgan.cli.outputs import check_file, make_folder
        from mxgan.graphs.layers import summary as table
        from mxgan.pictures.network_graph import render_graph
        from mxgan.runs.drawn import weights_in_words

        if bool(symbol) != bool(shapes) or (symbol and settings):
            raise ArgumentError("--symbol needs --shape and excludes --set. Give --symbol and --shape, or a --recipe.")
        chosen = None if symbol else resolve({"recipe": recipe, "settings": settings}, {}).recipe
        networks = _network_of_file(symbol, shapes) if symbol else _networks_of_recipe(chosen)
        targets = {name: Path(graph) / f"{name}.png" for name in networks} if graph else {}
        for target in targets.values():
            check_file(target, overwrite)
            make_folder(target.parent)
        for name, (network, inputs) in networks.items():
            say(f"{name}\n{table(network, inputs)}\n")
            if graph:
                say(f"drawn: {render_graph(network, targets[name], inputs, name)}\n")
        if not symbol:
            say(f"pictures and samples show: {weights_in_words(chosen.ema)}")


def _networks_of_recipe(chosen) -> dict:
    """{half: (symbol, {input: shape})}."""
    network, batch = chosen.network, (chosen.batch_size,)
    halves = {
        "generator": (network.generator(), {"rand": batch + network.latent_shape}),
        "discriminator": (network.discriminator(), {"data": batch + network.image_shape}),
    }
    for symbol, shapes in halves.values():
        if "class_label" in symbol.list_arguments():
            shapes["class_label"] = batch
    return halves


def _network_of_file(path: str, given: tuple) -> dict:
    """{name of the file: (symbol, {input: shape})}; the shapes come from texts such as "rand=64,100,1,1"."""
    from mxgan.graphs.symbol_files import load_symbol
    from mxgan.graphs.symbol_sizes import check_sizes

    shapes = {}
    for text in given:
        name, _, sizes = text.rpartition("=")
        if not name or name in shapes or not sizes_of(sizes):
            raise ArgumentError(f"--shape {text!r}: give each input once, with sizes above 0, as rand=64,100,1,1.")
        shapes[name] = sizes_of(sizes)
    symbol = load_symbol(path)
    check_sizes(symbol, shapes)
    return {Path(path).stem: (symbol, shapes)}
