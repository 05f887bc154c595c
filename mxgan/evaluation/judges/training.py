"""Training of a judge, the network that measures samples, on the images of a data set."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from typing import Callable, Optional

import numpy as np

from mxgan.data.images import ImageArrayIter
from mxgan.errors import MXGANError
from mxgan.evaluation.judges.data import LabelledData
from mxgan.evaluation.judges.examination import LEAST_IMAGES, TEST_IMAGES, judge_test
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.rotation import in_all_turns
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.runtime import mx, versions
from mxgan.runtime.draws import rng_for
from mxgan.runtime.progress import Progress
from mxgan.training.optimizers import init_optimizer, scale_learning_rate

__all__ = ["accuracy", "add_test", "train_classifier"]

logger = logging.getLogger(__name__)

WARM = 3  # steps before the time is taken: the first are slower
TIMED = 30  # steps from which the time of the whole training is told
SLOWER = 1.5  # times the told time: then it is told again
WORTH_TELLING = 20  # seconds


def train_classifier(
    data: LabelledData,
    training: Optional[ClassifierTraining] = None,
    progress: Optional[bool] = None,
    tested: bool = True,
) -> FeatureNetwork:
    """A judge trained on the data, with its accuracy on the test images and what it can see in its `record`.

    The same data and settings give the same bits on the same machine with the same number of threads. This sets the
    seed of MXNet's own random numbers. After the first steps the log says about how long the training takes.

    Parameters
    ----------
    training : the settings; None: those of the data. The architecture is theirs too.
    tested : whether `add_test` tests it. Without, the caller can save it first: nothing in a test is worth the loss of
        a training.
    """
    training, began = training or data.training, time.perf_counter()
    network = training.network(data.train.num_classes)
    steps = training.steps_on(data.train)
    parameters = _trained(network, data.train, training, steps, progress)
    trained = FeatureNetwork(network, _scaled(FeatureNetwork(network, parameters), data.test))
    trained.record.update(
        accuracy=_accuracy_of(trained, data.test),
        test_images=data.test.num_images,
        data=data.describe(),
        training={**training.as_json(), "steps": steps},
        versions=versions(),
    )
    if network.knows_classes:
        trained.record["class_names"] = data.train.class_titles
    trained.record["seconds"] = round(time.perf_counter() - began, 1)
    if tested:
        add_test(trained, data)
    return trained


def add_test(network: FeatureNetwork, data: LabelledData) -> bool:
    """Add the `judge_test` by the test images to the record of a judge; False if they are too few for one.

    A test that fails is a warning: the judge measures without it, and the metrics say that it is not tested.
    """
    if data.test.num_images < LEAST_IMAGES:
        return False
    try:
        found = judge_test(network, *data.shown(TEST_IMAGES))
    except (MXGANError, np.linalg.LinAlgError) as error:
        logger.warning("The judge of %s could not be tested, so it is not known what it can see: %s", data.name, error)
        return False
    network.record.update(found.as_json())
    return True


def _trained(network, data: ImageArrayIter, training: ClassifierTraining, steps: int, progress) -> tuple:
    """(arg_params, aux_params) after all steps."""
    module = mx.mod.Module(network.symbol(), ("data",), ("softmax_label",), fixed_param_names=list(training.fixed))
    module.bind([("data", (training.rows, *network.image_shape))], [("softmax_label", (training.rows,))])
    mx.random.seed(int(rng_for("classifier", training.seed, 0).integers(2**31)))
    module.init_params(training.initializer())
    init_optimizer(module, training.optimizer())
    clock = _Clock(steps)
    with Progress(progress, "classifier", steps, "step") as bar:
        for step, batch in enumerate(_batches(data, steps)):
            scale_learning_rate(module, training.rate(step, steps), 1.0)
            images, labels = map(mx.nd.array, training.batch(batch, step))
            module.forward_backward(mx.io.DataBatch([images], [labels]))
            module.update()
            clock.told(step)
            bar.update()
    mx.nd.waitall()  # BatchNorm's moving statistics are written without the engine knowing
    return module.get_params()


class _Clock:
    """Says after the first steps about how long all of them take, and again if the machine becomes much slower.

    It looks after 3 + 30 steps, and each time that twice as many are done.
    """

    def __init__(self, steps: int, now: Callable = time.perf_counter) -> None:
        self._steps, self._now = steps, now
        self._last: tuple = (WARM, 0.0)  # step and time when it looked last
        self._per_step: Optional[float] = None  # seconds that were told
        self._next = WARM

    def told(self, step: int) -> None:
        """Log about how long the steps after this one take, if it is time to look, and if it is news."""
        if step != self._next:
            return
        mx.nd.waitall()
        (before, began), now = self._last, self._now()
        self._last, self._next = (step, now), WARM + max(TIMED, 2 * (step - WARM))
        if step > WARM:
            self._tell((now - began) / (step - before), self._steps - step)

    def _tell(self, per_step: float, steps: int) -> None:
        left = per_step * steps
        if left <= WORTH_TELLING or (self._per_step is not None and per_step <= SLOWER * self._per_step):
            return
        taken = f"{left / 60:.0f} minutes" if left > 90 else f"{left:.0f} seconds"
        if self._per_step is None:
            logger.info("The training of the judge takes about %s on this machine, once: it is kept.", taken)
        else:
            logger.info("The training of the judge has become slower: about %s more.", taken)
        self._per_step = per_step


def _batches(data: ImageArrayIter, count: int) -> Iterator:
    """The first `count` batches of epoch 0 and those after it."""
    for epoch in itertools.count():
        data.seek(epoch)
        for batch in data:
            yield batch
            count -= 1
            if not count:
                return


def _scaled(network: FeatureNetwork, data) -> tuple:
    """The network's parameters, scaled to features of root mean square 1 on the images of `data`.

    The probabilities do not change. The scale makes distances of features comparable: without it, they depend on how
    large the weights became in this training.
    """
    data.seek(0)
    features = [
        network.features_and_probabilities(batch.data[0].asnumpy()[: data.batch_size - batch.pad]).features
        for batch in data
    ]
    size = float(np.sqrt(np.mean(np.square(np.concatenate(features), dtype=np.float64)))) or 1.0
    arguments, auxiliary = network.parameters
    return network.network.rescaled(arguments, size), auxiliary


def _accuracy_of(network: FeatureNetwork, data: ImageArrayIter) -> float:
    """The share of test images whose class is found; of a rotation judge: of images in each turn whose turn is."""
    if network.network.knows_classes:
        return accuracy(lambda images: network.trained_shares(images.asnumpy()), data)
    data.seek(0)
    right = 0
    for batch in data:
        images, turns = in_all_turns(batch.data[0].asnumpy()[: data.batch_size - batch.pad])
        right += int((network.trained_shares(images).argmax(axis=1) == turns).sum())
    return right / (4 * data.num_images)


def accuracy(probabilities_of: Callable, data) -> float:
    """The share of the images of `data` that a classifier puts into their true class; each image counts once.

    `probabilities_of` maps the images of a batch, an NDArray (N, C, H, W), to probabilities (N, K). `data` is an
    iterator of mxgan.data over labelled images.
    """
    data.seek(0)
    right = 0
    for batch in data:
        found = probabilities_of(batch.data[0]).argmax(axis=1) == batch.label[0].asnumpy()
        right += int(found[: data.batch_size - batch.pad].sum())
    return right / data.num_images
