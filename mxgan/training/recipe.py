"""`Recipe`: all settings of a training except the data and the seed, as one value; recipes.py has published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Optional, Tuple  # noqa: UP035 - Tuple: read at run time on Python 3.9

from mxgan.data.base import SAMPLING
from mxgan.errors import ArgumentError, lookup
from mxgan.networks import DCGAN, get_network
from mxgan.networks.base import Network
from mxgan.objectives.augment.adaptive import check_adaptive
from mxgan.objectives.augment.table import check_augmentations
from mxgan.objectives.feature_matching import check_matchable
from mxgan.objectives.heads import get_objective
from mxgan.objectives.penalties import check_clip, make_penalty
from mxgan.runtime.config import check_switch, fits_float32, from_dict, to_dict, whole_number
from mxgan.runtime.draws import check_distribution
from mxgan.training.averaging import check_decay
from mxgan.training.initializers import get_initializer
from mxgan.training.learning_rates import LearningRateSchedule
from mxgan.training.optimizers import OptimizerConfig
from mxgan.training.precision import PRECISIONS
from mxgan.training.schedule import InstanceNoise, Schedule
from mxgan.training.step import check_real_label

__all__ = ["ALGORITHMS", "Recipe"]

ALGORITHMS = ("auto", "direct", "fast")  # see algorithm.py


@dataclass(frozen=True)
class Recipe:
    """One pair of networks and the settings of its training.

    Parameters
    ----------
    summary : one line for the reader.
    source : the publication, and the differences from it.
    network : a row of NETWORKS with its widths and sizes.
    objective : a row of OBJECTIVES.
    generator_optimizer, discriminator_optimizer : see `OptimizerConfig`.
    initializer, initial_sigma : a row of INITIALIZERS; sigma is the standard deviation of "normal".
    batch_size : the number of images in a batch.
    latent_distribution : "normal", or "uniform" on [-1, 1], of every latent: in training, pictures and samples.
    schedule : order and number of the updates in a step; see `Schedule`.
    real_label : D's target on real images; below 1 it is one-sided label smoothing, for objectives with a target.
    instance_noise : noise on D's input, none by default; see `InstanceNoise`.
    spectral_norm : divide D's weights by their largest singular value; see objectives/spectral.py.
    feature_matching : G brings the mean of D's features on its images to that on the real images of the step, in place
        of the objective's loss; see objectives/feature_matching.py. The log shows the objective's.
    penalty, penalty_weight : a row of PENALTIES on D's gradient and its weight in the paper's notation; None: no
        penalty.
    weight_clip : bound of D's weights; None: no bound.
    precision : "float32", or "bfloat16" for the passes on a CPU that supports it; see precision.py.
    algorithm : "direct" for MXNet's own operators; "fast" for ours, which need Numba; "auto": the faster one that can
        be had here; see algorithm.py.
    ema : decay of an average of G's weights, above 0 and below 1; None: no average. See averaging.py.
    discriminator_ema : with labelled_per_class above 0, the same of D's weights, with which D's accuracy on test images
        is measured too; otherwise it changes nothing.
    augment : rows of AUGMENTATIONS: random changes of every image that D judges in training; see objectives/augment.
    augment_target : the mean of sign(D) on real images at which the augmentations' probability is held, above 0 and
        below 1; None: the probability is 1. See callbacks/adaptive_augmentation.py.
    mirror : whether each real image is mirrored, left and right exchanged, with the probability ½.
    labelled_per_class : for a D that classifies, the number of labelled images of each class; 0: all images.
    sampling : "shuffle" each epoch, or draw every batch with "replacement".
    steps_per_epoch : with replacement, the number of steps in an epoch; None: decided by the number of images.
    pictures : rows of PICTURES, drawn every `sample_every` steps.
    run_name : name of the run folder, with `{recipe.…}` and `{dataset}` filled in; None: the data set's name and the
        time.
    run_defaults : settings of the run (steps or epochs, limit, log_every, sample_every, show_every), as published if
        the source gives them; flags override them, --set cannot change them.
    """

    summary: str
    source: str
    network: Any = field(default_factory=DCGAN)
    objective: str = "gan"
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    initializer: str = "normal"
    initial_sigma: float = 0.02
    batch_size: int = 64
    latent_distribution: str = "normal"
    schedule: Schedule = field(default_factory=Schedule)
    real_label: float = 1.0
    instance_noise: InstanceNoise = field(default_factory=InstanceNoise)
    spectral_norm: bool = False
    feature_matching: bool = False
    penalty: Optional[str] = None
    penalty_weight: float = 10.0
    weight_clip: Optional[float] = None
    precision: str = "float32"
    algorithm: str = "auto"
    ema: Optional[float] = None
    discriminator_ema: Optional[float] = None
    augment: Tuple[str, ...] = ()  # noqa: UP006
    augment_target: Optional[float] = None
    mirror: bool = False
    labelled_per_class: int = 0
    sampling: str = "shuffle"
    steps_per_epoch: Optional[int] = None
    pictures: Tuple[str, ...] = ("grids",)  # noqa: UP006
    run_name: Optional[str] = None
    run_defaults: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise ArgumentError(f"network is {self.network!r:.60}; give a row of NETWORKS with its settings.")
        get_objective(self.objective)
        if self.batch_size < 1:
            raise ArgumentError(f"batch_size is {self.batch_size}; give at least 1.")
        if not fits_float32(self.initial_sigma):
            raise ArgumentError(f"initial_sigma is {self.initial_sigma}; give a number above 0 that float32 can hold.")
        get_initializer(self.initializer, self.initial_sigma, {})
        check_switch("spectral_norm", self.spectral_norm)
        check_distribution(self.latent_distribution)
        lookup("precision", self.precision, PRECISIONS)
        lookup("algorithm", self.algorithm, ALGORITHMS)
        if self.weight_clip is not None:
            check_clip(self.weight_clip)
        check_decay(self.ema)
        check_decay(self.discriminator_ema, "discriminator_ema", "discriminator")
        check_switch("mirror", self.mirror)
        check_augmentations(self.augment)
        for name in ("augment", "pictures"):  # a list is another value than the tuple that is read back from JSON
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.augment_target is not None:
            check_adaptive(self.augment, self.augment_target, self.objective)
        self._check_labels()
        self._check_feature_matching()
        self._check_penalty()
        self._check_epoch()

    def _check_labels(self) -> None:
        whole_number("labelled_per_class", self.labelled_per_class, minimum=0)
        if self.labelled_per_class and not self.network.classifies:
            raise ArgumentError(
                f"labelled_per_class is {self.labelled_per_class}, and the network {self.network.name!r} does not "
                "classify; give 0, or a network that does."
            )
        check_real_label(self.real_label)
        if self.real_label != 1 and not get_objective(self.objective).soft_labels:
            raise ArgumentError(
                f"real_label is {self.real_label}, and the objective {self.objective!r} has no target to smooth; "
                "add --set real_label=1, or give another objective."
            )

    def _check_feature_matching(self) -> None:
        check_switch("feature_matching", self.feature_matching)
        if not self.feature_matching:
            return
        check_matchable(self.network.discriminator())  # at once, and not only when the data have been read
        if self.network.mixes_samples:
            raise ArgumentError(
                f"feature_matching is true, and the network has {self.network.mixes_samples}, which would mix G's "
                "images with real ones; add --set feature_matching=false or --set minibatch_kernels=0."
            )

    def _check_penalty(self) -> None:
        if self.penalty is None:
            return
        make_penalty(self.penalty, self.penalty_weight)
        if self.network.mixes_samples:
            raise ArgumentError(
                f"penalty is {self.penalty!r}, and the network has {self.network.mixes_samples}, which mixes the "
                "samples of a batch: a gradient for each sample does not exist (Gulrajani et al. 2017, section 4). "
                "Give --set minibatch_kernels=0 or --set penalty=null."
            )

    def _check_epoch(self) -> None:
        lookup("sampling", self.sampling, SAMPLING)
        if self.steps_per_epoch is not None:
            whole_number("steps_per_epoch", self.steps_per_epoch, maximum=100_000)
            if self.sampling != "replacement":
                raise ArgumentError(
                    f"steps_per_epoch is {self.steps_per_epoch}, and with sampling {self.sampling!r} an epoch gives "
                    "each image once; add --set steps_per_epoch=null or --set sampling=replacement."
                )

    @classmethod
    def parts_from_dict(cls, values: Mapping) -> dict:
        """`values` with its "network" object replaced by the network of that name."""
        network = values.get("network")
        if not isinstance(network, Mapping):
            return dict(values)
        return {**values, "network": from_dict(get_network(network.get("name")), network, "network", "network.")}

    def describe(self) -> str:
        """The settings in a few lines of text; settings with the default value are left out.

        By default there is no penalty; if there is one, the text has its weight too, even the default weight.
        """
        plain, network = Recipe("", ""), to_dict(self.network)
        parts = [f"network {network.pop('name')} ({_listed(network)})", f"objective {self.objective}"]
        parts += [f"{half} {_optimizer(getattr(self, f'{half}_optimizer'))}" for half in ("generator", "discriminator")]
        parts.append(f"batch_size {self.batch_size}")
        named = ("summary", "source", "network", "objective", "generator_optimizer", "discriminator_optimizer")
        for setting in fields(self):
            value = getattr(self, setting.name)
            listed = value != getattr(plain, setting.name) or (setting.name == "penalty_weight" and self.penalty)
            if setting.name not in (*named, "batch_size") and listed:
                changed = to_dict(value)
                parts.append(f"{setting.name} {_listed(changed) if isinstance(changed, dict) else changed}")
        return "; ".join(parts)


def _optimizer(config: OptimizerConfig) -> str:
    words = f"{config.name} {config.learning_rate:g} ({_listed(config.settings)})"
    plain, schedule = to_dict(LearningRateSchedule()), to_dict(config.schedule)
    changed = {name: value for name, value in schedule.items() if value != plain[name]}
    return f"{words} schedule ({_listed(changed)})" if changed else words


def _listed(settings: Mapping) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
