"""Samplers of another symbol over the parameters of a sampler: classes that mix, and the first layer alone."""

from __future__ import annotations

from mxgan.errors import ArgumentError
from mxgan.graphs.latent_shapes import first_weighted
from mxgan.runtime.rewriting import Rewriting, output_places
from mxgan.training.sampler import Sampler

__all__ = ["MIXTURE", "first_layers", "mixing"]

MIXTURE = "class_mixture"  # the input (N, K) of shares in place of `class_label` (N,)


class _Mixing(Rewriting):
    """A generator whose one-hot code of the class is an input of its own."""

    def __init__(self, symbol) -> None:
        super().__init__(symbol)
        self._mixture = None

    def node(self, number: int, node: dict, inputs: list) -> int:
        label = node["op"] == "one_hot" and self.old[node["inputs"][0][0]]["name"] == "class_label"
        if not label:
            return super().node(number, node, inputs)
        if self._mixture is None:
            self._mixture = self.add({"op": "null", "name": MIXTURE, "inputs": []})
        return self._mixture


def mixing(sampler: Sampler) -> Sampler:
    """A sampler of the same conditional generator that takes a mixture of classes instead of a class.

    It takes ``sample(latents, conditions={"class_mixture": shares})``, shares (N, K); a row that is the one-hot code
    of a class gives the image of that class. The class must enter the network through `one_hot`, as it does in all
    networks of mxgan.

    Raises
    ------
    ArgumentError : the generator is not conditional, or its class enters in another way.
    """
    if not sampler.classes:
        raise ArgumentError("this generator is not conditional, so it has no classes to mix; leave the classes out.")
    symbol = _Mixing(sampler.symbol).symbol()
    names = symbol.list_arguments()
    if MIXTURE not in names or "class_label" in names:
        raise ArgumentError(
            "the class of this generator does not enter by one_hot alone, so classes cannot be mixed; give one class."
        )
    return _over(sampler, symbol, conditions={MIXTURE: (sampler.classes,)})


def first_layers(sampler: Sampler) -> list:
    """A sampler for each layer with a weight that the latents reach first; it gives the layer's output (N, …).

    Raises ArgumentError if there is none.
    """
    symbol = sampler.symbol
    internals = symbol.get_internals()
    places = {place: i for i, place in enumerate(output_places(internals))}
    found = [_over(sampler, internals[places[number, 0]]) for number in first_weighted(symbol, "rand")]
    if not found:
        raise ArgumentError("the latents of this generator reach no layer with a weight; it has no directions.")
    return found


def _over(sampler: Sampler, symbol, **settings) -> Sampler:
    """A sampler of another symbol with those parameters of `sampler` that the symbol has."""
    kept = [
        {name: value for name, value in group.items() if name in names}
        for group, names in zip(sampler.module.get_params(), (symbol.list_arguments(), symbol.list_auxiliary_states()))
    ]
    classes = sampler.classes if "class_label" in symbol.list_arguments() else 0
    return Sampler(
        symbol,
        sampler.latent_shape,
        sampler.batch_size,
        classes=classes,
        distribution=sampler.distribution,
        parameters=tuple(kept),
        class_names=sampler.class_names,
        ranged=sampler.ranged,
        **settings,
    )
