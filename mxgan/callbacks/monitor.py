"""mx.mon.Monitor over a pair in training."""

from __future__ import annotations

import numpy as np

from mxgan.runtime import mx
from mxgan.training.callback import Callback

__all__ = ["MonitorOutputs"]

SHOWN = r"(?!.*(_backward|_bfloat16_|_float32_)).*(output|gradient)"


class MonitorOutputs(Callback):
    """mx.mon.Monitor over outputs and gradients: every `every` steps, the norm of each over √size, to the log.

    D's outputs come as often as a step's schedule has D judge: by default on the fake batch, on the real one, and on
    the fake one for G. What MXNet itself calls `…_backward_output` is left out: parts of it are never computed, and
    hold what was in memory. So are the casts of precision.py.
    """

    def __init__(self, every: int = 10) -> None:
        self.monitor = mx.mon.Monitor(every, norm_over_root_size, pattern=SHOWN, sort=True)
        self._installed = False

    def on_fit_begin(self, trainer) -> None:
        if not self._installed:
            self._installed = True
            for module in trainer.pair.modules():
                module.install_monitor(self.monitor)

    def on_step_begin(self, trainer) -> None:
        self.monitor.tic()

    def on_step_end(self, trainer, batch, result) -> None:
        if self.monitor.activated:
            for name, gradient in trainer.pair.gradients().items():
                self.monitor.queue.append((self.monitor.step, f"{name}_gradient", norm_over_root_size(gradient)))
        self.monitor.toc_print()


def norm_over_root_size(array):
    """Root mean square of an NDArray, as the original's monitor prints it; of a bfloat16 one, worked out in float32."""
    return mx.nd.norm(mx.nd.amp_cast(array, dtype="float32")) / np.sqrt(array.size)
