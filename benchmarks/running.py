"""The cost of a whole run in addition to its steps, as units for worker.py that measure themselves."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Optional

from benchmarks.worker import Unit

__all__ = ["first_command", "first_picture", "start_up", "trainer_and_bare_loop", "training", "with_and_without"]

README = Path(__file__).resolve().parents[1] / "README.md"
NEVER = 10**9


class _Run:
    """A run of `mxgan train` in a folder of its own, whose steps, pictures and checkpoints are timed apart.

    `settings` are settings of the recipe, as `--set` of `mxgan train` names them.
    """

    def __init__(self, dataset: str, data_dir: Optional[str], recipe: str, **settings) -> None:
        from mxgan.recipes import get_recipe
        from mxgan.runs import session
        from mxgan.runs.config import RunConfig
        from mxgan.runtime.config import override

        self._place = tempfile.TemporaryDirectory()
        recipe = override(get_recipe(recipe), settings)
        config = RunConfig(recipe, dataset, data_dir, steps=NEVER, sample_every=NEVER, checkpoint_every=NEVER)
        self._session = session.start(config, Path(self._place.name) / "run", display="none", progress=False)
        self.trainer = self._session.trainer
        self.trainer._tell("on_fit_begin")

    def train(self, steps: int) -> None:
        """So many further steps, with all callbacks."""
        end = self.trainer.step + steps
        while self.trainer.step < end:  # an epoch may end in between
            self.trainer.train_epoch(end)

    def occasional(self) -> dict:
        """{kind of callback: its seconds for each step}: one picture and one checkpoint, by their default intervals."""
        from mxgan.callbacks.checkpointer import Checkpointer
        from mxgan.callbacks.pictures import Grids
        from mxgan.runs.config import RunConfig

        defaults, run = RunConfig(steps=1), self.trainer
        every = {Grids: defaults.sample_every, Checkpointer: defaults.checkpoint_every}
        return {
            type(callback).__name__.lower(): timed(lambda one=callback: one.act(run)) / every[type(callback)]
            for callback in run.callbacks
            if type(callback) in every
        }

    def close(self) -> None:
        """End the run and delete its folder."""
        self.trainer._tell("close")
        self._session.lock.release()
        self._place.cleanup()


def timed(work: Callable) -> float:
    """The seconds of some work of MXNet, to its end."""
    from mxgan.runtime import mx

    mx.nd.waitall()
    began = time.perf_counter()
    work()
    mx.nd.waitall()
    return time.perf_counter() - began


def _sizes(width: Optional[int], nc: Optional[int] = None) -> dict:
    """Settings of DCGAN's networks; None: those of the recipe."""
    given = {"network.ngf": width, "network.ndf": width, "network.nc": nc}
    return {name: value for name, value in given.items() if value is not None}


def training(
    dataset: str,
    data_dir: Optional[str],
    recipe: str = "dcgan",
    nc: int = 3,
    width: int = 64,
    steps: int = 3,
    **settings,
) -> Unit:
    """`steps` steps of `mxgan train`, with their share of the pictures and checkpoints at their default intervals."""
    run = _Run(dataset, data_dir, recipe, **_sizes(width, nc), **settings)

    def turn() -> dict:
        each = timed(lambda: run.train(steps)) / steps + sum(run.occasional().values())
        return {"seconds": steps * each}

    return Unit(turn, run.trainer.pair.batch_size * steps, run.close)


def trainer_and_bare_loop(
    dataset: str, data_dir: Optional[str], steps: int = 10, recipe: str = "dcgan", width: Optional[int] = None
) -> Unit:
    """Steps of a recipe in the trainer, and in a bare loop over the same Modules on prepared batches.

    Both train the same pair, one after the other. A turn measures the seconds of a step in each, and the seconds of one
    picture and of one checkpoint divided by their default intervals. The recipe is without its instance noise.
    """
    run = _Run(dataset, data_dir, recipe, **_sizes(width), **{"instance_noise.sigma": 0.0})
    by_hand = _bare_step(run.trainer)

    def bare() -> None:
        for _ in range(steps):
            by_hand()

    def turn() -> dict:
        seconds = {"bare": timed(bare) / steps, "trainer": timed(lambda: run.train(steps)) / steps}
        return {**seconds, **run.occasional()}

    return Unit(turn, run.trainer.pair.batch_size * steps, run.close)


