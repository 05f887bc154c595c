"""`python -m benchmarks.judges`: what judges see, and how good they must be, for docs/evaluation.md and docs/judges.md.

`steps`: a small DCGAN is trained on MNIST; its checkpoints are measured with LeNets of shorter and shorter trainings.
The table has the accuracy of each, and the rank correlation (Spearman) of each metric with the values of the whole
training.

`table`: the test of judges by changed images. `absent`: what they say when classes are absent, and of real images.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from scipy.stats import spearmanr

import mxgan
from mxgan.evaluation.classifier_scores import label_histogram, missing_classes
from mxgan.evaluation.judges.data import labelled_data
from mxgan.evaluation.judges.examination import TEST_IMAGES, judge_test
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import ClassifierTraining, ResidualTraining
from mxgan.evaluation.judges.training import train_classifier
from mxgan.runtime.config import override

METRICS = ("frechet", "kernel", "classifier_score", "label_kl")
BOUNDS = (100, 200, 400, 700, 1000, None)  # None: the whole training
STEPS, EVERY, SAMPLES = 600, 40, 1000
ABSENT = (1, 2, 4, 6)  # classes
DRAWS = 20  # of the absent classes
HELD_OUT = 10_000  # images at most


@click.group(help=__doc__)
def main() -> None:
    """The commands."""


@main.command()
@click.option("--data-dir", required=True, type=click.Path(), help="Folder with the IDX files of MNIST.")
@click.option("--output", required=True, type=click.Path(), help="Folder for the run and the classifiers.")
def steps(data_dir: str, output: str) -> None:
    """How long a LeNet must be trained to follow one run."""
    folder = Path(output)
    run = _run(folder / "run", data_dir)
    found = {bound: _judged(run, _classifier(folder / f"classifier-{bound}", bound, data_dir)) for bound in BOUNDS}
    _, whole = found[None]
    names = " | ".join(f"`{name}`" for name in METRICS)
    click.echo(f"| Steps | Right on MNIST's test set | {names} | `frechet` at the end |")
    click.echo("|" + " ---: |" * (3 + len(METRICS)))
    for network, rows in found.values():
        ranks = [spearmanr([row[name] for row in rows], [row[name] for row in whole])[0] for name in METRICS]
        shown = " | ".join(f"{rank:.2f}" for rank in ranks)
        trained, right = network.record["training"]["steps"], network.record["accuracy"]
        click.echo(f"| {trained:,} | {100 * right:.1f} % | {shown} | {rows[-1]['frechet']:.2f} |")


def _run(folder: Path, data_dir: str) -> Path:
    small = {"image_size": 32, "nc": 1, "ngf": 8, "ndf": 8, "batch_size": 32}
    config = mxgan.RunConfig(
        override(mxgan.RECIPES["dcgan"], small),
        dataset="mnist",
        data_dir=data_dir,
        steps=STEPS,
        checkpoint_every=EVERY,
        keep=None,
    )
    if not (folder / "checkpoints" / f"{STEPS:06d}").is_dir():
        mxgan.start_or_resume(config, folder, display="none").run()
    return folder


def _classifier(folder: Path, bound, data_dir: str) -> Path:
    if not folder.exists():
        training = ClassifierTraining(most_steps=bound)
        train_classifier(labelled_data("mnist", data_dir, training), training).save(folder)
    return folder


def _judged(run: Path, classifier: Path) -> tuple:
    """(the classifier, {metric: value} of each checkpoint)."""
    rows = [
        mxgan.evaluate(run, step, METRICS, SAMPLES, classifier=classifier).results
        for step in range(EVERY, STEPS + 1, EVERY)
    ]
    values = [{name: score.value for name, score in row.items()} for row in rows]
    return FeatureNetwork.load(classifier), values


def _given(command):
    """The options of a command that looks at judges."""
    for option in (
        click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True)),
        click.option("--dataset", default="folder", show_default=True),
        click.option("--data-dir", type=click.Path()),
    ):
        command = option(command)
    return command


@main.command()
@_given
def table(folders: tuple, dataset: str, data_dir: str) -> None:
    """Fréchet distances of changed test images in the features of the judges in FOLDERS."""
    images, labels = _held_out(dataset, data_dir, TEST_IMAGES)
    click.echo("| Judge | Change | unchanged | level 1 | 2 | 3 | 4 | 5 | seen from | in order |")
    click.echo("| --- | --- |" + " ---: |" * 6 + " --- | --- |")
    for folder in folders:
        network = FeatureNetwork.load(folder)
        found = judge_test(network, images, labels if network.classes else None)
        mean, spread = found.real
        click.echo(f"| {_title(network)} | real against real | {mean:.3g} ± {spread:.2g} |" + " |" * 7)
        for name, values in found.values.items():
            shown = " | ".join(f"{value:.3g}" for value in values) + " |" * (6 - len(values))
            level = found.seen_from(name)
            words = "never" if level is None else f"level {level}"
            click.echo(f"| | {name} | {shown} | {words} | {'yes' if found.sees(name) else 'no'} |")


@main.command()
@_given
def absent(folders: tuple, dataset: str, data_dir: str) -> None:
    """What missing_classes and class_agreement say of real images, some of whose classes are absent."""
    images, labels = _held_out(dataset, data_dir, HELD_OUT)
    head = " | ".join(f"{count} absent" for count in ABSENT)
    click.echo(f"| Judge | right | lowest class | false alarms | found of {head} |")
    click.echo("| --- |" + " ---: |" * (3 + len(ABSENT)))
    for folder in folders:
        network = FeatureNetwork.load(folder)
        seen = network.features_and_probabilities(images).probabilities.argmax(axis=1)
        right = [float((seen[labels == label] == label).mean()) for label in range(network.classes)]
        found = [_found_absent(seen, labels, count) for count in (0, *ABSENT)]
        alarms = float(np.mean([wrong for _, wrong in found]))
        shown = " | ".join(f"{number:.2f}" for number, _ in found[1:])
        click.echo(f"| {_title(network)} | {np.mean(seen == labels):.3f} | {min(right):.3f} | {alarms:.2f} | {shown} |")


def _found_absent(seen: np.ndarray, labels: np.ndarray, count: int) -> tuple:
    """(number of absent classes found, number of present ones called missing), means over draws of the absent ones."""
    classes = int(labels.max()) + 1
    real = label_histogram(labels, classes)
    found, wrong = [], []
    for draw in range(DRAWS):
        gone = np.random.default_rng(draw).permutation(classes)[:count]
        named = missing_classes(label_histogram(seen[~np.isin(labels, gone)], classes), real)
        found.append(len(set(named) & set(gone)))
        wrong.append(len(set(named) - set(gone)))
    return float(np.mean(found)), float(np.mean(wrong))


def _held_out(dataset: str, data_dir: str, most: int) -> tuple:
    """(images, labels) that the data set's own judge is tested on, in colour if they have colour."""
    training = ResidualTraining() if dataset == "folder" else ClassifierTraining()
    return labelled_data(dataset, data_dir, training).shown(most)


def _title(network: FeatureNetwork) -> str:
    return f"{network.network.title}, {100 * network.record['accuracy']:.1f} %"


if __name__ == "__main__":
    main()
