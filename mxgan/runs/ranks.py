"""The settings of a run on all of its ranks, and the comparison of the ranks before the first step."""

from __future__ import annotations

import logging
import os
from typing import Optional

from mxgan import runtime
from mxgan.errors import listed
from mxgan.runs.config import RunConfig, config_of_record, recorded_config
from mxgan.runs.data import data_record
from mxgan.runtime.config import to_dict
from mxgan.runtime.mpi import world
from mxgan.training.parallel.equality import check_same_start, code_digest
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.run_folder import RunFolder

__all__ = ["check_data_of_ranks", "check_settings_of_ranks", "log_traffic", "recorded_on_all"]

logger = logging.getLogger(__name__)

_PLACES = ("data_dir", "labels")  # may differ between machines: the data's fingerprint is compared


def recorded_on_all(ranks: Ranks, folder: Optional[RunFolder]) -> RunConfig:
    """The configuration in a run's config.json, read by rank 0 alone; the others need no access to the folder."""
    recorded = recorded_config(folder) if ranks.is_first else None
    values = ranks.from_first(to_dict(recorded) if recorded else None)
    return recorded or config_of_record({"run": values})


def check_settings_of_ranks(ranks: Ranks, config: RunConfig) -> None:
    """Raise RanksDifferError unless all ranks have the same configuration, code and versions.

    To be called before anything is bound: ranks of other networks would wait for each other in vain. Settings of
    several ranks, given to a single process, are only mentioned.
    """
    if ranks is ALONE:
        if config.sync_batch_norm or config.gradient_compression:
            logger.info("One process trains alone: sync_batch_norm and gradient_compression change nothing.")
        return
    own = {name: value for name, value in to_dict(config).items() if name not in _PLACES}
    check_same_start(ranks, {"configuration": own, "code": code_digest(), "versions": runtime.versions()})


def check_data_of_ranks(ranks: Ranks, config: RunConfig, parts) -> None:
    """Raise RanksDifferError unless all ranks have the same data; log the ranks, and layers that make it another run.

    `parts` are the `Parts` of this rank.
    """
    if ranks is ALONE:
        return
    check_same_start(ranks, {"data": data_record(parts.sources.images)})
    logger.info(
        "%d ranks train together, each with %d images of a batch and %d threads: %s.",
        ranks.size,
        config.recipe.batch_size // ranks.size,
        runtime.threads().count,
        listed(ranks.gathered(f"rank {ranks.rank} on {ranks.host}"), 8),
    )
    _tell_of_bound_cpus()
    if parts.pair.coupled_layers:
        remedy = "" if config.sync_batch_norm else " --sync-batch-norm takes the whole batch for BatchNorm."
        what = "computed over each rank's part of a batch, so this is not the run of one process"
        logger.info("%s: %s.%s", listed(parts.pair.coupled_layers), what, remedy)
    if parts.pair.drawing_layers:
        what = "random numbers of each rank's own, so this is not the run of one process"
        logger.info("%s: %s.", listed(parts.pair.drawing_layers), what)


def _tell_of_bound_cpus() -> None:
    """Warn if the launcher lets this rank use less than its share of the machine; Open MPI does so by default."""
    cpus, place = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0, world()
    if 0 < cpus < (os.cpu_count() or 1) // place.local_size:
        logger.warning(
            "The launcher has bound rank %d to %d of %d CPUs. mpirun --bind-to none lets the ranks share all of them.",
            place.rank,
            cpus,
            os.cpu_count(),
        )


def log_traffic(pair, seconds: float) -> None:
    """Log what the exchange of gradients has cost in so many seconds; nothing for a single process."""
    traffic = pair.ranks.traffic
    if traffic is not None and traffic.exchanges:
        exchanges = sum(map(pair.schedule.updates_of, pair.halves()))  # of a step
        logger.info(
            "Exchange between the ranks: each sent %.1f MB a step; %.0f %% of the time, with waiting for slower ranks.",
            traffic.bytes_sent / traffic.exchanges * exchanges / 1e6,
            100 * traffic.exchanging / seconds,
        )
