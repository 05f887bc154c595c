"""Construction of a run's two networks: symbols, bound pair, first parameters, optimisers."""

from __future__ import annotations

from typing import Optional

from mxgan import runtime
from mxgan.errors import ArgumentError
from mxgan.graphs.memory import Graph, check_memory
from mxgan.objectives.feature_matching import REAL_IMAGES
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.objectives.penalties import make_penalty
from mxgan.training.discriminator import discriminator_output
from mxgan.training.initializers import get_initializer
from mxgan.training.pair import AdversarialPair
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.recipe import Recipe

__all__ = ["build_pair", "discriminator_symbols"]

PENALTY_EXECUTORS = 4  # memory of a gradient penalty, as a number of executors of D


def discriminator_symbols(recipe: Recipe) -> tuple:
    """(symbol that trains D, symbol through which G is trained, raw score (N, 1)) of a recipe."""
    output = discriminator_output(recipe)
    labelled, matching = bool(recipe.labelled_per_class), recipe.feature_matching
    heads = with_heads(get_objective(recipe.objective), output, labelled, matching)
    return (*heads, output[0])


def build_pair(config, end: Optional[int] = None, ranks: Ranks = ALONE) -> AdversarialPair:
    """The recipe's two networks, bound, with their first parameters and their optimisers.

    Parameters
    ----------
    config : the RunConfig. end : the step at which the run ends, for learning-rate schedules that end with it.
    ranks : the processes that share each batch; each takes the GPU of its place on its machine.
    """
    recipe, network = config.recipe, config.recipe.network
    discriminator, generator_head, score = discriminator_symbols(recipe)
    penalty = (make_penalty(recipe.penalty, recipe.penalty_weight), score) if recipe.penalty else None
    ranks.compress(config.gradient_compression)
    averages_d = bool(recipe.labelled_per_class) and recipe.discriminator_ema is not None
    if config.gpu is None:
        _check_memory(
            recipe,
            discriminator,
            generator_head,
            score if penalty else None,
            recipe.batch_size // ranks.size,
            averages_d,
        )
    pair = AdversarialPair(
        network.generator(),
        discriminator,
        generator_head=generator_head,
        latent_shape=network.latent_shape,
        image_shape=network.image_shape,
        batch_size=recipe.batch_size,
        contexts=own_devices(runtime.contexts(config.gpu), ranks),
        real_label=recipe.real_label,
        schedule=recipe.schedule,
        labelled=bool(recipe.labelled_per_class),
        penalty=penalty,
        weight_clip=recipe.weight_clip,
        precision=recipe.precision,
        algorithm=recipe.algorithm,
        ema=recipe.ema,
        discriminator_ema=recipe.discriminator_ema if averages_d else None,
        ranks=ranks,
        sync_batch_norm=config.sync_batch_norm,
        augment=recipe.augment,
    )
    initializer = get_initializer(recipe.initializer, recipe.initial_sigma, pair.parameter_shapes())
    pair.init_params(initializer, config.seed)
    pair.init_optimizers(recipe.generator_optimizer, recipe.discriminator_optimizer, end)
    return pair


def own_devices(devices: list, ranks: Ranks) -> list:
    """The devices of this rank: all of them for a single process, else one, by its place on its machine."""
    if ranks.size == 1 or devices[0].device_type == "cpu":
        return devices
    if ranks.local_rank >= len(devices):
        raise ArgumentError(
            f"--gpu names {len(devices)} GPUs, and rank {ranks.rank} is number {ranks.local_rank} on {ranks.host}; "
            "give as many GPUs as a machine has ranks: --gpu 0,1 for two."
        )
    return [devices[ranks.local_rank]]


def _check_memory(recipe: Recipe, discriminator, generator_head, penalized, batch: int, averages_d: bool) -> None:
    network = recipe.network
    images = (batch, *network.image_shape)
    inputs = {"data": images, REAL_IMAGES: images, "class_label": (batch,), "label": (batch,)}
    executors = {"discriminator": 2 if averages_d else 1, "gradient penalty": PENALTY_EXECUTORS}
    symbols = {"discriminator": discriminator, "discriminator for G": generator_head}
    graphs = {"generator": Graph(network.generator(), network.generator_inputs(batch))}
    for name, symbol in {**symbols, **({"gradient penalty": penalized} if penalized is not None else {})}.items():
        taken = {key: shape for key, shape in inputs.items() if key in symbol.list_arguments()}
        graphs[name] = Graph(symbol, taken, executors.get(name, 1))
    check_memory(graphs, training=True)
