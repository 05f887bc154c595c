"""Sampling from exported generators in other programs, as units for worker.py: the same work as `ours.sampling`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.worker import Unit

__all__ = ["model_of_dcgan", "onnx_sampling", "openvino_sampling"]


def model_of_dcgan(nc: int, width: int, size: int):
    """The Model of a DCGAN generator with the weights that training begins with."""
    from mxgan.export.model import Model
    from mxgan.networks import DCGAN
    from mxgan.runtime import mx
    from mxgan.training.sampler import Sampler

    network = DCGAN(ngf=width, ndf=width, nc=nc, image_size=size)
    sampler = Sampler(network.generator(), network.latent_shape, 1)
    sampler.module.init_params(mx.init.Normal(0.02))
    groups = sampler.module.get_params()
    parameters = {name: value.asnumpy() for group in groups for name, value in group.items()}
    return Model(network.generator(), parameters, {"rand": network.latent_shape})


def onnx_sampling(batch=64, nc=3, width=64, size=64, batches=8, keep_batch_norm=False, precision="float32") -> Unit:
    """Sampling from a file of `mxgan export --format onnx` in onnxruntime, as `mxgan.load_sampler` runs it."""
    from mxgan.export.onnx_sampler import OnnxSampler

    with _written(nc, width, size, keep_batch_norm=keep_batch_norm, precision=precision) as path:
        sampler = OnnxSampler(path, batch)
    latents = sampler.latents(batch, seed=0)

    def run() -> None:
        for _ in range(batches):
            sampler.sample(latents)

    return Unit(run, batch * batches)


def openvino_sampling(batch=64, nc=3, width=64, size=64, batches=8) -> Unit:
    """Sampling from a file of `mxgan export --format onnx` in OpenVINO, for this batch and this CPU."""
    import numpy as np
    import openvino

    core = openvino.Core()
    with _written(nc, width, size) as path:
        model = core.read_model(path)
    name = model.inputs[0].any_name
    model.reshape({name: [batch, 100, 1, 1]})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    latents = np.random.default_rng(0).standard_normal((batch, 100, 1, 1), dtype=np.float32)

    def run() -> None:
        for _ in range(batches):
            np.array(compiled({name: latents})[0])

    return Unit(run, batch * batches)


@contextmanager
def _written(nc: int, width: int, size: int, **options) -> Iterator[Path]:
    """The path of a generator's file of ONNX, which is deleted at the end."""
    from mxgan.export.onnx_file import write_onnx
    from mxgan.export.plain import plain

    with tempfile.TemporaryDirectory() as folder:
        (name,) = write_onnx(plain(model_of_dcgan(nc, width, size)), folder, **options)
        yield Path(folder) / name
