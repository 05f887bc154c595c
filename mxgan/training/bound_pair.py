"""`BoundPair`: generator and discriminator bound into Modules over one batch shape, and their parameters.

Three executors over two sets of parameters::

    generator           rand → image           trains the generator
    discriminator       data, label → dloss    parameter gradients only
    critic_for_inputs   data, label → dloss    input gradients only; shares the discriminator's parameters (the "head")

The original runs one discriminator executor for all passes. It computes input gradients in the first two passes and
parameter gradients in the third pass, and uses neither. Two executors give the same numbers to the last bit. In
bfloat16, further executors of precision.py run the passes over the same parameters. Networks may also take classes
(`class_label`) and conditions, which get no gradient. Private parts of MXNet's Modules are used only here, in
averaging.py, optimizers.py and precision.py, and in bound_penalty.py and penalties.py of objectives/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable, Optional

from mxgan.errors import ArgumentError
from mxgan.graphs.coupling import coupled_layers, drawing_layers
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.objectives.feature_matching import MATCHING, REAL_IMAGES
from mxgan.runtime import mx
from mxgan.training.algorithm import chosen_algorithm, rewritten
from mxgan.training.forward import forward_module
from mxgan.training.inputs import check_array, device_list
from mxgan.training.pair_symbols import PairSymbols
from mxgan.training.parallel.ranks import Ranks
from mxgan.training.parallel.shared_batch_norm import totals_over, with_shared_batch_norm
from mxgan.training.precision import LowPrecisionPasses, check_precision, in_bfloat16

__all__ = ["BoundPair"]


class BoundPair:
    """The Modules of an `AdversarialPair`, which explains the parameters; this class does not train."""

    def __init__(
        self,
        generator,
        discriminator,
        generator_head,
        latent_shape: Optional[Sequence[int]],
        image_shape: Sequence[int],
        batch_size: int,
        contexts,
        precision: str,
        conditions: Mapping,
        ranks: Ranks,
        sync_batch_norm: bool,
        augment: Sequence[str] = (),
        algorithm: str = "direct",
    ) -> None:
        self._shares_batch_norm = sync_batch_norm and ranks.size > 1
        self.contexts, self.precision, self.ranks = device_list(contexts), precision, ranks
        self.whole_batch_size, self.rows = batch_size, ranks.rows(batch_size)
        self.batch_size = self.rows.stop - self.rows.start
        self._check_devices()
        check_precision(precision, self.contexts)
        self.latent_shape = None if latent_shape is None else tuple(latent_shape)
        self.image_shape = tuple(image_shape)
        on_cpu = all(context.device_type != "gpu" for context in self.contexts)
        shapes = (self.latent_shape, self.image_shape, self.batch_size)
        symbols = PairSymbols(generator, discriminator, generator_head, *shapes, conditions, augment, on_cpu)
        self.conditions, self.augmenter, self._inputs = symbols.conditions, symbols.augmenter, symbols.inputs
        self._states, self._idle, self._symbols = symbols.states, symbols.idle, symbols.saved
        self._symbol_json: dict = {}
        self._shared, self._idle_zeros = False, []
        trained = {network: symbols.judging(network) for network in self._inputs}
        networks = {network: (trained[network], self._inputs[network]) for network in ("generator", "discriminator")}
        self.algorithm = chosen_algorithm(algorithm, precision, self.contexts, networks)
        self._make_modules(trained, symbols.held)
        self._bind(self.generator, "generator")
        self._bind(self.discriminator, "discriminator")

    def _make_modules(self, trained: Mapping, held: list) -> None:
        """Modules, not bound, of the symbols {network: symbol}; in bfloat16 also the symbols of other executors."""
        self.generator = self._module(trained["generator"], "generator")
        self.discriminator = self._module(trained["discriminator"], "discriminator", list(self._states))
        self.coupled_layers = self.drawing_layers = ()
        if self.ranks.size > 1:
            bound = (self.generator.symbol, self.discriminator.symbol)
            self.coupled_layers = tuple(name for symbol in bound for name in coupled_layers(symbol))
            self.coupled_layers += (MATCHING,) if REAL_IMAGES in self._inputs["head"] else ()  # the means of a part
            self.drawing_layers = tuple(name for symbol in bound for name in drawing_layers(symbol))
        # A half's Module runs its passes; in bfloat16, executors that are bound when the parameters exist.
        self.generator_passes, self.discriminator_passes = self.generator, self.discriminator
        self.critic_for_inputs = self._module(trained["head"], "head", held, self._idle)
        networks = trained if self.precision != "float32" else {}
        self._low = {name: in_bfloat16(self._over_ranks(symbol, name)) for name, symbol in networks.items()}

    def _check_devices(self) -> None:
        if self.ranks.size > 1 and len(self.contexts) > 1:
            raise ArgumentError(
                f"the pair has {len(self.contexts)} devices on each of {self.ranks.size} ranks; give each rank one."
            )
        if self.batch_size < len(self.contexts):
            raise ArgumentError(
                f"batch_size {self.batch_size} is less than one image for each of {len(self.contexts)} devices."
            )

    def _module(self, symbol, network: str, fixed: Optional[list] = None, idle: Sequence = ()):
        data, *labels = [*self._inputs[network], *idle]
        if self.precision == "float32":
            shapes = {**self._inputs[network], **(self._idle if idle else {})}
            symbol = rewritten(self._over_ranks(symbol, network), shapes, self.algorithm)
        return mx.mod.Module(symbol, (data,), labels or None, context=self.contexts, fixed_param_names=fixed or None)

    def _over_ranks(self, symbol, network: str):
        """The symbol that runs the passes: with the statistics of the whole batch, if the ranks share them."""
        return with_shared_batch_norm(symbol, totals_over(self.ranks, network)) if self._shares_batch_norm else symbol

    def _bind(self, module, network: str, idle: Sequence = (), **settings) -> None:
        data, *labels = self._inputs[network].items()
        module.bind([data], [*labels, *idle] or None, **settings)

    def _batch(self, network: str, given: Mapping, idle: Sequence = ()):
        """The mx.io.DataBatch of a network's inputs; ShapeError for a missing one, or one of another shape or type."""
        for name, shape in self._inputs[network].items():
            check_array(name, given.get(name), shape)
        data, *labels = [given[name] for name in self._inputs[network]]
        return mx.io.DataBatch([data], [*labels, *idle] or None)

    def init_params(self, initializer, seed: int = 0) -> None:
        """Draw the first parameters of both networks; a function of (initializer, seed) alone."""
        mx.random.seed(seed)
        self.generator.init_params(initializer)
        self.discriminator.init_params(initializer)
        self._share_parameters()

    def set_params(self, generator: tuple, discriminator: Optional[tuple] = None) -> None:
        """Set the parameters: (arg_params, aux_params) of each network.

        Raises
        ------
        CheckpointError : missing or unknown names, different shapes or dtypes; then no parameter has changed.
        """
        given = [(self.generator, generator, self._parameter_shapes("generator"))]
        if discriminator is not None:
            given.append((self.discriminator, discriminator, self._parameter_shapes("discriminator")))
        for module, (arguments, auxiliary), (argument_shapes, auxiliary_shapes) in given:
            owner = "generator" if module is self.generator else "discriminator"
            check_parameters(owner, argument_shapes, arguments)
            check_parameters(owner, auxiliary_shapes, auxiliary)
        for module, (arguments, auxiliary), _ in given:
            module.init_params(arg_params=arguments, aux_params=auxiliary, force_init=True)
        if self.discriminator.params_initialized:
            self._share_parameters()

    def get_params(self) -> tuple:
        """((arg_params, aux_params) of the generator, the same of the discriminator), copied to the CPU.

        MXNet's backward pass of BatchNorm writes the moving statistics, but the engine does not know of that write: a
        plain `Module.get_params` may read statistics that are one step old. So this waits for all operations.
        """
        mx.nd.waitall()
        return self.generator.get_params(), self.discriminator.get_params()

    def parameter_shapes(self) -> dict:
        """{parameter: shape} of both networks."""
        return {**self._parameter_shapes("generator")[0], **self._parameter_shapes("discriminator")[0]}

    def _parameter_shapes(self, half: str) -> tuple:
        return parameter_shapes(self._symbols[half], self._inputs_alone(half))

    def _inputs_alone(self, half: str) -> dict:
        """{input: shape} of the network itself, without those of the augmentations before it."""
        return {name: shape for name, shape in self._inputs[half].items() if name not in self.augmenter.inputs}

    def _share_parameters(self) -> None:
        """Bind the executors that use the discriminator's own arrays, as soon as it has parameters."""
        if self._shared:
            return
        self._shared = True
        if not self._low:
            idle = [mx.io.DataDesc(name, shape, layout="C") for name, shape in self._idle.items()]  # not to be split
            shared = {"inputs_need_grad": True, "shared_module": self.discriminator}
            self._bind(self.critic_for_inputs, "head", idle, **shared)
            self._idle_zeros = [mx.nd.zeros(shape, self.contexts[0]) for shape in self._idle.values()]
            return
        self.generator_passes = LowPrecisionPasses(self.generator, self._low["generator"], self._inputs["generator"])
        self.discriminator_passes = LowPrecisionPasses(
            self.discriminator, self._low["discriminator"], self._inputs["discriminator"]
        )
        self.critic_for_inputs = LowPrecisionPasses(
            self.discriminator, self._low["head"], self._inputs["head"], gradients_of="data", idle=self._idle
        )

    def _bound_for_average(self):
        """A Module of D alone, without random changes and in float32, for the average of its weights."""
        inputs = self._inputs_alone("discriminator")
        self._inputs["averaged discriminator"] = inputs
        symbol = rewritten(self._symbols["discriminator"], inputs, self.algorithm)
        *_, last = (name for name in self.parameters("discriminator") if name not in self._states)
        return forward_module(symbol, inputs, last, self.contexts)

    def halves(self) -> dict:
        """{"generator": Module, "discriminator": Module}: the Modules with parameters and an optimiser."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def symbol_json(self, half: str) -> str:
        """The symbol of one half as MXNet's JSON; made once, since MXNet leaks that text each time it makes it."""
        if half not in self._symbol_json:
            self._symbol_json[half] = self._symbols[half].tojson()
        return self._symbol_json[half]

    def parameters(self, half: str) -> dict:
        """{parameter: NDArray} of one half in its network's order: the arrays themselves, on the first device."""
        group = self.halves()[half]._exec_group
        return {name: devices[0] for name, devices in zip(group.param_names, group.param_arrays)}

    def statistics(self, half: str) -> dict:
        """{auxiliary state: NDArray} of one half: BatchNorm's moving means and variances, on the first device."""
        group = self.halves()[half]._exec_group
        return {name: devices[0] for name, devices in zip(group.aux_names, group.aux_arrays)}

    def modules(self) -> list:
        """Everything that runs passes: one for each half, and the one for input gradients."""
        return [self.generator_passes, self.discriminator_passes, self.critic_for_inputs]

    def gradients(self) -> dict:
        """Gradients of the last step by parameter, on the first device; `data` is the gradient at D's input."""
        found = {"data": self.critic_for_inputs.get_input_grads()[0]}
        for module in self.halves().values():
            group = module._exec_group
            for name, (first, *_) in zip(group.param_names, group.grad_arrays):
                if first is not None:  # spectral norm's vectors are not trained
                    found[name] = first
        return found

    def _gradient_arrays(self, half: str) -> list:
        """The gradient arrays of a half on every device; arguments without a gradient are left out."""
        arrays = self.halves()[half]._exec_group.grad_arrays
        return [gradient for devices in arrays for gradient in devices if gradient is not None]

    def _sum_over_ranks(self, half: str, *with_statistics_of: str) -> None:
        """Sum the gradients of a half over the ranks; the moving statistics of BatchNorm become the ranks' mean."""
        if self.ranks.size > 1:
            part = () if self._shares_batch_norm else with_statistics_of  # else they are equal already
            statistics = [array for each in part for array in self.statistics(each).values()]
            self.ranks.exchange(self._gradient_arrays(half), statistics)

    def part_of_draw(self, draw: Callable, shape: Sequence):
        """This rank's rows of random numbers that are drawn for the whole batch, as one process draws them.

        Parameters
        ----------
        draw : a function of shape=…, such as mx.nd.random.uniform. shape : of this rank's rows, (n, …).
        """
        drawn = draw(shape=(self.whole_batch_size, *shape[1:]))
        return drawn if self.ranks.size == 1 else drawn[self.rows]

    def _advance_states(self, module) -> None:
        """Copy the states that a forward pass of D has computed (spectral norm's vectors) to D's arguments."""
        for executor in _executors(module) if self._states else ():
            made = dict(zip(module.symbol.list_outputs(), executor.outputs))
            for argument, output in self._states.items():
                made[output].copyto(executor.arg_dict[argument])
        if self._states:
            self.discriminator._params_dirty = True


def _executors(module) -> list:
    """The executors of a Module, one for each device."""
    return [module.executor] if isinstance(module, LowPrecisionPasses) else module._exec_group.execs
