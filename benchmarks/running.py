"""The cost of a whole run in addition to its steps, as units for worker.py that measure themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Optional

from benchmarks.worker import Unit

__all__ = ["start_up", "trainer_and_bare_loop"]


def trainer_and_bare_loop(dataset: str, data_dir: Optional[str], steps: int = 10) -> Unit:
    """Steps of the recipe dcgan in the trainer, and in a bare loop that only calls `pair.step` on prepared inputs.

    Both train the same pair, one after the other. A turn measures the seconds of a step in each, and the seconds of one
    picture and of one checkpoint divided by their default intervals (100 and 1,000 steps).
    """
    from mxgan.callbacks.checkpointer import Checkpointer
    from mxgan.callbacks.pictures import Grids
    from mxgan.recipes import get_recipe
    from mxgan.runs import session
    from mxgan.runs.config import RunConfig
    from mxgan.runtime import mx

    folder = tempfile.TemporaryDirectory()
    never = 10**9
    config = RunConfig(get_recipe("dcgan"), dataset, data_dir, steps=never, sample_every=never, checkpoint_every=never)
    defaults = RunConfig(steps=1)
    current = session.start(config, Path(folder.name) / "run", display="none", progress=False)
    trainer, pair = current.trainer, current.trainer.pair
    occasional = {
        Grids: defaults.sample_every,
        Checkpointer: defaults.checkpoint_every,
    }
    trainer._tell("on_fit_begin")
    latents, images = trainer.latents.next().data[0], trainer.data.next().data[0]

    def by_the_trainer() -> None:
        trainer.train_epoch(trainer.step + steps)

    def by_hand() -> None:
        for _ in range(steps):
            pair.step(latents, images, noise=trainer._noise_pool.at(trainer.step, trainer.noise))

    def timed(work) -> float:
        mx.nd.waitall()
        began = time.perf_counter()
        work()
        mx.nd.waitall()
        return time.perf_counter() - began

    def run() -> dict:
        bare, whole = timed(by_hand) / steps, timed(by_the_trainer) / steps
        each = {
            type(callback).__name__.lower(): timed(lambda one=callback: one.due(trainer)) / occasional[type(callback)]
            for callback in trainer.callbacks
            if type(callback) in occasional
        }
        return {"bare": bare, "trainer": whole, **each}

    def finish() -> None:
        trainer._tell("close")
        current.lock.release()
        folder.cleanup()

    return Unit(run, pair.batch_size * steps, finish)


def start_up(dataset: str, data_dir: Optional[str], steps: int = 20) -> Unit:
    """`mxgan train` in a new process: seconds to the log line of the first step, and peak memory in MB."""

    def run() -> dict:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "mxgan", "train", "--dataset", dataset, "--steps", str(steps)]
            command += ["--log-every", "1", "--display", "none", "--run-dir", f"{folder}/run"]
            command += ["--data-dir", data_dir] if data_dir else []
            began, first = time.perf_counter(), None
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for line in process.stdout:
                if first is None and "iter: 1 " in line:
                    first = time.perf_counter() - began
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode or first is None:
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} and no first step.")
            return {"first_step": first, "megabytes": usage.ru_maxrss * 1024 / 1e6}

    return Unit(run, steps)
