"""The commands `mxgan evaluate` and `mxgan train-classifier`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Optional

import click

from mxgan.cli.flags import background_option, overwrite_option
from mxgan.cli.streams import nowhere, say
from mxgan.cli.terminal import readable_errors, show_log

__all__ = ["evaluate", "train_classifier"]


class _MetricOption(click.Option):
    """--metric, with the metrics' names in its help; they are imported only for the help, which takes half a second."""

    def get_help_record(self, ctx):
        from mxgan.evaluation.metrics import METRICS

        self.help = f"A metric; may be given again: {', '.join(METRICS)}. Without it: all metrics that the data allow."
        return super().get_help_record(ctx)


@click.command()
@click.argument("run", type=click.Path())
@click.option("--checkpoint", metavar="STEP|latest|best", default="latest", show_default=True)
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    cls=_MetricOption,
)
@click.option(
    "--samples",
    type=click.IntRange(100, 10**6),
    default=10_000,
    show_default=True,
    help="Number of samples; as many real images are used, or all if there are fewer.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Decides every draw.")
@click.option(
    "--ema/--raw",
    "averaged",
    default=None,
    help="The average of G's weights (the default, where the run has one), or the weights themselves.",
)
@click.option(
    "--classifier",
    type=click.Path(),
    metavar="FOLDER",
    help="A trained judge; without it: the data set's own, trained once and kept in the user's cache.",
)
@click.option("--inception", type=click.Path(), metavar="FILE.onnx", help="The Inception network, for fid.")
@click.option(
    "--pyramid",
    metavar="mirrored|padded",
    default="mirrored",
    show_default=True,
    help="For swd: as in Karras et al. 2018, or as in MMGeneration's published scores.",
)
@click.option(
    "--against",
    type=click.Path(),
    metavar="FOLDER|ZIP",
    help="Other real images to measure against, as not trained on.",
)
@click.option(
    "--held-out", type=click.Path(), metavar="FOLDER|ZIP", help="For copies: images that the run was not trained on."
)
@click.option("--dataset", metavar="NAME", help="For a run that was imported without data: the real images.")
@click.option("--data-dir", type=click.Path(), help="Present folder of the data.")
@click.option("--labels", metavar="FILE", help="Present labels file of the data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with the whole protocol instead of a table.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Also write the JSON to FILE.")
@overwrite_option
@click.option("--debug", is_flag=True, help="Show tracebacks.")  # fmt: skip
def evaluate(
    run: str, metrics: tuple, as_json: bool, output: Optional[str], overwrite: bool, debug: bool, **settings
) -> None:
    """Measure samples of RUN against its data; scores and protocol are also written to RUN/evaluation/STEP.json."""
    show_log(err=True)
    with readable_errors(debug):
        from mxgan.cli.outputs import check_file, make_folder
        from mxgan.runs.evaluate import evaluate as measured
        from mxgan.runs.evaluation_files import save_evaluation
        from mxgan.runtime.files import write_whole

        if output:
            check_file(Path(output), overwrite)
            make_folder(Path(output).parent)
        found = measured(run, metrics=metrics or None, **settings)
        try:  # if printing fails, the scores are still saved
            say(found.as_json() if as_json else f"{found.table()}\n\n{found.describe()}")
        except BrokenPipeError:  # as with `| head`: the reader has closed the pipe
            sys.stdout = nowhere()
        finally:
            try:  # each of the two is written, whatever happens to the other
                kept = save_evaluation(run, found)
            finally:
                if output:
                    write_whole(Path(output), found.as_json() + "\n")
        if not as_json:
            say(f"written: {kept}{f' and {output}' if output else ''}")


@click.command("train-classifier")
@click.option("--dataset", metavar="NAME", default="digits", show_default=True, help="mnist, digits or folder.")
@click.option("--data-dir", type=click.Path(), help="Folder of the data, or a .zip of images.")
@click.option("--labels", metavar="FILE|folders", help="CSV or dataset.json with the labels of a folder's images.")
@background_option
@click.option("--output", type=click.Path(), metavar="FOLDER", required=True, help="A new folder for the classifier.")
@overwrite_option
@click.option(
    "--architecture",
    metavar="auto|lenet|residual|rotation",
    default="auto",
    show_default=True,
    help="auto: lenet for grey images, residual for coloured ones, rotation for images without classes.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Without it: the judge of `mxgan evaluate`, kept too.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Decides every draw.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def train_classifier(
    dataset: str,
    data_dir: Optional[str],
    labels: Optional[str],
    background: Optional[str],
    output: str,
    overwrite: bool,
    architecture: str,
    epochs: Optional[int],
    seed: int,
    debug: bool,
) -> None:
    """Train and test a judge: the network whose features and classes the metrics use."""
    show_log(err=True)
    with readable_errors(debug):
        from mxgan.cli.outputs import check_folder
        from mxgan.errors import ArgumentError
        from mxgan.evaluation.judges.cache import kept_classifier
        from mxgan.evaluation.judges.data import labelled_data, own_architecture
        from mxgan.evaluation.judges.features import CLASSIFIER_FILES
        from mxgan.evaluation.judges.settings import TRAININGS, training_of, training_of_epochs
        from mxgan.evaluation.judges.training import add_test
        from mxgan.evaluation.judges.training import train_classifier as trained
        from mxgan.evaluation.judges.words import judge_in_words

        check_folder(Path(output), overwrite, CLASSIFIER_FILES)
        given = {"labels": labels, "background": background}
        if architecture not in ("auto", *TRAININGS):  # no suggestion: the nearest spelling of resnet is lenet
            known = "auto, lenet (grey images), residual (a ResNet, for coloured ones), rotation (without classes)"
            raise ArgumentError(f"unknown architecture of a judge {architecture!r}. Known: {known}.")
        if architecture == "auto":
            architecture = own_architecture(dataset, data_dir, **given)
        if epochs:
            training = training_of_epochs(architecture, epochs, seed=seed)
        else:
            training = training_of(architecture, seed=seed)
        data = labelled_data(dataset, data_dir, training, **given)
        network = trained(data, tested=False) if epochs else kept_classifier(data)
        network.save(output, overwrite)
        if epochs and add_test(network, data):  # saved before: a test may be stopped or fail
            network.save(output, overwrite=True)
        record = {"accuracy": network.record["accuracy"], "test_images": network.record["test_images"]}
        say(json.dumps({**record, "fingerprint": network.fingerprint}))
        say(judge_in_words(network.describe()))
        say(f"classifier: {output}")
