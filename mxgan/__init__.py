"""Generative adversarial networks on Apache MXNet's symbolic Module API.

The flow, and the module of each part::

    data/          images as (N, C, H, W) in [-1, 1]          latents `rand`
       │                                                         │
    networks/      symbols: rand → image, image → raw score      │
       │           objectives.py adds the heads                  │
    modules.py     AdversarialPair: bound Modules            ◄───┘
       │           steps.py one step, in the order of schedule.py; penalties.py, optimizers.py, metrics.py
    trainer.py     step → epoch → fit, telling callbacks: history.py, guard.py, diagnosis/, pictures.py,
       │           evaluator.py, checkpointer.py
       │
    recipes.py     every published recipe as one value
    session.py     configuration → trainer (assembly.py): new, or gone on with (resuming.py); loading.py: to sample
    evaluation/    arrays → how good samples are; run_evaluation.py: of a run
    cli.py         strings → configuration

Names below are loaded when first used, so that `import mxgan` costs nothing and works without MXNet.
"""

from __future__ import annotations

import importlib

from mxgan.version import __version__

_HOME = {
    "AdversarialMetrics": "mxgan.metrics",
    "AdversarialPair": "mxgan.modules",
    "Callback": "mxgan.callbacks",
    "DATASETS": "mxgan.data",
    "DCGAN": "mxgan.networks",
    "ImageArrayIter": "mxgan.data",
    "ImagenetIter": "mxgan.data",
    "MXGANError": "mxgan.errors",
    "GradientPenalty": "mxgan.penalties",
    "NETWORKS": "mxgan.networks",
    "OBJECTIVES": "mxgan.objectives",
    "OptimizerConfig": "mxgan.optimizers",
    "RECIPES": "mxgan.recipes",
    "RandIter": "mxgan.data",
    "Recipe": "mxgan.recipe",
    "RunConfig": "mxgan.run_config",
    "Sampler": "mxgan.sampling",
    "Schedule": "mxgan.schedule",
    "Session": "mxgan.session",
    "StepResult": "mxgan.steps",
    "Trainer": "mxgan.trainer",
    "evaluate": "mxgan.run_evaluation",
    "facc": "mxgan.metrics",
    "fentropy": "mxgan.metrics",
    "load_params": "mxgan.params_files",
    "load_sampler": "mxgan.loading",
    "make_dcgan_sym": "mxgan.networks",
    "open_dataset": "mxgan.data",
    "pack_folder": "mxgan.data",
    "resume": "mxgan.session",
    "save_params": "mxgan.params_files",
    "start": "mxgan.session",
    "start_or_resume": "mxgan.session",
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
