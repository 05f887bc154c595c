"""`python -m benchmarks.judges`: how good a classifier must be to follow one run, for docs/evaluation.md.

A small DCGAN is trained on MNIST; its checkpoints are measured with LeNets of shorter and shorter trainings. The table
has the accuracy of each, and the rank correlation (Spearman) of each metric with the values of the whole training.
"""

from __future__ import annotations

from pathlib import Path

import click
from scipy.stats import spearmanr

import mxgan
from mxgan.evaluation.classifier import train_classifier
from mxgan.evaluation.features import FeatureNetwork
from mxgan.evaluation.judge_data import labelled_data
from mxgan.evaluation.judge_settings import ClassifierTraining
from mxgan.runtime.config import override

METRICS = ("frechet", "kernel", "classifier_score", "label_kl")
BOUNDS = (100, 200, 400, 700, 1000, None)  # None: the whole training
STEPS, EVERY, SAMPLES = 600, 40, 1000


@click.command(help=__doc__)
@click.option("--data-dir", required=True, type=click.Path(), help="Folder with the IDX files of MNIST.")
@click.option("--output", required=True, type=click.Path(), help="Folder for the run and the classifiers.")
def main(data_dir: str, output: str) -> None:
    """Print the table as Markdown; what the folder has already is not trained again."""
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
        steps, right = network.record["training"]["steps"], network.record["accuracy"]
        click.echo(f"| {steps:,} | {100 * right:.1f} % | {shown} | {rows[-1]['frechet']:.2f} |")


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


if __name__ == "__main__":
    main()
