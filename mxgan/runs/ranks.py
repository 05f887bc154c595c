"""The settings of a run on all of its ranks, and the comparison of the ranks before the first step."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Optional

from mxgan import runtime
from mxgan.errors import listed
from mxgan.runs.config import RunConfig, config_of_record, recorded_config
from mxgan.runs.data import data_record
from mxgan.runtime.config import to_dict
from mxgan.training.parallel.equality import check_same_start, code_digest
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.run_folder import RunFolder

__all__ = ["check_ranks", "log_traffic", "recorded_on_all"]

logger = logging.getLogger(__name__)


def recorded_on_all(ranks: Ranks, folder: Optional[RunFolder]) -> RunConfig:
    """The configuration in a run's config.json, read by rank 0 alone; the others need no access to the folder."""
    recorded = recorded_config(folder) if ranks.is_first else None
    values = ranks.from_first(to_dict(recorded) if recorded else None)
    return recorded or config_of_record({"run": values})


def check_ranks(ranks: Ranks, config: RunConfig, data, pair) -> None:
    """Raise RanksDifferError unless all ranks have the same configuration, data and code.

    The log names the ranks, and the layers that make the run another one than that of a single process. Settings of
    several ranks, given to a single process, are only mentioned.
    """
    if ranks is ALONE:
        if config.sync_batch_norm or config.gradient_compression:
            logger.info("One process trains alone: sync_batch_norm and gradient_compression change nothing.")
        return
    check_same_start(ranks, _facts(config, data))
    logger.info(
        "%d ranks train together, with %d images of each batch on each: %s.",
        ranks.size,
        config.recipe.batch_size // ranks.size,
        listed(ranks.gathered(f"rank {ranks.rank} on {ranks.host}"), 8),
    )
    if pair.coupled_layers:
        remedy = "" if config.sync_batch_norm else " --sync-batch-norm takes the whole batch for BatchNorm."
        logger.info(
            "%s: computed over each rank's part of a batch, so this is not the run of one process.%s",
            listed(pair.coupled_layers),
            remedy,
        )
    if pair.drawing_layers:
        logger.info(
            "%s: random numbers of each rank's own, so this is not the run of one process.", listed(pair.drawing_layers)
        )


def log_traffic(ranks: Ranks, steps: int, seconds: float) -> None:
    """Log what the exchange of gradients has cost in so many steps and seconds; nothing for a single process."""
    traffic = ranks.traffic
    if traffic is not None and steps > 0:
        logger.info(
            "Exchange between the ranks: each sent %.1f MB a step; %.0f %% of the time, with waiting for slower ranks.",
            traffic.bytes_sent / steps / 1e6,
            100 * traffic.exchanging / seconds,
        )


def _facts(config: RunConfig, data) -> Mapping:
    places = ("data_dir", "labels")  # may differ between machines: the data's fingerprint is compared
    settings = {name: value for name, value in to_dict(config).items() if name not in places}
    return {
        "configuration": settings,
        "data": data_record(data),
        "code": code_digest(),
        "versions": runtime.versions(),
    }
