"""The settings of a run that have a flag of `mxgan train` of their own; --set changes all others."""

from __future__ import annotations

__all__ = ["SETTING_OF_FLAG"]

# Name of a flag of `mxgan train` → the setting of the run that it changes.
SETTING_OF_FLAG = {
    "batch_size": "recipe.batch_size",
    "ngf": "recipe.network.ngf",
    "ndf": "recipe.network.ndf",
    "nc": "recipe.network.nc",
    "image_size": "recipe.network.image_size",
    "precision": "recipe.precision",
    "ema": "recipe.ema",
    "augment": "recipe.augment",
    **{
        name: name
        for name in (
            "dataset", "data_dir", "labels", "limit", "seed", "gpu", "log_every", "sample_every", "checkpoint_every",
            "evaluate_every", "keep", "keep_best", "on_nan", "diagnose", "monitor", "show_every", "tensorboard",
            "sync_batch_norm", "gradient_compression",
        )
    },
}  # fmt: skip
