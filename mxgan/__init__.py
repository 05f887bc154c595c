"""Generative adversarial networks on Apache MXNet's symbolic Module API.

The flow, from the first folder to the last; each folder imports only from those above it::

    runtime/      MXNet, settings, files, random draws, CPUs and GPUs
    graphs/       MXNet symbols and their files: layers, shapes, memory

    data/         images (N, C, H, W) in [-1, 1]; latents `rand`
    objectives/   heads with their losses, gradient penalties, spectral norm
    networks/     symbols: rand → image, image → raw score
       │
    training/     AdversarialPair (bound Modules) → step → epoch → fit; checkpoints; images from a generator
       │          recipes.py: every published recipe as one value
       │
    evaluation/   images → scores
    pictures/     images → grids, figures and windows
    callbacks/    work around the steps: history, guard, diagnosis, pictures, evaluation, checkpoints
       │
    runs/         configuration → run: start, resume, load, evaluate
    cli/          command line → configuration

Names below are loaded when they are first used, so `import mxgan` is fast and works without MXNet.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_HOME = {
    "AdversarialMetrics": "mxgan.training.metrics",
    "AdversarialPair": "mxgan.training.pair",
    "Callback": "mxgan.training.callback",
    "DATASETS": "mxgan.data",
    "DCGAN": "mxgan.networks",
    "ImageArrayIter": "mxgan.data",
    "ImagenetIter": "mxgan.data",
    "MXGANError": "mxgan.errors",
    "GradientPenalty": "mxgan.objectives.penalties",
    "NETWORKS": "mxgan.networks",
    "OBJECTIVES": "mxgan.objectives.heads",
    "OptimizerConfig": "mxgan.training.optimizers",
    "RECIPES": "mxgan.recipes",
    "RandIter": "mxgan.data",
    "Recipe": "mxgan.training.recipe",
    "RunConfig": "mxgan.runs.config",
    "Sampler": "mxgan.training.sampler",
    "Schedule": "mxgan.training.schedule",
    "Session": "mxgan.runs.session",
    "StepResult": "mxgan.training.step",
    "Trainer": "mxgan.training.trainer",
    "all_ranks": "mxgan.training.parallel.mpi_ranks",
    "evaluate": "mxgan.runs.evaluate",
    "export_model": "mxgan.runs.export",
    "facc": "mxgan.training.metrics",
    "fentropy": "mxgan.training.metrics",
    "import_model": "mxgan.runs.importing",
    "load_params": "mxgan.graphs.params_files",
    "load_sampler": "mxgan.runs.load",
    "load_symbol": "mxgan.graphs.symbol_files",
    "make_dcgan_sym": "mxgan.networks",
    "open_dataset": "mxgan.data",
    "pack_folder": "mxgan.data",
    "read_config": "mxgan.runs.config_files",
    "renamed": "mxgan.graphs.renaming",
    "resume": "mxgan.runs.session",
    "save_params": "mxgan.graphs.params_files",
    "start": "mxgan.runs.session",
    "start_or_resume": "mxgan.runs.session",
    "write_report": "mxgan.runs.report",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'mxgan' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list:
    return sorted(__all__)