def _bare_step(trainer) -> Callable:
    """A step of MXNet's DCGAN example over the trainer's own Modules: no checks, results, metrics or random draws.

    The average of G's weights, if the recipe has one, is part of the step.
    """
    from mxgan.runtime import mx

    pair = trainer.pair
    latents, images = trainer.latents.next().data[0], trainer.data.next().data[0]
    zeros, ones, smooth = (mx.nd.full((pair.batch_size,), value) for value in (0.0, 1.0, pair.real_label))
    latents = mx.io.DataBatch([latents], None)
    real = mx.io.DataBatch([images], [smooth])
    generator, discriminator, through = pair.generator_passes, pair.discriminator_passes, pair.critic_for_inputs
    gradients = pair._gradient_arrays("discriminator")

    def step() -> None:
        generator.forward(latents, is_train=True)
        fake = generator.get_outputs()
        discriminator.forward(mx.io.DataBatch(fake, [zeros]), is_train=True)
        discriminator.backward()
        kept = [gradient.copy() for gradient in gradients]
        discriminator.forward(real, is_train=True)
        discriminator.backward()
        for gradient, earlier in zip(gradients, kept):
            gradient += earlier
        pair.discriminator.update()
        through.forward(mx.io.DataBatch(fake, [ones, *pair._idle_zeros]), is_train=True)
        through.backward()
        generator.backward(through.get_input_grads())
        pair.generator.update()
        for average in pair.averages.values():
            average.update()

    return step


def with_and_without(
    dataset: str,
    data_dir: Optional[str],
    recipe: str,
    without: dict,
    width: Optional[int] = None,
    steps: int = 5,
    **settings,
) -> Unit:
    """Steps of a recipe as it is, and with the settings `without`, in the trainer: each has a run of its own.

    A turn measures the seconds of a step in each. Both are in one process, since the memory of two differs.
    """
    settings = {**_sizes(width), **settings}
    runs = {
        "with": _Run(dataset, data_dir, recipe, **settings),
        "without": _Run(dataset, data_dir, recipe, **{**settings, **without}),
    }

    def turn() -> dict:
        seconds = dict.fromkeys(runs, 0.0)
        for name in (*runs, *reversed(runs)):  # what comes second is not at a disadvantage
            seconds[name] += timed(lambda: runs[name].train(steps)) / 2 / steps  # noqa: B023 - called at once
        return seconds

    def finish() -> None:
        for run in runs.values():
            run.close()

    return Unit(turn, 4 * steps * runs["with"].trainer.pair.batch_size, finish)


def first_command() -> list:
    """The words of `mxgan` in README's first command, such as ["train", "--dataset", …]."""
    found = re.search(r"mxgan-env/bin/mxgan (train .*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{README} has no line that ends in `mxgan-env/bin/mxgan train …`.")
    return shlex.split(found[1])


def first_picture(further: tuple = ()) -> Unit:
    """README's first command, once it is installed: the seconds until the first picture is in samples/.

    It is then stopped. `further` words come last, and so replace its own.
    """

    def run() -> dict:
        with tempfile.TemporaryDirectory() as folder:
            samples = Path(folder) / "run" / "samples"
            words = [*first_command(), "--display", "none", "--run-dir", str(samples.parent), *further]
            began = time.perf_counter()
            with subprocess.Popen([sys.executable, "-m", "mxgan", *words], stdout=subprocess.DEVNULL) as process:
                while not any(samples.glob("*.png")) and process.poll() is None:
                    time.sleep(0.02)
                seconds = time.perf_counter() - began
                process.send_signal(signal.SIGTERM)
                ended = process.wait()
            if not any(samples.glob("*.png")):
                raise RuntimeError(f"mxgan {' '.join(words)} ended with {ended} and no picture.")
        return {"first_picture": seconds}

    return Unit(run, 1)


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
