"""`MonitorOutputs`: mx.mon.Monitor for a pair in training."""

from __future__ import annotations

import numpy as np

from mxgan.runtime import mx
from mxgan.training.callback import Callback

__all__ = ["MonitorOutputs"]

SHOWN = r"(?!.*(_backward|_bfloat16_|_float32_)).*(output|gradient)"


class MonitorOutputs(Callback):
    """Logs the norm over √size of each output and gradient, every `every` steps, with mx.mon.Monitor.

    D's outputs appear once for each of D's forward passes in a step: by default on the fake batch, on the real batch,
    and on the fake batch for G. MXNet's `…_backward_output` arrays are left out: parts of them are never computed and
    hold old memory. The casts of precision.py are left out too. Of the fast operators, an activation that is computed
    together with the layer before or behind it has no output of its own.
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
    """Root mean square of an NDArray, as in the original's monitor; a bfloat16 array is cast to float32 first."""
    return mx.nd.norm(mx.nd.amp_cast(array, dtype="float32")) / np.sqrt(array.size)
